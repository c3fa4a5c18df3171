/* Group commit of heartbeats, other signs of life, and call records. */
#include "work/writer.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mailbox.h"
#include "base/metrics.h"
#include "domain/links.h"
#include "work/loop.h"
#include "work/writer_priv.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    BATCH_MAX = 4096, /* letters in one commit                                  */
    IDLE_ROUND_MS = 500,
    LAST_TRIES = 20, /* to write what an outage has held up, at the end       */
};

struct writer {
    struct service *service;
    struct mailbox *beats; /* rung for the others, by empty letters */
    struct db *db;
    struct pulse *pulse;
    pthread_t thread;
    struct records records;
    struct signs signs;
    struct beat *batch[BATCH_MAX];
    struct beat_row rows[BATCH_MAX];
};

static int
by_agent(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct uuid));
}

/* What two signs of one agent in one batch amount to; the later one decides, but a probe never
 * outweighs what the agent or a caller said, and traffic does not take a heartbeat back. */
static enum beat_kind
merge(enum beat_kind earlier, enum beat_kind later)
{
    if (later == BEAT_PROBE_GOOD || later == BEAT_PROBE_BAD)
        return earlier == BEAT_PROBE_GOOD || earlier == BEAT_PROBE_BAD ? later : earlier;
    if (later == BEAT_TRAFFIC && earlier == BEAT_ONLINE)
        return BEAT_ONLINE;
    return later;
}

/* Sorts the batch by agent, keeping the order of arrival within one, and merges. */
static size_t
make_rows(struct writer *w, size_t n)
{
    enum { SLOTS = 2 * BATCH_MAX };
    static _Thread_local int slots[SLOTS];
    size_t nrows = 0;

    memset(slots, -1, sizeof slots);
    for (size_t i = 0; i < n; i++) {
        const struct beat_row *row = &w->batch[i]->row;
        uint64_t key;

        memcpy(&key, row->agent.b + 8, sizeof key);
        size_t at = (size_t)(key % SLOTS);
        while (slots[at] >= 0 && by_agent(&w->rows[slots[at]].agent, &row->agent) != 0)
            at = (at + 1) % SLOTS;
        if (slots[at] < 0) {
            slots[at] = (int)nrows;
            w->rows[nrows++] = *row;
        } else {
            struct beat_row *there = &w->rows[slots[at]];

            there->kind = merge(there->kind, row->kind);
        }
    }
    return nrows;
}

static void
answer(struct writer *w, struct beat *beat, size_t nrows, const struct err *err)
{
    if (beat->rq == NULL) {
        free(beat);
        return;
    }
    if (err->code != ERR_NONE) {
        beat->rq->err = *err;
    } else {
        const struct beat_row *row =
            bsearch(&beat->row.agent, w->rows, nrows, sizeof *w->rows, by_agent);

        if (row != NULL)
            beat->row = *row;
    }
    loop_post(beat->rq);
}

static void
commit_beats(struct writer *w, size_t n)
{
    size_t nrows = make_rows(w, n);
    struct arena *mem = arena_new();
    struct unit unit = { &w->service->core, w->db, mem, NULL, "writer" };
    struct err err = { 0 };

    db_deadline(w->db, clock_ms() + w->service->db.timeout_ms);
    if (!atomic_load(&w->service->gate))
        err_fault(&err, ERR_DATABASE_UNAVAILABLE, "not reached yet, or not this schema");
    else if (presence_apply(&unit, w->rows, nrows, &err))
        metrics_add(METRIC_BEAT_BATCHES, 1);
    else
        log_event(LOG_WARN, "beats_failed", LOG_N("beats", n), LOG_T("code", err_name(err.code)),
                  LOG_T("note", err.note));
    for (size_t i = 0; i < n; i++)
        answer(w, w->batch[i], nrows, &err);
    arena_free(mem);
}

