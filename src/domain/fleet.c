/* The life of instances as a fleet. The rules of their states are in the statements of
 * store/fleet.c, so that they judge the locked row. */
#include "domain/fleet.h"

#include "domain/presence.h"
#include "domain_priv.h"
#include "store/fleet.h"
#include "store/nodes.h"
#include "store/service_state.h"

#include <stdlib.h>
#include <string.h>

enum { SWEEP_ROWS = 1000, FOLD_ROWS = 10000, GAP_MARKS = 3, SESSION_COMPLETED = 3 };
enum { LOST_AFTER_MS = 60000 };

const char *const instance_mode_words[] = { "connected", "hosted", NULL };
const char *const instance_status_words[] = { "available", "busy",    "draining", "offline",
                                              "unhealthy", "unknown", NULL };
const char *const instance_connection_words[] = { "unknown",  "online",  "healthy",
                                                  "degraded", "offline", NULL };
const char *const instance_transport_words[] = { "unknown", "ws", "callback", NULL };
const char *const dispatch_scheme_words[] = { "svantic_jwt", "shared_secret", NULL };
const char *const policy_mode_words[] = { "open", "allow-list", "audit", NULL };

static const struct uuid nobody;

/* ---- what happened ---- */

/* A name may have been another organization's a moment ago. */
static int
by_name(const void *a, const void *b)
{
    const struct fleet_row *one = a, *other = b;
    int order = strcmp(one->instance_id, other->instance_id);

    return order != 0 ? order : memcmp(&one->org, &other->org, sizeof one->org);
}

/* What the agents' presence learns from it. */
static enum beat_kind
beat_of(const struct fleet_row *row, bool alone)
{
    bool ended = row->gone != 0 && row->left && !row->connect;

    if (alone && ended)
        return BEAT_LEFT;
    if (alone && row->status == INSTANCE_OFFLINE)
        return BEAT_OFFLINE;
    return row->seen || row->connect ? BEAT_ONLINE : BEAT_TRAFFIC;
}

static bool
says_something(const struct fleet_row *row, bool alone)
{
    return row->seen || row->connect || row->succeeded > 0 ||
           (alone && row->gone != 0 && row->left);
}

/* Instances of one agent, which come one after the other: a sign of life of any outweighs the end
 * of another. */
static void
put_beat(struct beat_row *beats, size_t *n, const struct fleet_row *row, bool alone)
{
    enum beat_kind kind = beat_of(row, alone);
    struct beat_row *last = *n == 0 ? NULL : &beats[*n - 1];

    if (!says_something(row, alone))
        return;
    if (last != NULL && memcmp(&last->agent, &row->agent, sizeof row->agent) == 0) {
        if (kind == BEAT_ONLINE || (kind == BEAT_TRAFFIC && last->kind != BEAT_ONLINE))
            last->kind = kind;
        return;
    }
    beats[(*n)++] = (struct beat_row){ .agent = row->agent, .kind = kind, .latency_ms = -1 };
}

/* What those that connected say of themselves. */
static bool
keep_hellos(struct unit *u, const struct fleet_row *rows, size_t n, struct err *err)
{
    struct uuid *ids = arena_alloc(u->mem, n * sizeof *ids);
    struct texts versions = { arena_alloc(u->mem, n * sizeof *versions.v), 0 }, cards = versions;

    cards.v = arena_alloc(u->mem, n * sizeof *cards.v);
    for (size_t i = 0; i < n; i++) {
        if (!rows[i].applied || !rows[i].connect ||
            (rows[i].version == NULL && rows[i].card == NULL))
            continue;
        ids[versions.n] = rows[i].id;
        versions.v[versions.n++] = rows[i].version;
        cards.v[cards.n++] = rows[i].card;
    }
    return versions.n == 0 ||
           store_fleet_hello(db_single(u->db), ids, &versions, &cards, u->mem, err);
}

/* The rows as they are now; beats: what presence learns from them. */
static size_t
put_results(struct fleet_row *rows, size_t n, const struct list *now, struct beat_row *beats)
{
    size_t nbeats = 0;

    for (size_t i = 0; i < n; i++)
        rows[i].applied = false;
    for (size_t i = 0; i < now->n; i++) {
        const struct fleet_now *one = now->v[i];
        struct fleet_row *row =
            bsearch(&(struct fleet_row){ .instance_id = one->name, .org = one->org }, rows, n,
                    sizeof *rows, by_name);

        row->applied = true;
        row->refused = one->refused;
        row->fence = one->fence;
        row->id = one->id;
        row->agent = one->agent;
        put_beat(beats, &nbeats, row, one->alone);
    }
    return nbeats;
}

