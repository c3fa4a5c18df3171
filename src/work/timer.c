/* Chores from a table, and the health check in between. */
#include "work/timer.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "domain/audit.h"
#include "domain/fleet.h"
#include "domain/identities.h"
#include "domain/messages.h"
#include "domain/presence.h"
#include "domain/sessions.h"
#include "work/checks_priv.h"
#include "work/hub.h"
#include "work/limits.h"
#include "work/workers.h"
#include "work/writer.h"

#include <pthread.h>
#include <stdlib.h>

enum {
    ROUND_MS = 200,
    MARK_MS = 5000,       /* at most, between two marks that we are alive      */
    CLEAN_STEPS_MAX = 20, /* small deletes in one go                           */
    FLEET_STEPS_MAX = 10,
    SILENT_MS = 10000,        /* at most, between two looks for silent instances   */
    USELESS_MS = 60000,       /* the same for those of no use any more             */
    HOSTED_FAILS = 10,        /* in a row, until a hosted instance is given up */
    MESSAGE_GRACE_MS = 60000, /* for a dispatch that has ended to be recorded     */
    AUDIT_CHECK_MS = 60 * 60 * 1000,
};

struct timer_thread {
    struct service *service;
    struct db *db;
    struct checks *checks;
    struct pulse *pulse;
    pthread_t thread;
    atomic_bool end;
    bool leads;                      /* this node checks the endpoints                     */
    int64_t silent_due, useless_due; /* clock_ms: when to look at all instances again */
    struct audit_check audit;
};

typedef bool chore_fn(struct timer_thread *t, struct unit *u, struct err *err);

static bool
health(struct timer_thread *t, struct unit *u, struct err *err)
{
    if (!t->service->background.health || !t->leads)
        return true;
    return checks_due(t->checks, u, err);
}

/* How often the service marks itself alive: often enough that an outage of seconds is seen. */
static int64_t
mark_ms(const struct timer_thread *t)
{
    int64_t interval = t->service->background.interval;

    return interval < MARK_MS ? interval : MARK_MS;
}

static bool
lead(struct timer_thread *t, struct unit *u, struct err *err)
{
    return presence_leads(u, &t->leads, err);
}

static bool
alive(struct timer_thread *t, struct unit *u, struct err *err)
{
    return presence_alive(u, mark_ms(t), err);
}

static bool
sweep(struct timer_thread *t, struct unit *u, struct err *err)
{
    long changed = 0;

    if (!presence_sweep(u, mark_ms(t), &changed, err))
        return false;
    metrics_add(METRIC_TRANSITIONS, changed);
    metrics_set(METRIC_SWEEP_LAST_SUCCESS, clock_wall_ms() / 1000);
    return true;
}

/* Whether it is time for a rule about so long a silence, which reads the states of all instances: a
 * tenth of that may pass in between, and not more than most. */
static bool
is_due(int64_t *due, int64_t silence_ms, int64_t most)
{
    int64_t now = clock_ms(), pause = silence_ms / 10;

    if (now < *due)
        return false;
    *due = now + (pause < most ? pause : most);
    return true;
}

/* Instances that nobody hears of, sockets of nodes that are gone, counts to be folded. */
static bool
fleet(struct timer_thread *t, struct unit *u, struct err *err)
{
    const struct mesh_service *mesh = &t->service->mesh;
    int64_t connected = mesh->remove_connected, hosted = mesh->remove_hosted;
    int64_t shorter = hosted == 0 || (connected > 0 && connected < hosted) ? connected : hosted;
    struct fleet_sweep rules = { .fails = HOSTED_FAILS };
    bool more = true;

    if (is_due(&t->silent_due, mesh->lost, SILENT_MS))
        rules.lost_ms = mesh->lost;
    if (is_due(&t->useless_due, shorter, USELESS_MS)) {
        rules.gone_connected_ms = connected;
        rules.gone_hosted_ms = hosted;
    }
    for (int step = 0; more && step < FLEET_STEPS_MAX; step++)
        if (!fleet_sweep(u, &rules, mark_ms(t), &more, err))
            return false;
    return true;
}

