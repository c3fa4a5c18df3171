/* The main thread once everything runs. */
#include "app/supervise.h"

#include "app/notify.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { TICK_MS = 1000, UNREADY_TICK_MS = 20, EXTEND_MS = 10000, DRAIN_TICK_MS = 50 };

#define DATABASE_AWAY "not ready: the database does not answer"

void
supervise_environment(void)
{
    static const char *const names[] = {
        "http_proxy",       "https_proxy",   "HTTP_PROXY",   "HTTPS_PROXY",    "all_proxy",
        "ALL_PROXY",        "no_proxy",      "NO_PROXY",     "ftp_proxy",      "FTP_PROXY",
        "SSLKEYLOGFILE",    "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE", "CURL_HOME",
        "CURL_SSL_BACKEND", "RES_OPTIONS",   "LOCALDOMAIN",  "HOSTALIASES",
    };

    for (size_t i = 0; i < COUNT(names); i++) {
        if (getenv(names[i]) == NULL)
            continue;
        log_event(LOG_WARN, "environment_ignored", LOG_T("variable", names[i]));
        unsetenv(names[i]);
    }
}

static void
own_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGHUP);
    sigaddset(set, SIGCHLD);
}

int
supervise_open(void)
{
    sigset_t set;

    own_signals(&set);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

void
supervise_child(void)
{
    sigset_t none;

    signal(SIGPIPE, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The next signal within ms; 0: none. */
static int
next_signal(int signals, int ms)
{
    struct pollfd p = { .fd = signals, .events = POLLIN };
    struct signalfd_siginfo info;

    poll(&p, 1, ms);
    if (read(signals, &info, sizeof info) != (ssize_t)sizeof info)
        return 0;
    return (int)info.ssi_signo;
}

bool
supervise_pause(int signals, int ms)
{
    int64_t until = clock_ms() + ms, left;

    while ((left = until - clock_ms()) > 0) {
        int signo = next_signal(signals, (int)left);
        if (signo == SIGINT || signo == SIGTERM || signo == SIGHUP)
            return false;
    }
    return true;
}

struct closing {
    struct app *app;
    _Atomic int hurry;
};

static void *
close_app(void *arg)
{
    struct closing *closing = arg;

    app_close(closing->app, &closing->hurry);
    return NULL;
}

/* app_close waits, so another thread calls it: this one must hear the second signal. */
static void
drain(const struct supervise *s, int watchdog_ms)
{
    struct closing closing = { .app = s->app };
    int64_t pulse_at = clock_ms();
    pthread_t thread;

    notify_send("STOPPING=1\nSTATUS=draining");
    log_event(LOG_INFO, "draining", LOG_T("next", "a second signal cuts it short"));
    if (pthread_create(&thread, NULL, close_app, &closing) != 0) {
        closing.hurry = 1;
        close_app(&closing);
        return;
    }
    while (pthread_tryjoin_np(thread, NULL) == EBUSY) {
        int signo = next_signal(s->signals, DRAIN_TICK_MS);
        if (signo == SIGINT || signo == SIGTERM)
            closing.hurry = 1;
        /* The loops end one by one: from here on the bound is systemd's time for a stop. */
        if (watchdog_ms > 0 && clock_ms() >= pulse_at) {
            notify_send("WATCHDOG=1");
            pulse_at = clock_ms() + watchdog_ms;
        }
    }
    log_event(LOG_INFO, "stopped", LOG_N("hurried", closing.hurry));
}

/* What changes from tick to tick. */
struct ticking {
    bool was_ready; /* at some time                        */
    bool is_ready;
    int64_t extend_at; /* next time to ask for more time      */
    int64_t pulse_at;  /* next sign of life; 0: no watchdog   */
    int watchdog_ms;
    struct notify_pulse pulse;
};

/* False: on_ready failed. */
static bool
tick(const struct supervise *s, struct ticking *t, int64_t now)
{
    bool ready = app_is_ready(s->app);

    if (ready && !t->was_ready) {
        t->was_ready = true;
        if (s->on_ready != NULL && !s->on_ready(s->arg))
            return false;
        log_event(LOG_INFO, "ready", LOG_N("port", app_port(s->app)));
        notify_send("READY=1\nSTATUS=ready");
    } else if (ready != t->is_ready) {
        notify_status(ready ? "ready" : DATABASE_AWAY);
    }
    t->is_ready = ready;
    if (!t->was_ready && now >= t->extend_at) {
        /* A late database is no failure: the start may take as long as it takes. */
        notify_send("EXTEND_TIMEOUT_USEC=30000000\nSTATUS=waiting for the database");
        t->extend_at = now + EXTEND_MS;
    }
    if (t->watchdog_ms > 0 && now >= t->pulse_at) {
        t->pulse_at = now + t->watchdog_ms;
        if (!notify_alive(&t->pulse, app_progress(s->app)))
            log_event(LOG_ERROR, "no_progress", LOG_T("next", "the watchdog is not fed"));
    }
    return true;
}

static int
tick_ms(const struct ticking *t)
{
    if (!t->was_ready)
        return UNREADY_TICK_MS;
    return t->watchdog_ms > 0 && t->watchdog_ms < TICK_MS ? t->watchdog_ms : TICK_MS;
}

/* Before the first READY=1 nobody waits for the end of a reload, and its READY=1 would be untrue.
 */
static void
reload(const struct supervise *s, const struct ticking *t)
{
    if (t->was_ready)
        notify_reloading();
    bool taken = s->on_hup(s->arg);
    metrics_set(METRIC_RELOAD_SUCCESSFUL, taken);
    if (!t->was_ready)
        return;
    if (!t->is_ready)
        notify_send("READY=1\nSTATUS=" DATABASE_AWAY);
    else
        notify_send(taken ? "READY=1\nSTATUS=ready, reloaded"
                          : "READY=1\nSTATUS=ready; the reload was refused, see the log");
}

/* False: it asks for the end. */
static bool
take_signal(const struct supervise *s, const struct ticking *t, int signo)
{
    if (signo == SIGHUP && s->on_hup != NULL)
        reload(s, t);
    else if (signo == SIGINT || signo == SIGTERM || signo == SIGHUP)
        return false;
    if (s->on_child != NULL)
        s->on_child(s->arg);
    return true;
}

bool
supervise_run(const struct supervise *s)
{
    struct ticking t = { .watchdog_ms = notify_watchdog_ms() };
    bool well = true;

    metrics_set(METRIC_RELOAD_SUCCESSFUL, 1);
    while (well && take_signal(s, &t, next_signal(s->signals, tick_ms(&t))))
        well = tick(s, &t, clock_ms());
    drain(s, t.watchdog_ms);
    return well;
}
