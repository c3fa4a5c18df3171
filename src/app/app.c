/* Makes every long-lived thing of the service in order, and ends them in reverse. */
#include "app/app.h"

#include "api/api.h"
#include "base/clock.h"
#include "base/log.h"
#include "domain/agents.h"
#include "domain/identities.h"
#include "domain/signing.h"
#include "work/hub.h"
#include "work/limits.h"
#include "work/listener.h"
#include "work/loop.h"
#include "work/sockets.h"
#include "work/timer.h"
#include "work/workers.h"
#include "work/writer.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PULSE_LATE_MS = 10 * 1000, LAST_WAIT_MS = 5 * 1000, VISITS_KEPT = 65536 };

struct app {
    struct config *config;
    struct service service;
    struct arena *mem;
    struct keyring *keys;
    struct router *router;
    struct listener *listener;
    struct timer_thread *timer;
    int port;
    unsigned long long progress;
};

static void
take_reloadable(struct service *s, const struct config *c)
{
    s->core.presence.window_ms = c->presence.window;
    s->core.presence.offline_ms = c->presence.offline;
    s->background.interval = c->presence.interval;
    s->background.health = c->health.enabled;
    s->background.calls_kept = c->retention.calls;
    s->background.transitions_kept = c->retention.transitions;
    s->background.messages_kept = c->retention.messages;
    s->background.session_idle = c->mesh.session_idle;
    s->core.audit_kept_ms = c->retention.audit;
    s->mesh.lost = c->mesh.lost;
    s->mesh.remove_connected = c->mesh.remove_connected;
    s->mesh.remove_hosted = c->mesh.remove_hosted;
    s->core.dispatch.proof = c->mesh.dispatch_auth;
    s->core.strict_isolation = c->server.strict_isolation;
    s->limits.enabled = c->limits.enabled;
    s->limits.runtime = c->limits.runtime;
    s->limits.account_least = c->limits.account_least;
    s->limits.account_per_agent = c->limits.account_per_agent;
    s->limits.heartbeat = c->limits.heartbeat;
    s->limits.self = c->limits.self;
    s->limits.owner = c->limits.owner;
    s->limits.verify = c->limits.verify;
    s->limits.mesh = c->limits.mesh;
    s->limits.bad_token = c->limits.bad_token;
    s->limits.client = c->limits.client;
    s->limits.public = c->limits.public;
    log_setup((enum log_level)c->log.level, (enum log_format)c->log.format);
}

/* Dispatches have a deadline of their own: the bounds of their calls only end what would never. */
static void
take_mesh(struct mesh_service *m, const struct config *c, const struct out_limits *proxy)
{
    enum { QUEUE_FRAMES = 256, QUEUE_BYTES = 4 << 20, CLOSE_MS = 2000, CALL_MS = 3700 * 1000 };

    m->ws = (struct ws_limits){
        .message_max = (size_t)c->mesh.message_max,
        .queue_frames = QUEUE_FRAMES,
        .queue_bytes = QUEUE_BYTES,
        .ping_after_ms = (int)c->mesh.ping,
        .pong_within_ms = (int)c->mesh.pong,
        .close_within_ms = CLOSE_MS,
    };
    m->out = *proxy;
    m->out.response_ms = m->out.idle_ms = CALL_MS;
    m->out.total_ms = 0;
    m->dispatch_ms = c->mesh.dispatch_timeout;
    m->lease_ms = c->mesh.lease;
    m->sockets_most = (size_t)c->mesh.sockets;
}

static void
take_settings(struct service *s, const struct config *c)
{
    take_reloadable(s, c);
    s->db = (struct db_options){ .conninfo = secret_bytes(c->database.url),
                                 .name = "rosterd",
                                 .timeout_ms = (int)c->database.timeout,
                                 .reached = &s->db_reached };
    s->background.health_concurrency = c->health.concurrency;
    s->background.health_per_host = c->health.per_host;
    s->background.health_timeout = c->health.timeout;
    s->out = (struct out_limits){
        .connect_ms = (int)c->proxy.connect_timeout,
        .response_ms = (int)c->proxy.response_timeout,
        .idle_ms = (int)c->proxy.idle_timeout,
        .total_ms = (int)c->proxy.total_timeout,
        .keep_ms = (int)c->proxy.keep,
        .names_s = 60,
        .connections = (int)c->proxy.connections,
        .per_origin = (int)c->proxy.per_origin,
        .head_max = (size_t)c->proxy.head_max,
    };
    take_mesh(&s->mesh, c, &s->out);
    s->upload_max = c->proxy.max_body;
    s->cache_stale_ms = c->cache.stale;
    s->access_log = c->log.access;
}