static bool
has_socket(void *arg, const struct uuid *instance)
{
    size_t open;

    return hub_find(arg, instance, &open) != NULL;
}

static bool
lost_sockets(struct timer_thread *t, struct unit *u, struct err *err)
{
    long dropped;

    if (!fleet_drop_lost(u, has_socket, t->service->mesh.hub, &dropped, err))
        return false;
    if (dropped > 0)
        log_event(LOG_WARN, "sockets_lost", LOG_N("instances", dropped));
    return true;
}

static bool
count(struct timer_thread *t, struct unit *u, struct err *err)
{
    struct presence_counts counts;
    struct cache_counts cached = cache_counts(u->core->cache);
    struct list orgs;

    if (!presence_count(u, &counts, err) || !presence_count_orgs(u, &orgs, err))
        return false;
    metrics_set(METRIC_AGENTS_ONLINE, counts.online);
    metrics_set(METRIC_AGENTS_IDLE, counts.idle);
    metrics_set(METRIC_AGENTS_OFFLINE, counts.offline);
    metrics_set(METRIC_AGENTS_NEVER_SEEN, counts.never_seen);
    metrics_set(METRIC_CACHED_AGENTS, (long long)cached.agents);
    metrics_set(METRIC_CACHED_CONNECTIONS, (long long)cached.connections);
    org_counts_set(t->service->orgs, &orgs);
    return true;
}

static bool
gauges(struct timer_thread *t, struct unit *u, struct err *err)
{
    (void)u;
    (void)err;
    metrics_set(METRIC_WORK_QUEUE, (long long)workers_queued(t->service->workers));
    metrics_set(METRIC_BEAT_QUEUE, (long long)writer_queued(t->service->writer));
    return true;
}

static bool
clean(struct timer_thread *t, struct unit *u, struct err *err)
{
    struct retention keep = { t->service->background.calls_kept,
                              t->service->background.transitions_kept };
    bool more = true;

    for (int step = 0; more && step < CLEAN_STEPS_MAX; step++)
        if (!keys_clean(u, &keep, &more, err))
            return false;
    return true;
}

static bool
clean_messages(struct timer_thread *t, struct unit *u, struct err *err)
{
    const struct service *service = t->service;
    bool more = true;

    for (int step = 0; more && step < CLEAN_STEPS_MAX; step++)
        if (!messages_clean(u, service->background.messages_kept,
                            service->mesh.dispatch_ms + MESSAGE_GRACE_MS, &more, err))
            return false;
    return true;
}

static bool
end_sessions(struct timer_thread *t, struct unit *u, struct err *err)
{
    bool more = true;

    for (int step = 0; more && step < CLEAN_STEPS_MAX; step++)
        if (!sessions_sweep(u, t->service->background.session_idle, &more, err))
            return false;
    return true;
}

static bool
count_up(struct timer_thread *t, struct unit *u, struct err *err)
{
    bool more = true;

    (void)t;
    for (int step = 0; more && step < CLEAN_STEPS_MAX; step++)
        if (!identities_count_up(u, &more, err))
            return false;
    return true;
}

static bool
seal_audit(struct timer_thread *t, struct unit *u, struct err *err)
{
    (void)t;
    return audit_seal(u, err);
}

static bool
purge_audit(struct timer_thread *t, struct unit *u, struct err *err)
{
    (void)t;
    return audit_purge(u, err);
}

static bool
check_audit(struct timer_thread *t, struct unit *u, struct err *err)
{
    return audit_check_on(u, &t->audit, AUDIT_CHECK_MS, err);
}

