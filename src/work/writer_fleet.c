/* Group commit of what happens to instances: several signs of one instance are one row. */
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "work/writer_priv.h"

#include <stdlib.h>
#include <string.h>

enum { BATCH_MAX = 512, RETRY_MS = 250, CARD_BYTES_MAX = 8 * 1024 * 1024 };

/* A sign in a batch, and the row that it became a part of. */
struct part {
    struct sign *sign;
    size_t at, row;
};

static struct sign *
sign_of(struct letter *letter)
{
    return (struct sign *)((char *)letter - offsetof(struct sign, letter));
}

static int
by_name_and_time(const void *a, const void *b)
{
    const struct part *one = a, *other = b;
    int order = strcmp(one->sign->row.instance_id, other->sign->row.instance_id);

    if (order == 0)
        order = memcmp(&one->sign->row.org, &other->sign->row.org, sizeof one->sign->row.org);
    return order != 0 ? order : one->at < other->at ? -1 : 1;
}

static int64_t
told(int64_t earlier, int64_t later)
{
    return later >= 0 ? later : earlier;
}

static const struct uuid nobody;

/* What both amount to; the later one decides. */
static void
merge(struct fleet_row *row, const struct fleet_row *later)
{
    row->seen = row->seen || later->seen;
    row->status = (int)told(row->status, later->status);
    row->sessions = told(row->sessions, later->sessions);
    row->max_sessions = told(row->max_sessions, later->max_sessions);
    row->reported_failures = told(row->reported_failures, later->reported_failures);
    if (later->connect) {
        row->connect = true;
        row->version = later->version;
        row->card = later->card;
    }
    if (later->gone > row->gone) {
        row->gone = later->gone;
        row->left = later->left;
    }
    if (later->holds > row->holds)
        row->holds = later->holds;
    if (memcmp(&later->caller, &nobody, sizeof nobody) != 0)
        row->caller = later->caller;
    if (later->succeeded + later->failed > 0)
        row->error = later->error;
    row->succeeded += later->succeeded;
    row->failed += later->failed;
}

/* Sorts and merges; says how many rows there are. */
static size_t
make_rows(struct part *parts, size_t n, struct fleet_row *rows)
{
    size_t nrows = 0;

    qsort(parts, n, sizeof *parts, by_name_and_time);
    for (size_t i = 0; i < n; i++) {
        const struct fleet_row *row = &parts[i].sign->row;
        struct fleet_row *last = nrows == 0 ? NULL : &rows[nrows - 1];

        if (last != NULL && strcmp(last->instance_id, row->instance_id) == 0 &&
            memcmp(&last->org, &row->org, sizeof row->org) == 0)
            merge(last, row);
        else
            rows[nrows++] = *row;
        parts[i].row = nrows - 1;
    }
    return nrows;
}

/* Of two sockets of one instance that came in one batch the later one has it. */
static bool
is_overtaken(const struct part *parts, size_t n, size_t i)
{
    for (size_t k = i + 1; k < n && parts[k].row == parts[i].row; k++)
        if (parts[k].sign->row.connect)
            return true;
    return false;
}

static void
answer(const struct part *parts, size_t n, const struct fleet_row *rows, const struct err *err)
{
    for (size_t i = 0; i < n; i++) {
        struct sign *sign = parts[i].sign;
        const struct fleet_row *row = &rows[parts[i].row];
        bool overtaken = sign->row.connect && is_overtaken(parts, n, i);

        sign->row.applied = row->applied;
        sign->row.refused =
            row->refused && memcmp(&sign->row.caller, &row->caller, sizeof nobody) == 0;
        sign->row.fence = overtaken ? 0 : row->fence;
        sign->row.agent = row->agent;
    }
    for (size_t i = 0; i < n; i++) {
        struct sign *sign = parts[i].sign;

        if (sign->then != NULL)
            sign->then(sign, err);
        else
            free(sign);
    }
}

