/* Presence: batches of what happened, the sweep over the silent, and what is foretold. The rules
 * themselves are in the statements of store/presence.c, so that they judge the locked row. */
#include "domain/presence.h"

#include "domain_priv.h"
#include "store/presence.h"
#include "store/service_state.h"
#include "store/transitions.h"

#include <stdlib.h>
#include <string.h>

enum { SWEEP_ROWS = 5000, GAP_MARKS = 3 };

static int
by_agent(const void *a, const void *b)
{
    const struct beat_row *one = a, *other = b;

    return memcmp(&one->agent, &other->agent, sizeof one->agent);
}

static struct presence_batch
batch_of(struct unit *u, const struct beat_row *rows, size_t n)
{
    struct uuid *agents = arena_alloc(u->mem, n * sizeof *agents);
    int64_t *numbers = arena_alloc(u->mem, 3 * n * sizeof *numbers);
    int64_t *kinds = numbers, *statuses = numbers + n, *latencies = numbers + 2 * n;
    const char **errors = arena_alloc(u->mem, n * sizeof *errors);

    for (size_t i = 0; i < n; i++) {
        agents[i] = rows[i].agent;
        kinds[i] = (int64_t)rows[i].kind;
        statuses[i] = rows[i].http_status;
        latencies[i] = rows[i].latency_ms;
        errors[i] = rows[i].error;
    }
    return (struct presence_batch){ .n = n,
                                    .agents = agents,
                                    .kinds = kinds,
                                    .http_status = statuses,
                                    .latency_ms = latencies,
                                    .errors = { errors, n },
                                    .window_ms = atomic_load(&u->core->presence.window_ms),
                                    .node = cache_node(u->core->cache) };
}

static void
set_states(struct cache *cache, const struct list *changed)
{
    for (size_t i = 0; i < changed->n; i++) {
        const struct presence_now *now = changed->v[i];

        /* A probe that failed is no sign of life: what is cached stays true. */
        if (now->reason != REASON_NEVER_SEEN)
            cache_set_state(cache, &now->agent, now->state);
    }
}

/* The hints of these changes leave this node out, so it must not go on believing what it knew when
 * nobody can say whether a change was kept. */
static bool
is_outcome_unknown(const struct err *err)
{
    for (unsigned i = 0; i < err->nfacts; i++)
        if (strcmp(err->facts[i].key, "outcome") == 0)
            return true;
    return false;
}

static void
forget_agents(struct cache *cache, const struct beat_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        cache_forget(cache, HINT_AGENT, &rows[i].agent);
}

static void
put_results(struct beat_row *rows, size_t n, const struct list *changed)
{
    for (size_t i = 0; i < changed->n; i++) {
        const struct presence_now *now = changed->v[i];
        struct beat_row key = { .agent = now->agent };
        struct beat_row *row = bsearch(&key, rows, n, sizeof *rows, by_agent);

        row->applied = true;
        row->state = now->state;
        row->last_heartbeat = now->last_heartbeat;
    }
}

typedef struct list *apply_fn(struct db_tx *tx, const struct presence_batch *batch,
                              struct arena *mem, struct err *err);

static bool
apply(struct unit *u, apply_fn *store, struct beat_row *rows, size_t n, struct err *err)
{
    struct presence_batch batch = batch_of(u, rows, n);
    const struct list *changed = store(db_single(u->db), &batch, u->mem, err);

    if (changed == NULL) {
        if (is_outcome_unknown(err))
            forget_agents(u->core->cache, rows, n);
        return false;
    }
    set_states(u->core->cache, changed);
    put_results(rows, n, changed);
    return true;
}

bool
presence_apply(struct unit *u, struct beat_row *rows, size_t n, struct err *err)
{
    struct beat_row *rest = arena_alloc(u->mem, n * sizeof *rest);
    size_t nrest = 0, at = 0;

    for (size_t i = 0; i < n; i++)
        rows[i].applied = false;
    if (n == 0)
        return true;
    qsort(rows, n, sizeof *rows, by_agent);
    if (!apply(u, store_presence_renew, rows, n, err))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!rows[i].applied)
            rest[nrest++] = rows[i];
    if (nrest == 0)
        return true;
    bool good = apply(u, store_presence_apply, rest, nrest, err);
    for (size_t i = 0; i < n && at < nrest; i++)
        if (!rows[i].applied)
            rows[i] = rest[at++];
    return good;
}