static const struct chore {
    const char *name;
    int64_t period_ms; /* 0: the presence interval, when that is shorter than longest_ms */
    int64_t longest_ms;
    chore_fn *run;
    bool needs_database;
} chores[] = {
    { "lead", 1000, 0, lead, true },        /* one node of many checks the endpoints         */
    { "health", 1, 0, health, true },       /* every round: it spreads itself over the interval */
    { "sweep", 0, INT64_MAX, sweep, true }, /* silence becomes idle, then offline           */
    { "alive", 0, MARK_MS, alive, true },   /* an outage of ours is nobody's silence        */
    { "fleet", 1000, 0, fleet, true },
    { "lost_sockets", 30000, 0, lost_sockets, true },
    { "count", 60000, 0, count, true }, /* what metrics and account limits go by            */
    { "gauges", 1000, 0, gauges, false },
    { "sessions", 10000, 0, end_sessions, true }, /* that were idle for too long            */
    { "messages", 60000, 0, clean_messages, true },
    { "clean", 60000, 0, clean, true },       /* hints, idempotency rows, old records             */
    { "count_up", 10000, 0, count_up, true }, /* how many agents organizations have           */
    { "audit_seal", 500, 0, seal_audit, true },
    { "audit_purge", 60000, 0, purge_audit, true },
    { "audit_check", 1000, 0, check_audit, true }, /* a piece at a time, every hour             */
};

static int64_t
period_of(const struct timer_thread *t, const struct chore *chore)
{
    int64_t interval = t->service->background.interval;

    if (chore->period_ms > 0)
        return chore->period_ms;
    return interval < chore->longest_ms ? interval : chore->longest_ms;
}

static void
run_chore(struct timer_thread *t, const struct chore *chore)
{
    struct service *service = t->service;
    struct arena *mem = arena_new();
    struct unit unit = { &service->core, t->db, mem, NULL, chore->name };
    struct err err = { 0 };

    db_deadline(t->db, clock_ms() + service->db.timeout_ms);
    if (!chore->run(t, &unit, &err))
        log_event(err.code == ERR_DATABASE_UNAVAILABLE ? LOG_WARN : LOG_ERROR, "chore_failed",
                  LOG_T("chore", chore->name), LOG_T("code", err_name(err.code)),
                  LOG_T("note", err.note));
    arena_free(mem);
}

static void *
run(void *arg)
{
    struct timer_thread *t = arg;
    struct service *service = t->service;
    int64_t due[COUNT(chores)] = { 0 };

    while (!atomic_load(&t->end)) {
        for (size_t i = 0; i < COUNT(chores); i++) {
            /* Asked each time: what one chore has waited for in vain, the next need not. */
            bool open = atomic_load(&service->gate) && atomic_load(&service->db_up);

            if (clock_ms() < due[i] || (chores[i].needs_database && !open))
                continue;
            due[i] = clock_ms() + period_of(t, &chores[i]);
            run_chore(t, &chores[i]);
        }
        service_beat(t->pulse);
        checks_run(t->checks, ROUND_MS);
    }
    return NULL;
}

struct timer_thread *
timer_open(struct service *service, struct err *err)
{
    struct timer_thread *t = must(calloc(1, sizeof *t));

    t->service = service;
    t->db = db_open(&service->db);
    t->checks = checks_new(service);
    t->pulse = service_pulse(service);
    metrics_set(METRIC_AUDIT_CHAIN_INTEGRITY, 1); /* until a check says otherwise */
    int rc = pthread_create(&t->thread, NULL, run, t);
    if (rc != 0) {
        err_fault(err, ERR_INTERNAL_ERROR, "pthread_create failed: %d", rc);
        goto no_thread;
    }
    return t;

no_thread:
    checks_free(t->checks);
    db_close(t->db);
    free(t);
    return NULL;
}

void
timer_close(struct timer_thread *t)
{
    atomic_store(&t->end, true);
    checks_wake(t->checks);
    pthread_join(t->thread, NULL);
    checks_free(t->checks);
    db_close(t->db);
    free(t);
}