static size_t
take_batch(struct writer *w, int64_t until)
{
    size_t n = 0;
    struct letter *letter = mailbox_take(w->beats, until);

    for (; letter != NULL; letter = n < BATCH_MAX ? mailbox_take(w->beats, 0) : NULL) {
        if (letter == &w->records.ring)
            atomic_store(&w->records.rung, false);
        else if (letter == &w->signs.ring)
            atomic_store(&w->signs.rung, false);
        else
            w->batch[n++] = (struct beat *)((char *)letter - offsetof(struct beat, letter));
    }
    return n;
}

static void *
run(void *arg)
{
    struct writer *w = arg;
    int tries = LAST_TRIES;

    for (;;) {
        int64_t now = clock_ms(), until = now + IDLE_ROUND_MS;

        bool waiting = signs_wait(&w->signs, &until);
        waiting = records_wait(&w->records, &until) || waiting;
        size_t n = take_batch(w, until);
        service_beat(w->pulse);
        if (n > 0)
            commit_beats(w, n);
        bool wrote = records_write(&w->records, w->db);
        wrote = signs_write(&w->signs, w->db) || wrote;
        if (n == 0 && mailbox_is_closed(w->beats) && mailbox_count(w->beats) == 0) {
            if ((!waiting && !wrote) || tries-- == 0)
                return NULL;
            /* A closed mailbox does not wait. */
            struct timespec pause = { .tv_nsec = 50 * 1000 * 1000 };
            if (!wrote)
                nanosleep(&pause, NULL);
        }
    }
}

struct writer *
writer_open(struct service *service, size_t beats, size_t calls, struct err *err)
{
    struct writer *w = must(calloc(1, sizeof *w));
    struct db_options options = service->db;

    /* Left to itself the server plans the statement on instances anew for each batch, which takes
     * longer than to apply a heartbeat; and it may change rows in another order than a writer
     * elsewhere, which waits for this one then, as this one for it. */
    options.by_key = true;
    w->service = service;
    w->beats = mailbox_new(beats + 2);
    records_init(&w->records, service, w->beats, calls);
    signs_init(&w->signs, service, w->beats, beats);
    w->db = db_open(&options);
    w->pulse = service_pulse(service);
    int rc = pthread_create(&w->thread, NULL, run, w);
    if (rc != 0) {
        err_fault(err, ERR_INTERNAL_ERROR, "pthread_create failed: %d", rc);
        goto no_thread;
    }
    return w;

no_thread:
    db_close(w->db);
    signs_done(&w->signs);
    records_done(&w->records);
    mailbox_free(w->beats);
    free(w);
    return NULL;
}

bool
writer_beat(struct writer *w, struct beat *beat)
{
    return mailbox_put(w->beats, &beat->letter);
}

void
writer_sign(struct writer *w, const struct beat_row *row)
{
    size_t size = row->error == NULL ? 0 : strlen(row->error) + 1;
    struct beat *beat = must(calloc(1, sizeof *beat + size));

    beat->row = *row;
    if (size > 0)
        beat->row.error = memcpy(beat + 1, row->error, size);
    if (!mailbox_put(w->beats, &beat->letter))
        free(beat);
}

bool
writer_sign_of(struct writer *w, struct sign *sign)
{
    return signs_put(&w->signs, sign);
}

void
writer_fleet(struct writer *w, const struct fleet_row *row)
{
    size_t size = strlen(row->instance_id) + 1;
    struct sign *sign = must(calloc(1, sizeof *sign + size));

    /* An error is a literal. */
    sign->row = *row;
    sign->row.instance_id = memcpy(sign + 1, row->instance_id, size);
    if (!signs_put(&w->signs, sign))
        free(sign);
}

void
writer_call(struct writer *w, const struct call_record *record)
{
    records_put(&w->records, record);
}

size_t
writer_queued(struct writer *w)
{
    return mailbox_count(w->beats);
}

void
writer_stop(struct writer *w)
{
    mailbox_close(w->beats);
    pthread_join(w->thread, NULL);
}

void
writer_close(struct writer *w)
{
    writer_stop(w);
    db_close(w->db);
    signs_done(&w->signs);
    records_done(&w->records);
    mailbox_free(w->beats);
    free(w);
}
