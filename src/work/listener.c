/* Once a second, or when told: what must this node forget? */
#include "work/listener.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "domain/fleet.h"
#include "domain/schema.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum {
    ROUND_MS = 1000,
    FAILED_ROUND_MS = 200,
    LISTEN_AGAIN_MS = 30 * 1000, /* a connection may have been replaced unseen      */
};

struct listener {
    struct service *service;
    struct db *db;
    struct pulse *pulse;
    pthread_t thread;
    int bell;
    atomic_bool end;
    int64_t listening_since; /* 0: not listening                        */
    int64_t lease_due;       /* clock_ms                                */
    enum err_code trouble;   /* of the last round; ERR_NONE: all is well */
};

bool
listener_check(struct service *service, struct db *db, struct err *err)
{
    struct arena *mem = arena_new();
    struct unit unit = { &service->core, db, mem, NULL, "check" };
    int64_t version;

    db_deadline(db, clock_ms() + service->db.timeout_ms);
    bool right = schema_check(&unit, &version, err);
    atomic_store(&service->schema_version, version);
    metrics_set(METRIC_SCHEMA_VERSION, version);
    if (right)
        atomic_store(&service->gate, true);
    arena_free(mem);
    return right;
}

static bool
listen_again(struct listener *l, struct err *err)
{
    int64_t now = clock_ms();

    if (l->listening_since != 0 && now - l->listening_since < LISTEN_AGAIN_MS)
        return true;
    if (!db_run(l->db, "LISTEN roster_hints", err))
        return false;
    l->listening_since = now;
    return true;
}

static bool
apply_hints(struct listener *l, struct err *err)
{
    struct arena *mem = arena_new();
    struct unit unit = { &l->service->core, l->db, mem, NULL, "listener" };
    bool done = keys_apply_hints(&unit, err);

    arena_free(mem);
    return done;
}

/* Renewed three times within the lease, here, where nothing else is waited for. */
static bool
renew_lease(struct listener *l, struct err *err)
{
    int64_t now = clock_ms(), lease = l->service->mesh.lease_ms;

    if (now < l->lease_due)
        return true;
    struct arena *mem = arena_new();
    struct unit unit = { &l->service->core, l->db, mem, NULL, "listener" };
    bool done = fleet_node_lives(&unit, lease, err);

    arena_free(mem);
    if (done)
        l->lease_due = now + lease / 3;
    return done;
}

static bool
work_round(struct listener *l, struct err *err)
{
    struct service *service = l->service;

    db_deadline(l->db, clock_ms() + service->db.timeout_ms);
    if (!db_is_connected(l->db))
        l->listening_since = 0;
    if (!db_connect(l->db, err))
        return false;
    if (!atomic_load(&service->gate) && !listener_check(service, l->db, err))
        return false;
    return renew_lease(l, err) && listen_again(l, err) && apply_hints(l, err);
}

/* Told once for each change: down, there but wrong (schema, master key), or good. */
static void
note_change(struct listener *l, const struct err *err)
{
    struct service *service = l->service;
    enum err_code was = l->trouble;

    l->trouble = err->code;
    atomic_store(&service->db_up, err->code != ERR_DATABASE_UNAVAILABLE);
    metrics_set(METRIC_READY, service_unready(service) == NULL);
    if (err->code == was)
        return;
    if (err->code == ERR_NONE)
        log_event(LOG_INFO, "database_up", LOG_N("schema", service->schema_version));
    else
        log_event(LOG_ERROR,
                  err->code == ERR_DATABASE_UNAVAILABLE ? "database_down" : "database_unusable",
                  LOG_T("note", err->note), LOG_T("reason", err->reason));
}

static void *
run(void *arg)
{
    struct listener *l = arg;

    while (!atomic_load(&l->end)) {
        struct err err = { 0 };
        bool good = work_round(l, &err);

        service_beat(l->pulse);
        note_change(l, &err);
        if (good) {
            db_wait_notify(l->db, clock_ms() + ROUND_MS, l->bell);
        } else {
            struct timespec pause = { .tv_nsec = FAILED_ROUND_MS * 1000000L };
            nanosleep(&pause, NULL);
        }
    }
    return NULL;
}

struct listener *
listener_open(struct service *service, struct err *err)
{
    struct listener *l = must(calloc(1, sizeof *l));

    l->service = service;
    l->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    l->db = db_open(&service->db);
    l->pulse = service_pulse(service);
    int rc = pthread_create(&l->thread, NULL, run, l);
    if (rc != 0) {
        err_fault(err, ERR_INTERNAL_ERROR, "pthread_create failed: %d", rc);
        goto no_thread;
    }
    return l;

no_thread:
    db_close(l->db);
    close(l->bell);
    free(l);
    return NULL;
}

/* Other nodes need not wait for the lease to end. */
static void
end_lease(struct listener *l)
{
    struct arena *mem = arena_new();
    struct unit unit = { &l->service->core, l->db, mem, NULL, "listener" };
    struct err err = { 0 };

    db_deadline(l->db, clock_ms() + l->service->db.timeout_ms);
    if (atomic_load(&l->service->gate) && db_is_connected(l->db) && !fleet_node_ends(&unit, &err))
        log_event(LOG_WARN, "lease_not_ended", LOG_T("note", err.note));
    arena_free(mem);
}

void
listener_close(struct listener *l)
{
    atomic_store(&l->end, true);
    eventfd_write(l->bell, 1);
    pthread_join(l->thread, NULL);
    end_lease(l);
    db_close(l->db);
    close(l->bell);
    free(l);
}