bool
fleet_apply(struct unit *u, struct fleet_row *rows, size_t n, struct err *err)
{
    struct beat_row *beats = arena_alloc(u->mem, (n + 1) * sizeof *beats);

    if (n == 0)
        return true;
    qsort(rows, n, sizeof *rows, by_name);

    const struct list *now =
        store_fleet_apply(db_single(u->db), rows, n, &u->core->node, u->mem, err);
    if (now == NULL)
        return false;
    size_t nbeats = put_results(rows, n, now, beats);
    return keep_hellos(u, rows, n, err) && presence_apply(u, beats, nbeats, err);
}

/* ---- who may connect ---- */

struct fleet_seat *
fleet_find_seat(struct unit *u, const char *instance_id, struct err *err)
{
    struct fleet_seat *seat = store_fleet_seat(db_single(u->db), instance_id, u->mem, err);
    bool foreign = seat != NULL && memcmp(&seat->org, &u->by->org, sizeof seat->org) != 0;

    if (err->code != ERR_NONE)
        return NULL;
    if (foreign && !u->core->strict_isolation)
        err_set(err, ERR_TENANT_MISMATCH, "instance_id", NULL);
    else if (seat == NULL || foreign)
        err_set(err, ERR_INSTANCE_NOT_FOUND, "instance_id", NULL);
    else if (seat->mode != MODE_CONNECTED)
        err_set(err, ERR_DEPLOYMENT_MODE_MISMATCH, "instance_id", NULL);
    return err->code == ERR_NONE ? seat : NULL;
}

/* ---- who is called ---- */

static bool
fail_none(struct err *err)
{
    err_set(err, ERR_NO_AVAILABLE_INSTANCE, NULL, NULL);
    err->retry_after = 5;
    return false;
}

static struct list *
list_of_one(struct unit *u, const struct fleet_found *found, bool even_full, struct err *err)
{
    struct list *list = ARENA_NEW(u->mem, struct list);

    if (!found->routable || (found->full && !even_full)) {
        fail_none(err);
        return NULL;
    }
    list->v = arena_alloc(u->mem, sizeof *list->v);
    list->v[0] = (void *)(uintptr_t)&found->target;
    list->n = 1;
    return list;
}

/* Who is asked for: the agent, and its instance when it is asked for by name. */
static bool
find_asked(struct unit *u, const struct fleet_want *want, struct uuid *agent,
           struct fleet_found **named, struct err *err)
{
    *named = NULL;
    if (want->instance_id != NULL) {
        *named = store_fleet_find(db_single(u->db), want, NULL, u->mem, err);
        if (*named == NULL)
            return err->code == ERR_NONE && err_set(err, ERR_INSTANCE_NOT_FOUND, NULL, NULL);
        *agent = (*named)->target.agent;
        return true;
    }
    const struct fleet_agent *found = store_fleet_agent(db_single(u->db), want, u->mem, err);
    if (found == NULL)
        return err->code == ERR_NONE && err_set(err, ERR_AGENT_NOT_FOUND, NULL, NULL);
    *agent = found->id;
    return found->life == LIFE_ACTIVE || fail_none(err);
}

static bool
check_session(struct unit *u, const struct fleet_want *want, const struct uuid *agent,
              struct uuid *bound, struct err *err)
{
    *bound = nobody;
    if (want->session_id == NULL)
        return true;
    const struct fleet_session *session =
        store_fleet_session(db_single(u->db), want, agent, u->mem, err);
    if (session == NULL)
        return err->code == ERR_NONE && err_set(err, ERR_SESSION_NOT_FOUND, NULL, NULL);
    if (session->status == SESSION_COMPLETED)
        return err_set(err, ERR_SESSION_CLOSED, NULL, NULL);
    *bound = session->instance;
    return true;
}