/* The parts that need no thread. */
static bool
make_core(struct app *app, struct err *err)
{
    const struct config *c = app->config;
    struct service *s = &app->service;
    struct cache_limits limits = { (size_t)c->cache.agents, (size_t)c->cache.connections,
                                   (size_t)c->cache.keys, (size_t)c->cache.tokens };

    take_settings(s, c);
    s->started_ms = clock_ms();
    if (!guard_read(&s->guard, c->outbound.allow, c->outbound.allow_http, err))
        return false;
    /* Nodes are where the operator says. */
    if (!guard_read(&s->mesh.peers, "0.0.0.0/0, ::/0", true, err))
        return false;
    s->trusted = http_nets_read(c->server.trusted_proxies, app->mem, err);
    if (s->trusted == NULL)
        return false;
    app->keys =
        keyring_new(secret_bytes(c->crypto.master_key), secret_size(c->crypto.master_key), err);
    if (app->keys == NULL)
        return false;
    s->trust = trust_read(c->proxy.ca_file);
    app->router = router_new(api_dialects);
    s->router = app->router;
    s->limiter = limiter_new((size_t)c->limits.buckets);
    s->orgs = org_counts_new();
    s->core.keys = app->keys;
    s->core.guard = &s->guard;
    s->core.cache = cache_new(&limits);
    struct signing_rules signing = signing_rules_defaults;
    signing.publish_ms = c->oauth.publish;
    s->core.signing = signing_new(&signing);
    s->core.registrations = agents_registrations();
    s->core.identities = identities_registrations();
    s->mesh.hub = hub_new();
    s->mesh.visits = limiter_new(VISITS_KEPT);
    cache_listen(s->core.cache, sockets_hear, s);
    return true;
}

static void
free_core(struct app *app)
{
    if (app->service.core.cache != NULL)
        cache_free(app->service.core.cache);
    hub_free(app->service.mesh.hub);
    trust_free(app->service.trust);
    limiter_free(app->service.mesh.visits);
    combiner_free(app->service.core.identities);
    combiner_free(app->service.core.registrations);
    signing_free(app->service.core.signing);
    org_counts_free(app->service.orgs);
    limiter_free(app->service.limiter);
    router_free(app->router);
    keyring_free(app->keys);
    arena_free(app->mem);
    free(app);
}

/* A database that cannot be reached is waited for; one that is wrong is refused. */
static bool
check_database(struct app *app, struct err *err)
{
    struct db *db = db_open(&app->service.db);
    struct err why = { 0 };
    bool right = listener_check(&app->service, db, &why);

    db_close(db);
    if (right) {
        app->service.db_up = true;
        cache_set_fresh(app->service.core.cache, clock_ms());
        return true;
    }
    if (why.code == ERR_DATABASE_UNAVAILABLE) {
        log_event(LOG_WARN, "database_not_reached", LOG_T("note", why.note));
        return true;
    }
    *err = why;
    return false;
}

static int
loops_of(const struct config *c)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    long n = c->server.loops > 0 ? (long)c->server.loops : cores;

    return (int)(n < 1 ? 1 : n > LOOPS_MAX ? LOOPS_MAX : n);
}

static bool
open_loops(struct app *app, int n, const int *fds, struct err *err)
{
    const struct config *c = app->config;
    struct service *s = &app->service;
    struct loop_options options = {
        .service = s,
        .header_timeout = c->server.header_timeout,
        .body_timeout = c->server.body_timeout,
        .idle_timeout = c->server.idle_timeout,
        .request_timeout = c->server.request_timeout,
        .connections = (unsigned)(c->server.connections / n + 1),
    };

    for (int i = 0; i < n; i++) {
        options.listen_fd = fds[i];
        s->loops[i] = loop_open(&options, err);
        if (s->loops[i] == NULL)
            return false;
        s->nloops++;
    }
    return true;
}

/* The listener's address, once the port is known. */
static const char *
own_url_of(struct app *app)
{
    const char *listen = app->config->server.listen;

    return arena_printf(app->mem, "http://%.*s:%d", (int)(strrchr(listen, ':') - listen), listen,
                        app->port);
}

/* Where clients reach us. */
static const char *
issuer_of(struct app *app)
{
    const char *given = app->config->server.public_url;

    return given != NULL ? given : own_url_of(app);
}

/* Where other daemons on this database reach us. */
static const char *
node_url_of(struct app *app)
{
    const char *given = app->config->mesh.node_url;

    return given != NULL ? given : own_url_of(app);
}

