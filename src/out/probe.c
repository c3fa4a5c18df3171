/* Probes: HEAD, or GET where HEAD is not known, as calls of the proxy are made; fair among the
 * hosts, and among those that answer and those that keep us waiting. */
#include "out/probe.h"

#include "base/clock.h"
#include "base/ids.h"
#include "base/keyhash.h"
#include "out/conn_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    BUCKETS = 16384,
    BODY_MAX = 16384,
    HEAD_MAX = 32768,
    KEEP_MS = 75000, /* longer than the minute until an endpoint is asked again */
    KEPT_MOST = 1024,
    AGAIN_MAX = 3,       /* kept connections that may turn out to be closed         */
    SLACK_MS = 20,       /* libcurl keeps the time of a dial, and knows more        */
    LATE_BITS = 1 << 20, /* hosts that ran into the deadline, by hash               */
};

/* Probes of one host and port: a few under way, the others wait. */
struct host {
    struct host *next;
    struct ring waiting, ready;
    uint64_t hash;
    int active;
    char name[];
};

struct probe {
    struct prober *prober;
    struct host *host;
    probe_done_fn *done;
    void *arg;
    struct ring part; /* of its host's waiting, then of all active */
    struct call *call;
    struct timer timer; /* of a second request; the first has the deadline of its call */
    bool started, by_get, reused, late;
    int status, again;
    size_t received;
    int64_t begun;
    const char *refusal; /* the URL may not be asked: in texts, as what the url has */
    struct out_url url;
    char texts[];
};

struct prober {
    struct out_limits limits;
    const struct guard *guard;
    int most, per_host;
    struct poll *poll;
    struct timers *timers;
    struct out *out;
    struct watch bell;
    bool woken;
    size_t count;              /* queued or active */
    int running, running_late; /* the latter of hosts that were late the last time */
    struct ring ready, late;   /* hosts with a probe that may begin, latest first */
    bool late_next;
    struct ring active;
    uint64_t seed;
    struct host *hosts[BUCKETS];
    uint64_t was_late[LATE_BITS / 64];
};

static void
on_bell(struct watch *watch, uint32_t events)
{
    uint64_t count;

    (void)events;
    if (read(watch->fd, &count, sizeof count) == sizeof count)
        RING_OF(struct prober, bell, watch)->woken = true;
}

void
prober_wake(struct prober *prober)
{
    eventfd_write(prober->bell.fd, 1);
}

static struct host **
place_of(struct prober *prober, uint64_t hash, const char *name)
{
    struct host **at = &prober->hosts[hash % BUCKETS];

    while (*at != NULL && strcmp((*at)->name, name) != 0)
        at = &(*at)->next;
    return at;
}

static struct host *
host_of(struct prober *prober, const char *name)
{
    size_t size = strlen(name) + 1;
    uint64_t hash = keyhash(prober->seed, name, size);
    struct host **at = place_of(prober, hash, name);

    if (*at == NULL) {
        *at = must(calloc(1, sizeof **at + size));
        (*at)->hash = hash;
        memcpy((*at)->name, name, size);
        ring_init(&(*at)->waiting);
        ring_init(&(*at)->ready);
    }
    return *at;
}

/* Two hosts may share a bit: then one of them waits for a place among the late ones, no more. */
static bool
was_late(const struct prober *prober, const struct host *host)
{
    return prober->was_late[host->hash % LATE_BITS / 64] >> (host->hash % 64) & 1;
}

static void
remember(struct prober *prober, const struct host *host, bool late)
{
    uint64_t *word = &prober->was_late[host->hash % LATE_BITS / 64];
    uint64_t bit = (uint64_t)1 << (host->hash % 64);

    *word = late ? *word | bit : *word & ~bit;
}

/* Has its turn when it may begin a probe; goes when it has none. */
static void
settle_host(struct prober *prober, struct host *host)
{
    bool waits = !ring_is_alone(&host->waiting);

    if (waits && host->active < prober->per_host) {
        if (ring_is_alone(&host->ready))
            ring_put(was_late(prober, host) ? &prober->late : &prober->ready, &host->ready);
    } else if (!waits && host->active == 0) {
        struct host **at = place_of(prober, host->hash, host->name);

        *at = host->next;
        ring_take(&host->ready);
        free(host);
    }
}

static void
probe_free(struct probe *probe)
{
    struct prober *prober = probe->prober;

    if (probe->call != NULL)
        call_cancel(probe->call);
    timers_stop(prober->timers, &probe->timer);
    if (probe->started) {
        probe->host->active--;
        prober->running--;
        prober->running_late -= probe->late;
    }
    ring_take(&probe->part);
    prober->count--;
    settle_host(prober, probe->host);
    free(probe);
}