struct list *
fleet_candidates(struct unit *u, const struct fleet_want *want, struct err *err)
{
    struct uuid agent, bound, place = ids_uuid_new();
    struct fleet_found *named;

    if (!find_asked(u, want, &agent, &named, err) || !check_session(u, want, &agent, &bound, err))
        return NULL;
    if (named != NULL)
        return list_of_one(u, named, memcmp(&bound, &named->target.id, sizeof bound) == 0, err);
    if (memcmp(&bound, &nobody, sizeof bound) != 0) {
        const struct fleet_found *same =
            store_fleet_find(db_single(u->db), want, &bound, u->mem, err);

        if (same != NULL || err->code != ERR_NONE)
            return same == NULL ? NULL : list_of_one(u, same, true, err);
    }
    struct list *list = store_fleet_routable(db_single(u->db), &agent, &place, u->mem, err);
    if (list != NULL && list->n == 0)
        fail_none(err);
    return err->code == ERR_NONE ? list : NULL;
}

bool
fleet_bind(struct unit *u, const struct fleet_want *want, const struct fleet_target *target,
           struct err *err)
{
    return want->session_id == NULL ||
           store_fleet_bind(db_single(u->db), want->session_id, target, u->mem, err);
}

/* ---- nodes ---- */

bool
fleet_node_lives(struct unit *u, int64_t lease_ms, struct err *err)
{
    const struct fleet_node *node = &u->core->node;

    return store_nodes_lives(db_single(u->db), &node->id, node->url, lease_ms, u->mem, err);
}

bool
fleet_node_ends(struct unit *u, struct err *err)
{
    return store_nodes_ends(db_single(u->db), &u->core->node.id, u->mem, err);
}

bool
fleet_drop_lost(struct unit *u, bool (*has)(void *arg, const struct uuid *instance), void *arg,
                long *dropped, struct err *err)
{
    struct db_tx *tx = db_single(u->db);
    const struct uuid *node = &u->core->node.id;
    const struct list *owned = store_nodes_owned(tx, node, LOST_AFTER_MS, u->mem, err);
    size_t n = 0;

    *dropped = 0;
    if (owned == NULL)
        return false;

    struct uuid *lost = arena_alloc(u->mem, (owned->n + 1) * sizeof *lost);
    for (size_t i = 0; i < owned->n; i++) {
        const struct fleet_now *one = owned->v[i];

        if (!has(arg, &one->id))
            lost[n++] = one->id;
    }
    if (n > 0)
        *dropped = store_nodes_drop(tx, node, LOST_AFTER_MS, lost, n, u->mem, err);
    return *dropped >= 0;
}

/* Removes those of no use; sockets there may be none of, but other nodes know their agents. */
static bool
remove_useless(struct unit *u, int64_t up_since_us, const struct fleet_sweep *rules, long *done,
               struct err *err)
{
    struct db_tx *tx DB_SCOPED = db_begin(u->db, err);
    const struct list *gone =
        tx == NULL ? NULL : store_nodes_remove(tx, up_since_us, rules, SWEEP_ROWS, u->mem, err);

    if (gone == NULL)
        return false;
    *done = (long)gone->n;

    struct uuid *agents = arena_alloc(u->mem, (gone->n + 1) * sizeof *agents);
    for (size_t i = 0; i < gone->n; i++)
        agents[i] = ((const struct fleet_now *)gone->v[i])->agent;
    return hints_forget(u, tx, HINT_AGENT, agents, gone->n, err) && db_commit(tx, err);
}

bool
fleet_sweep(struct unit *u, const struct fleet_sweep *rules, int64_t mark_ms, bool *more,
            struct err *err)
{
    struct db_tx *tx = db_single(u->db);
    const struct service_state *state =
        store_service_state_mark(tx, GAP_MARKS * mark_ms, u->mem, err);
    long freed, silent = 0, folded, removed = 0, forgotten;

    *more = false;
    if (state == NULL)
        return false;
    if ((freed = store_nodes_free(tx, SWEEP_ROWS, u->mem, err)) < 0 ||
        (forgotten = store_nodes_forget(tx, u->mem, err)) < 0 ||
        (folded = store_nodes_fold(tx, FOLD_ROWS, u->mem, err)) < 0)
        return false;
    if (rules->lost_ms > 0)
        silent =
            store_nodes_silent(tx, state->up_since_us, rules->lost_ms, SWEEP_ROWS, u->mem, err);
    if (silent < 0 || ((rules->gone_connected_ms > 0 || rules->gone_hosted_ms > 0) &&
                       !remove_useless(u, state->up_since_us, rules, &removed, err)))
        return false;
    *more =
        freed == SWEEP_ROWS || silent == SWEEP_ROWS || removed == SWEEP_ROWS || folded == FOLD_ROWS;
    return true;
}
