/* Group commit of call records. Each becomes a row as it comes; chunks of rows are sent whole. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "domain/links.h"
#include "work/writer_priv.h"

#include <stdlib.h>

enum {
    CHUNK_MOST = 1024, /* records in one commit                               */
    PACE_MS = 20,      /* records wait for each other that long               */
    RETRY_MS = 250,    /* between tries in an outage                          */
};

struct record_chunk {
    struct record_chunk *next;
    size_t count;
    struct buf rows;
};

void
records_init(struct records *r, struct service *service, struct mailbox *wake, size_t most)
{
    r->service = service;
    r->wake = wake;
    r->most = most;
    pthread_mutex_init(&r->lock, NULL);
}

static void
free_chunks(struct record_chunk *chunk)
{
    for (struct record_chunk *next; chunk != NULL; chunk = next) {
        next = chunk->next;
        metrics_add(METRIC_CALL_RECORDS_DROPPED, (long long)chunk->count);
        buf_done(&chunk->rows);
        free(chunk);
    }
}

void
records_done(struct records *r)
{
    free_chunks(r->first);
    free_chunks(r->held);
    free_chunks(r->spare);
    pthread_mutex_destroy(&r->lock);
}

/* The chunk that takes one more; the lock is held. */
static struct record_chunk *
growing(struct records *r)
{
    if (r->last != NULL && r->last->count < CHUNK_MOST)
        return r->last;

    struct record_chunk *chunk = r->spare;

    r->spare = NULL;
    if (chunk == NULL)
        chunk = must(calloc(1, sizeof *chunk));
    if (r->last == NULL) {
        r->first = chunk;
        r->due = clock_ms() + PACE_MS;
    } else {
        r->last->next = chunk;
    }
    return r->last = chunk;
}

void
records_put(struct records *r, const struct call_record *record)
{
    pthread_mutex_lock(&r->lock);
    bool fits = r->count < r->most, wakes = r->first == NULL;
    if (fits) {
        struct record_chunk *chunk = growing(r);

        calls_row(record, &chunk->rows);
        chunk->count++;
        r->count++;
    }
    pthread_mutex_unlock(&r->lock);
    if (!fits)
        metrics_add(METRIC_CALL_RECORDS_DROPPED, 1);
    else if (wakes && !atomic_exchange(&r->rung, true) && !mailbox_put(r->wake, &r->ring))
        atomic_store(&r->rung, false);
}

/* What has come and is due is held from now on: the oldest chunk. */
static void
take(struct records *r)
{
    pthread_mutex_lock(&r->lock);
    bool due = clock_ms() >= r->due || mailbox_is_closed(r->wake);
    if (r->first != NULL && (due || r->first != r->last)) {
        r->held = r->first;
        r->first = r->held->next;
        r->held->next = NULL;
        r->count -= r->held->count;
        if (r->first == NULL)
            r->last = NULL;
    }
    pthread_mutex_unlock(&r->lock);
}

static void
let_go(struct records *r)
{
    struct record_chunk *chunk = r->held;

    r->held = NULL;
    chunk->count = 0;
    buf_drop(&chunk->rows, buf_size(&chunk->rows));
    pthread_mutex_lock(&r->lock);
    if (r->spare == NULL) {
        r->spare = chunk;
        chunk = NULL;
    }
    pthread_mutex_unlock(&r->lock);
    free_chunks(chunk);
}

/* Whether the held records are done with: written, or refused by the database for good. */
static bool
commit(struct records *r, struct db *db)
{
    struct arena *mem = arena_new();
    struct unit unit = { &r->service->core, db, mem, NULL, "writer" };
    long long n = (long long)r->held->count;
    struct err err = { 0 };

    db_deadline(db, clock_ms() + r->service->db.timeout_ms);
    bool done = atomic_load(&r->service->gate) && calls_record(&unit, &r->held->rows, &err);
    arena_free(mem);
    if (done) {
        metrics_add(METRIC_CALL_RECORDS, n);
    } else if (err.code != ERR_NONE && err.code != ERR_DATABASE_UNAVAILABLE) {
        /* Keeping them would block all that follow. */
        log_event(LOG_ERROR, "call_records_refused", LOG_N("records", n), LOG_T("note", err.note));
        metrics_add(METRIC_CALL_RECORDS_DROPPED, n);
        done = true;
    }
    return done;
}

bool
records_write(struct records *r, struct db *db)
{
    if (r->held == NULL)
        take(r);
    if (r->held == NULL || clock_ms() < r->retry_at)
        return false;
    if (commit(r, db)) {
        let_go(r);
        return true;
    }
    r->retry_at = clock_ms() + RETRY_MS;
    return false;
}

bool
records_wait(struct records *r, int64_t *until)
{
    pthread_mutex_lock(&r->lock);
    bool waiting = r->held != NULL || r->first != NULL;
    int64_t next = r->held != NULL ? r->retry_at : r->due;
    pthread_mutex_unlock(&r->lock);
    if (waiting && next < *until)
        *until = next;
    return waiting;
}