static void
drop(struct probe *probe)
{
    probe->done(probe->arg, NULL);
    probe_free(probe);
}

static void
tell(struct probe *probe, const char *error)
{
    struct probe_answer answer = { .alive = error == NULL,
                                   .http_status = probe->status,
                                   .latency_ms = (int)(clock_ms() - probe->begun),
                                   .error = error };

    probe->done(probe->arg, &answer);
    probe_free(probe);
}

static void start_some(struct prober *prober);

static void
tell_status(struct probe *probe)
{
    struct prober *prober = probe->prober;
    char error[64];

    remember(prober, probe->host, false);
    snprintf(error, sizeof error, "The endpoint answered with status %d.", probe->status);
    tell(probe, probe->status >= 500 ? error : NULL);
    start_some(prober);
}

static void
on_head(void *arg, const struct call_head *head)
{
    ((struct probe *)arg)->status = head->status;
}

static void
on_body(void *arg, const char *bytes, size_t n)
{
    struct probe *probe = arg;

    (void)bytes;
    probe->received += n;
    if (probe->received > BODY_MAX)
        tell_status(probe);
}

static void ask(struct probe *probe);

/* Asks again, in what is left of its time. */
static void
ask_again(struct probe *probe)
{
    timers_set(probe->prober->timers, &probe->timer,
               probe->begun + probe->prober->limits.connect_ms);
    ask(probe);
}

static void
on_end(void *arg)
{
    struct probe *probe = arg;

    probe->call = NULL;
    if (!probe->by_get && (probe->status == 405 || probe->status == 501)) {
        probe->by_get = true;
        ask_again(probe);
    } else {
        tell_status(probe);
    }
}

static void
fail(struct probe *probe, enum err_code code)
{
    struct prober *prober = probe->prober;

    if (code == ERR_CONNECTION_LIMIT) { /* ours: it says nothing about the endpoint */
        drop(probe);
    } else {
        remember(prober, probe->host,
                 code == ERR_RESPONSE_TIMEOUT || code == ERR_CONNECTION_TIMEOUT ||
                     code == ERR_DNS_TIMEOUT);
        tell(probe, err_text(code));
    }
    start_some(prober);
}

static void
on_fail(void *arg, enum err_code code, const char *note)
{
    struct probe *probe = arg;

    (void)note;
    probe->call = NULL;
    if (probe->status != 0)
        tell_status(probe);
    /* A kept connection may end while the question is on its way; another one is as good. */
    else if (code == ERR_CONNECTION_TERMINATED && probe->reused && probe->again++ < AGAIN_MAX)
        ask_again(probe);
    else
        fail(probe, code);
}

static void
on_time(struct timer *timer)
{
    struct probe *probe = RING_OF(struct probe, timer, timer);

    if (probe->status != 0)
        tell_status(probe);
    else
        fail(probe, ERR_RESPONSE_TIMEOUT);
}

static void
ask(struct probe *probe)
{
    static const struct param headers[] = { { "User-Agent", "rosterd/" ROSTERD_VERSION },
                                            { "Accept", "*/*" } };
    static const struct params all = { headers, COUNT(headers) };
    static const struct call_events events = { on_head, on_body, on_end, on_fail, NULL };
    struct out *out = probe->prober->out;
    unsigned long long reuses = out_stats(out).reuses;
    struct call_request request = { .url = &probe->url,
                                    .method = probe->by_get ? "GET" : "HEAD",
                                    .headers = &all };

    probe->call = call_begin(out, &request, &events, probe);
    probe->reused = out_stats(out).reuses > reuses;
}

static void
start(struct probe *probe)
{
    struct prober *prober = probe->prober;

    probe->begun = clock_ms();
    probe->started = true;
    prober->running++;
    ring_put(&prober->active, &probe->part);
    if (probe->refusal != NULL)
        tell(probe, probe->refusal);
    else
        ask(probe);
}

/* Whose turn it is: those that were late have every second one, and at most half of the places. */
static struct ring *
next_of(struct prober *prober)
{
    bool late = !ring_is_alone(&prober->late) && prober->running_late < (prober->most + 1) / 2;
    bool ready = !ring_is_alone(&prober->ready);

    if (late && ready)
        late = prober->late_next = !prober->late_next;
    return late ? prober->late.prev : ready ? prober->ready.prev : NULL;
}

