/* Takes requests from one mailbox; each unit of work has a deadline that the database obeys. */
#include "work/workers.h"

#include "base/clock.h"
#include "base/mailbox.h"
#include "base/metrics.h"
#include "work/loop.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

enum { IDLE_ROUND_MS = 1000 };

struct worker {
    struct workers *pool;
    pthread_t thread;
    struct pulse *pulse;
    struct db *db;
};

struct workers {
    struct service *service;
    struct mailbox *mail;
    int count;
    struct worker worker[WORKERS_MAX];
};

static void
work_on(struct worker *worker, struct request *rq)
{
    struct service *service = worker->pool->service;
    struct unit unit = { &service->core,
                         worker->db,
                         rq->mem,
                         &rq->caller,
                         rq->id,
                         rq->client_ip,
                         request_header(rq, "User-Agent") };
    int64_t now = clock_ms();

    if (now >= rq->deadline_ms) {
        err_set(&rq->err, ERR_OVERLOADED, NULL, NULL);
        return;
    }
    if (!atomic_load(&service->gate)) {
        err_fault(&rq->err, ERR_DATABASE_UNAVAILABLE, "not reached yet, or not this schema");
        return;
    }
    int64_t until = now + service->db.timeout_ms;
    db_deadline(worker->db, until < rq->deadline_ms ? until : rq->deadline_ms);
    rq->unit = &unit;
    if (!rq->ask(rq, &rq->err))
        assert(rq->err.code != ERR_NONE);
    rq->unit = NULL;
    assert(!db_in_transaction(worker->db));
    if (rq->err.code == ERR_DATABASE_UNAVAILABLE)
        metrics_add(METRIC_DB_ERRORS, 1);
}

static void *
run(void *arg)
{
    struct worker *worker = arg;
    struct mailbox *mail = worker->pool->mail;

    for (;;) {
        struct letter *letter = mailbox_take(mail, clock_ms() + IDLE_ROUND_MS);

        service_beat(worker->pulse);
        if (letter != NULL) {
            struct request *rq =
                (struct request *)((char *)letter - offsetof(struct request, letter));

            work_on(worker, rq);
            loop_post(rq);
        } else if (mailbox_is_closed(mail)) {
            return NULL;
        }
    }
}

static bool
start(struct workers *pool, struct err *err)
{
    struct worker *worker = &pool->worker[pool->count];

    worker->pool = pool;
    worker->pulse = service_pulse(pool->service);
    worker->db = db_open(&pool->service->db);
    int rc = pthread_create(&worker->thread, NULL, run, worker);
    if (rc != 0) {
        db_close(worker->db);
        return err_fault(err, ERR_INTERNAL_ERROR, "pthread_create failed: %d", rc);
    }
    pool->count++;
    return true;
}

struct workers *
workers_open(struct service *service, int count, size_t queue, struct err *err)
{
    struct workers *pool = must(calloc(1, sizeof *pool));

    assert(count > 0 && count <= WORKERS_MAX);
    pool->service = service;
    pool->mail = mailbox_new(queue);
    while (pool->count < count)
        if (!start(pool, err)) {
            workers_close(pool);
            return NULL;
        }
    return pool;
}

void
workers_post(struct workers *pool, struct request *rq)
{
    if (mailbox_put(pool->mail, &rq->letter))
        return;
    err_set(&rq->err, ERR_OVERLOADED, NULL, NULL);
    loop_post(rq);
}

size_t
workers_queued(struct workers *pool)
{
    return mailbox_count(pool->mail);
}

void
workers_close(struct workers *pool)
{
    mailbox_close(pool->mail);
    for (int i = 0; i < pool->count; i++) {
        pthread_join(pool->worker[i].thread, NULL);
        db_close(pool->worker[i].db);
    }
    mailbox_free(pool->mail);
    free(pool);
}
