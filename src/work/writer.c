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
    PACE_MS = 20,   /* call records wait for each other that long             */
    RETRY_MS = 250, /* between tries to write call records in an outage       */
    LAST_TRIES = 20,
};

/* A call record in the queue, with its texts behind it. */
struct held_call {
    struct letter letter;
    struct call_record record;
    char texts[];
};

struct writer {
    struct service *service;
    struct mailbox *beats; /* also rung for calls, by an empty letter */
    struct mailbox *calls;
    struct letter ring; /* the empty letter                         */
    atomic_bool rung;
    struct db *db;
    struct pulse *pulse;
    pthread_t thread;
    int64_t calls_due;   /* when those in the queue are to be taken; 0: none */
    struct letter *held; /* call records taken but not committed yet */
    int64_t retry_at;
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

static struct held_call *
call_of(struct letter *letter)
{
    return (struct held_call *)((char *)letter - offsetof(struct held_call, letter));
}

/* Writes up to BATCH_MAX held records; false when the database would not take them. */
static bool
commit_calls(struct writer *w)
{
    const struct call_record *records[BATCH_MAX];
    struct arena *mem = arena_new();
    struct unit unit = { &w->service->core, w->db, mem, NULL, "writer" };
    struct letter *rest = w->held;
    struct err err = { 0 };
    size_t n = 0;

    for (; rest != NULL && n < BATCH_MAX; rest = rest->next)
        records[n++] = &call_of(rest)->record;
    db_deadline(w->db, clock_ms() + w->service->db.timeout_ms);
    bool done = atomic_load(&w->service->gate) && calls_record(&unit, records, n, &err);
    arena_free(mem);
    if (!done && err.code != ERR_NONE && err.code != ERR_DATABASE_UNAVAILABLE) {
        /* The database refuses them for good: keeping them would block all that follow. */
        log_event(LOG_ERROR, "call_records_refused", LOG_N("records", n), LOG_T("note", err.note));
        metrics_add(METRIC_CALL_RECORDS_DROPPED, (long long)n);
        done = true;
    } else if (done) {
        metrics_add(METRIC_CALL_RECORDS, (long long)n);
    }
    while (done && w->held != rest) {
        struct letter *next = w->held->next;

        free(call_of(w->held));
        w->held = next;
    }
    return done;
}

/* What has come is held from now on. */
static void
take_calls(struct writer *w)
{
    /* Reset before taking: what comes meanwhile rings again. */
    w->calls_due = 0;
    atomic_store(&w->rung, false);
    w->held = mailbox_take_all(w->calls, 0);
}

static void
write_calls(struct writer *w)
{
    bool due = w->calls_due != 0 && clock_ms() >= w->calls_due;
    if (w->held == NULL && (due || mailbox_is_closed(w->beats)))
        take_calls(w);
    if (w->held == NULL || clock_ms() < w->retry_at)
        return;
    if (!commit_calls(w))
        w->retry_at = clock_ms() + RETRY_MS;
}

static size_t
take_batch(struct writer *w, int64_t until)
{
    size_t n = 0;
    struct letter *letter = mailbox_take(w->beats, until);

    for (; letter != NULL; letter = n < BATCH_MAX ? mailbox_take(w->beats, 0) : NULL) {
        if (letter == &w->ring)
            w->calls_due = clock_ms() + PACE_MS;
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

        if (w->held != NULL && w->retry_at < until)
            until = w->retry_at;
        if (w->held == NULL && w->calls_due != 0 && w->calls_due < until)
            until = w->calls_due;
        bool waiting = signs_wait(&w->signs, &until);
        size_t n = take_batch(w, until);
        service_beat(w->pulse);
        if (n > 0)
            commit_beats(w, n);
        write_calls(w);
        bool wrote = signs_write(&w->signs, w->db);
        if (n == 0 && mailbox_is_closed(w->beats) && mailbox_count(w->beats) == 0) {
            bool idle = w->held == NULL && mailbox_count(w->calls) == 0 && !waiting && !wrote;
            if (idle || tries-- == 0)
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
     * longer than to apply a heartbeat. */
    options.generic = true;
    w->service = service;
    w->beats = mailbox_new(beats + 2);
    w->calls = mailbox_new(calls);
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
    mailbox_free(w->calls);
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

static const char *
keep_text(char **at, const char *text)
{
    if (text == NULL)
        return NULL;
    size_t n = strlen(text) + 1;
    char *kept = memcpy(*at, text, n);
    *at += n;
    return kept;
}

static size_t
texts_size(const char *const *texts, size_t n)
{
    size_t size = 0;

    for (size_t i = 0; i < n; i++)
        size += texts[i] == NULL ? 0 : strlen(texts[i]) + 1;
    return size;
}

void
writer_call(struct writer *w, const struct call_record *r)
{
    const char *const texts[] = { r->org_id,
                                  r->trace_id,
                                  r->request_id,
                                  r->connection_id,
                                  r->source_agent_id,
                                  r->source_permanent_id,
                                  r->target_agent_id,
                                  r->target_permanent_id,
                                  r->fallback_permanent_id,
                                  r->protocol };
    struct held_call *held = must(calloc(1, sizeof *held + texts_size(texts, COUNT(texts))));
    char *at = held->texts;

    held->record = *r; /* outcome is a literal */
    held->record.org_id = keep_text(&at, r->org_id);
    held->record.trace_id = keep_text(&at, r->trace_id);
    held->record.request_id = keep_text(&at, r->request_id);
    held->record.connection_id = keep_text(&at, r->connection_id);
    held->record.source_agent_id = keep_text(&at, r->source_agent_id);
    held->record.source_permanent_id = keep_text(&at, r->source_permanent_id);
    held->record.target_agent_id = keep_text(&at, r->target_agent_id);
    held->record.target_permanent_id = keep_text(&at, r->target_permanent_id);
    held->record.fallback_permanent_id = keep_text(&at, r->fallback_permanent_id);
    held->record.protocol = keep_text(&at, r->protocol);
    if (!mailbox_put(w->calls, &held->letter)) {
        metrics_add(METRIC_CALL_RECORDS_DROPPED, 1);
        free(held);
    } else if (!atomic_exchange(&w->rung, true) && !mailbox_put(w->beats, &w->ring)) {
        atomic_store(&w->rung, false);
    }
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
    for (struct letter *next; w->held != NULL; w->held = next) {
        next = w->held->next;
        metrics_add(METRIC_CALL_RECORDS_DROPPED, 1);
        free(call_of(w->held));
    }
    db_close(w->db);
    signs_done(&w->signs);
    mailbox_free(w->calls);
    mailbox_free(w->beats);
    free(w);
}