/* Begins what may begin, one probe of a host after one of another. */
static void
start_some(struct prober *prober)
{
    struct ring *next;

    while (prober->running < prober->most && (next = next_of(prober)) != NULL) {
        struct host *host = RING_OF(struct host, ready, next);
        struct probe *probe = RING_OF(struct probe, part, host->waiting.prev);

        ring_take(&host->ready);
        ring_take(&probe->part);
        host->active++;
        probe->late = was_late(prober, host);
        prober->running_late += probe->late;
        settle_host(prober, host);
        start(probe);
    }
}

struct prober *
prober_new(const struct guard *guard, const struct trust *trust, int most, int per_host,
           int timeout_ms)
{
    struct prober *prober = must(calloc(1, sizeof *prober));

    ids_random(&prober->seed, sizeof prober->seed);
    prober->guard = guard;
    prober->most = most;
    prober->per_host = per_host;
    /* A dial that was given up may take a moment to end. */
    prober->limits = (struct out_limits){
        .connect_ms = timeout_ms,
        .response_ms = timeout_ms,
        .idle_ms = timeout_ms,
        .total_ms = timeout_ms + SLACK_MS,
        .keep_ms = KEEP_MS,
        .names_s = 0, /* an endpoint is not asked again before they are old */
        .connections = most + KEPT_MOST,
        .per_origin = 2 * per_host,
        .head_max = HEAD_MAX,
    };
    prober->poll = poll_new();
    prober->timers = timers_new();
    ring_init(&prober->ready);
    ring_init(&prober->late);
    ring_init(&prober->active);
    prober->out = out_new(prober->poll, prober->timers, guard, &prober->limits, trust);
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return must(poll_add(prober->poll, &prober->bell, fd, EPOLLIN, on_bell) ? prober : NULL);
}

static void
drop_waiting(struct ring *hosts)
{
    while (!ring_is_alone(hosts)) {
        struct host *host = RING_OF(struct host, ready, hosts->prev);

        drop(RING_OF(struct probe, part, host->waiting.prev));
    }
}

void
prober_free(struct prober *prober)
{
    if (prober == NULL)
        return;
    while (!ring_is_alone(&prober->active))
        drop(RING_OF(struct probe, part, prober->active.prev));
    drop_waiting(&prober->ready);
    drop_waiting(&prober->late);
    out_free(prober->out);
    poll_remove(&prober->bell);
    close(prober->bell.fd);
    timers_free(prober->timers);
    poll_free(prober->poll);
    free(prober);
}

static const char *
keep_text(char **at, const char *text)
{
    size_t n = strlen(text) + 1;
    char *kept = memcpy(*at, text, n);

    *at += n;
    return kept;
}

/* With a copy of the URL, or of why it may not be asked. */
static struct probe *
probe_new(const struct out_url *url, const char *refusal)
{
    size_t size = url == NULL
                      ? strlen(refusal) + 1
                      : strlen(url->host) + strlen(url->authority) + strlen(url->target) + 3;
    struct probe *probe = must(calloc(1, sizeof *probe + size));
    char *at = probe->texts;

    probe->timer.fire = on_time;
    if (url == NULL) {
        probe->refusal = keep_text(&at, refusal);
        return probe;
    }
    probe->url = (struct out_url){ .https = url->https,
                                   .port = url->port,
                                   .host = keep_text(&at, url->host),
                                   .authority = keep_text(&at, url->authority),
                                   .target = keep_text(&at, url->target) };
    return probe;
}

void
prober_add(struct prober *prober, const char *url, probe_done_fn *done, void *arg)
{
    struct arena *mem = arena_new();
    struct err err = { 0 };
    const struct out_url *read = out_url_read(prober->guard, url, "url", mem, &err);
    struct probe *probe = probe_new(read, err.reason);

    /* One that may not be asked still gets its answer in its turn. */
    probe->prober = prober;
    probe->done = done;
    probe->arg = arg;
    probe->host = host_of(prober, read == NULL ? "" : read->authority);
    ring_put(&probe->host->waiting, &probe->part);
    prober->count++;
    settle_host(prober, probe->host);
    arena_free(mem);
}

size_t
prober_run(struct prober *prober, int wait_ms)
{
    int64_t now = clock_ms(), until = now + wait_ms;
    bool busy = prober->count > 0;

    start_some(prober);
    do {
        poll_run(prober->poll, timers_wait(prober->timers, now, (int)(until - now)));
        now = clock_ms();
        timers_run(prober->timers, now);
    } while (now < until && !prober->woken && !(busy && prober->count == 0));
    prober->woken = false;
    return prober->count;
}