static bool
open_threads(struct app *app, struct err *err)
{
    const struct config *c = app->config;
    struct service *s = &app->service;
    int fds[LOOPS_MAX], n = loops_of(c);

    if (!http_listen(c->server.listen, fds, n, &app->port, err))
        return false;
    s->core.issuer = issuer_of(app);
    s->core.node =
        (struct fleet_node){ ids_uuid_new(), node_url_of(app), cache_node(s->core.cache) };
    s->writer = writer_open(s, (size_t)c->writer.beats, (size_t)c->writer.calls, err);
    if (s->writer == NULL)
        return false;
    s->workers = workers_open(s, (int)c->database.workers, (size_t)c->database.queue, err);
    if (s->workers == NULL)
        return false;
    app->listener = listener_open(s, err);
    if (app->listener == NULL)
        return false;
    if (!open_loops(app, n, fds, err))
        return false;
    /* Last: from its first round on the silence of agents counts, so they must be heard. */
    app->timer = timer_open(s, err);
    return app->timer != NULL;
}

/* In reverse; what was never made is passed over. */
static void
close_threads(struct app *app)
{
    struct service *s = &app->service;

    while (s->nloops > 0)
        loop_close(s->loops[--s->nloops]);
    if (app->timer != NULL)
        timer_close(app->timer);
    if (app->listener != NULL)
        listener_close(app->listener);
    if (s->workers != NULL)
        workers_close(s->workers);
    if (s->writer != NULL)
        writer_close(s->writer);
}

struct app *
app_open(struct config *config, struct err *err)
{
    struct app *app = must(calloc(1, sizeof *app));

    app->config = config;
    app->mem = arena_new();
    if (!make_core(app, err) || !check_database(app, err))
        goto no_core;
    if (!open_threads(app, err))
        goto no_threads;
    log_event(LOG_INFO, "serving", LOG_T("listen", config->server.listen), LOG_N("port", app->port),
              LOG_N("loops", app->service.nloops), LOG_T("version", ROSTERD_VERSION));
    return app;

no_threads:
    close_threads(app);
no_core:
    free_core(app);
    return NULL;
}

int
app_port(const struct app *app)
{
    return app->port;
}

const char *
app_issuer(const struct app *app)
{
    return app->service.core.issuer;
}

bool
app_is_ready(struct app *app)
{
    return service_unready(&app->service) == NULL;
}

unsigned long long
app_progress(struct app *app)
{
    int64_t now = clock_ms();

    for (int i = 0; i < app->service.npulses; i++)
        if (now - app->service.pulses[i].at > PULSE_LATE_MS)
            return app->progress;
    return ++app->progress;
}

void
app_reload(struct app *app)
{
    take_reloadable(&app->service, app->config);
}

static void
pause_ms(int ms)
{
    struct timespec pause = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

    nanosleep(&pause, NULL);
}

static size_t
under_way(const struct app *app)
{
    size_t n = 0;

    for (int i = 0; i < app->service.nloops; i++)
        n += loop_count(app->service.loops[i]);
    return n;
}

/* True when nothing is under way any more. */
static bool
wait_idle(const struct app *app, int64_t until, const _Atomic int *hurry)
{
    /* Two rounds of every loop: the count is that of its last round. */
    for (int quiet = 0; quiet < 3;) {
        if (clock_ms() >= until || (hurry != NULL && *hurry > 0))
            return false;
        pause_ms(20);
        quiet = under_way(app) == 0 ? quiet + 1 : 0;
    }
    return true;
}

/* Readiness off, wait for balancers, stop accepting, finish, then cut what is left. */
static bool
drain(struct app *app, const _Atomic int *hurry)
{
    const struct config *c = app->config;
    struct service *s = &app->service;
    int64_t delay_until = clock_ms() + c->server.drain_delay;

    atomic_store(&s->draining, true);
    while (clock_ms() < delay_until && (hurry == NULL || *hurry == 0))
        pause_ms(20);
    for (int i = 0; i < s->nloops; i++)
        loop_quiesce(s->loops[i]);
    if (wait_idle(app, clock_ms() + c->server.drain_timeout, hurry))
        return true;
    log_event(LOG_WARN, "drain_cut_short", LOG_N("requests", under_way(app)));
    for (int i = 0; i < s->nloops; i++)
        loop_hurry(s->loops[i]);
    return wait_idle(app, clock_ms() + LAST_WAIT_MS, NULL);
}

void
app_close(struct app *app, const _Atomic int *hurry)
{
    if (!drain(app, hurry)) {
        /* libmicrohttpd may not be stopped while requests are parked: keep what is acknowledged
         * and let the process end. */
        log_event(LOG_ERROR, "requests_left", LOG_N("requests", under_way(app)));
        writer_stop(app->service.writer);
        _exit(0);
    }
    close_threads(app);
    free_core(app);
}