static const struct service_state *
mark_alive(struct unit *u, int64_t mark_ms, struct err *err)
{
    const struct service_state *state =
        store_service_state_mark(db_single(u->db), GAP_MARKS * mark_ms, u->mem, err);

    if (state == NULL && err->code == ERR_NONE)
        err_fault(err, ERR_INTERNAL_ERROR, "service_state has no row");
    return state;
}

bool
presence_alive(struct unit *u, int64_t mark_ms, struct err *err)
{
    return mark_alive(u, mark_ms, err) != NULL;
}

bool
presence_sweep(struct unit *u, int64_t mark_ms, long *changed, struct err *err)
{
    const struct service_state *state = mark_alive(u, mark_ms, err);
    struct db_tx *tx = db_single(u->db);
    const struct list *rows;

    *changed = 0;
    if (state == NULL)
        return false;

    struct presence_silence silence = {
        .up_since_us = state->up_since_us,
        .window_ms = atomic_load(&u->core->presence.window_ms),
        .offline_ms = atomic_load(&u->core->presence.offline_ms),
        .limit = SWEEP_ROWS,
        .node = cache_node(u->core->cache),
    };
    do {
        rows = store_presence_sweep(tx, &silence, u->mem, err);
        if (rows == NULL) {
            if (is_outcome_unknown(err))
                cache_forget_all(u->core->cache);
            return false;
        }
        set_states(u->core->cache, rows);
        *changed += (long)rows->n;
    } while (rows->n == SWEEP_ROWS);
    return true;
}

static int64_t
later_of(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

void
presence_predict(const struct core *core, struct presence *presence)
{
    int64_t window = atomic_load(&core->presence.window_ms);
    int64_t offline = atomic_load(&core->presence.offline_ms);
    int64_t heard = presence->last_activity;

    presence->next_due = 0;
    presence->becomes = presence->state;
    /* As HEARD in store/presence.c. */
    if (presence->reason == REASON_PROBE_SUCCEEDED)
        heard = later_of(heard, later_of(presence->since, presence->last_probe));
    switch ((enum presence_state)presence->state) {
    case PRESENCE_ONLINE:
        presence->next_due = heard + (window < offline ? window : offline);
        presence->becomes = window < offline ? PRESENCE_IDLE : PRESENCE_OFFLINE;
        break;
    case PRESENCE_IDLE:
        presence->next_due = heard + offline;
        presence->becomes = PRESENCE_OFFLINE;
        break;
    case PRESENCE_OFFLINE:
        break;
    }
}

struct page *
presence_transitions(struct unit *u, const struct transition_filter *filter, struct err *err)
{
    struct transition_filter more = *filter;
    struct agent_key key;
    struct cursor cursor;

    more.limit = filter->limit + 1;
    if (filter->agent_id != NULL && !agents_key_read(filter->agent_id, &key)) {
        err_set(err, ERR_VALIDATION_ERROR, "agent_id", "This is no id of an agent.");
        return NULL;
    }
    if (!cursor_read(filter->cursor, 't', false, &cursor, u->mem, err))
        return NULL;

    const struct list *rows = store_transitions_list(db_single(u->db), u->by->org_text, &more,
                                                     cursor.number, u->mem, err);
    if (rows == NULL)
        return NULL;

    struct page *page = cursor_page(rows, filter->limit, u->mem);
    if (page->has_more) {
        const struct transition *last = page->data.v[page->data.n - 1];

        cursor = (struct cursor){ .number = last->id };
        page->next = cursor_write('t', &cursor, u->mem);
    }
    return page;
}

bool
presence_count(struct unit *u, struct presence_counts *counts, struct err *err)
{
    const struct presence_totals *totals = store_presence_count(db_single(u->db), u->mem, err);

    if (totals == NULL)
        return false;
    *counts = (struct presence_counts){ totals->online, totals->idle, totals->offline,
                                        totals->never_seen };
    return true;
}

bool
presence_count_orgs(struct unit *u, struct list *orgs, struct err *err)
{
    return store_presence_orgs(db_single(u->db), u->mem, orgs, err);
}