/* What nobody waits for is kept for a later try; the others are told now. */
static void
hold(struct signs *signs, struct part *parts, size_t n, const struct err *err)
{
    struct letter *last = NULL;

    signs->retry_at = clock_ms() + RETRY_MS;
    for (size_t i = 0; i < n; i++) {
        struct sign *sign = parts[i].sign;

        if (sign->then != NULL) {
            sign->then(sign, err);
            continue;
        }
        sign->letter.next = NULL;
        if (last == NULL)
            signs->held = &sign->letter;
        else
            last->next = &sign->letter;
        last = &sign->letter;
    }
}

static size_t
take(struct signs *signs, struct part *parts)
{
    size_t n = 0, bytes = 0;

    for (struct letter *letter = signs->held, *next; letter != NULL; letter = next) {
        next = letter->next;
        parts[n] = (struct part){ sign_of(letter), n, 0 };
        n++;
    }
    signs->held = NULL;
    /* Those that connect bring their cards, which go into one statement. */
    while (n < BATCH_MAX && bytes < CARD_BYTES_MAX) {
        struct letter *letter = mailbox_take(signs->box, 0);

        if (letter == NULL)
            break;
        parts[n] = (struct part){ sign_of(letter), n, 0 };
        if (parts[n].sign->row.card != NULL)
            bytes += strlen(parts[n].sign->row.card);
        n++;
    }
    return n;
}

/* Whether the states were written, whatever happened to what follows from them: then nothing may be
 * written again, for it counts, and gives sockets their places. */
static bool
is_written(const struct fleet_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (rows[i].applied)
            return true;
    return false;
}

bool
signs_write(struct signs *signs, struct db *db)
{
    struct part parts[BATCH_MAX];
    struct err err = { 0 };

    if (signs->held != NULL && clock_ms() < signs->retry_at)
        return false;
    size_t n = take(signs, parts);
    if (n == 0)
        return false;

    struct arena *mem = arena_new();
    struct unit unit = { &signs->service->core, db, mem, NULL, "writer" };
    struct fleet_row *rows = arena_alloc(mem, n * sizeof *rows);
    size_t nrows = make_rows(parts, n, rows);

    db_deadline(db, clock_ms() + signs->service->db.timeout_ms);
    if (!atomic_load(&signs->service->gate))
        err_fault(&err, ERR_DATABASE_UNAVAILABLE, "not reached yet, or not this schema");
    else if (fleet_apply(&unit, rows, nrows, &err))
        metrics_add(METRIC_SIGN_BATCHES, 1);
    else
        log_event(LOG_WARN, "signs_failed", LOG_N("signs", n), LOG_T("code", err_name(err.code)),
                  LOG_T("note", err.note));
    if (is_written(rows, nrows))
        err = (struct err){ 0 };
    if (err.code == ERR_DATABASE_UNAVAILABLE)
        hold(signs, parts, n, &err);
    else
        answer(parts, n, rows, &err);
    arena_free(mem);
    return err.code != ERR_DATABASE_UNAVAILABLE;
}

bool
signs_wait(const struct signs *signs, int64_t *until)
{
    if (signs->held != NULL && signs->retry_at < *until)
        *until = signs->retry_at;
    return signs->held != NULL || mailbox_count(signs->box) > 0;
}

bool
signs_put(struct signs *signs, struct sign *sign)
{
    if (mailbox_is_closed(signs->wake) || !mailbox_put(signs->box, &sign->letter))
        return false;
    if (!atomic_exchange(&signs->rung, true) && !mailbox_put(signs->wake, &signs->ring))
        atomic_store(&signs->rung, false);
    return true;
}

void
signs_init(struct signs *signs, struct service *service, struct mailbox *wake, size_t most)
{
    signs->service = service;
    signs->wake = wake;
    signs->box = mailbox_new(most);
}

void
signs_done(struct signs *signs)
{
    for (struct letter *letter = signs->held, *next; letter != NULL; letter = next) {
        next = letter->next;
        free(sign_of(letter));
    }
    for (struct letter *letter; (letter = mailbox_take(signs->box, 0)) != NULL;)
        if (sign_of(letter)->then == NULL)
            free(sign_of(letter));
    mailbox_free(signs->box);
}
