/* SQL for presence. A change is one statement: it locks, updates, and writes what follows from it.
 * Only columns without an index are ever updated, so that PostgreSQL keeps the row in its page. */
#include "store/presence.h"

#include "store_priv.h"

static const struct db_col now_columns[] = {
    { UUID_AT(struct presence_now, agent) },
    { ENUM_AT(struct presence_now, state) },
    { ENUM_AT(struct presence_now, reason) },
    { TIME_AT(struct presence_now, last_heartbeat) },
};

static const struct db_shape now_row = DB_SHAPE(struct presence_now, now_columns);

static const struct db_col totals_columns[] = {
    { INT_AT(struct presence_totals, online) },
    { INT_AT(struct presence_totals, idle) },
    { INT_AT(struct presence_totals, offline) },
    { INT_AT(struct presence_totals, never_seen) },
};

static const struct db_col org_columns[] = {
    { UUID_AT(struct org_agents, org) },
    { INT_AT(struct org_agents, agents) },
};

static const struct db_shape org_row = DB_SHAPE(struct org_agents, org_columns);

static const struct db_shape totals_row = DB_SHAPE(struct presence_totals, totals_columns);

enum { RENEW, APPLY, SWEEP, CLOSE, OPEN, TOTALS, ORGS };

#define INTERVAL(ms) ms " * interval '1 millisecond'"

/* What follows from a CTE "next" (agent_id, old_state, state, reason, at and the probe's columns):
 * a transition for each change. The join reads agents only where something changed. */
#define LOG_CHANGES                                                                                \
    " log AS (INSERT INTO status_transitions (at, org_id, agent_id, permanent_id, old_state,"      \
    " new_state, reason, http_status, latency_ms, error)"                                          \
    " SELECT n.at, a.org_id, a.id, a.permanent_id, n.old_state, n.state, n.reason,"                \
    " n.http_status, n.latency_ms, n.error FROM next n JOIN agents a ON a.id = n.agent_id"         \
    " WHERE n.state <> n.old_state)"
#define HINT_CHANGES(node)                                                                         \
    " hint AS (INSERT INTO cache_hints (node, kind, id)"                                           \
    " SELECT " node ", 0, n.agent_id FROM next n WHERE n.state <> n.old_state"
#define UPDATE_PRESENCE                                                                            \
    " done AS (UPDATE presence p SET state = n.state, reason = n.reason,"                          \
    " since = CASE WHEN n.state <> n.old_state THEN n.at ELSE p.since END,"                        \
    " last_activity = n.last_activity, last_heartbeat = n.last_heartbeat,"                         \
    " last_probe = n.last_probe FROM next n WHERE p.agent_id = n.agent_id"                         \
    " RETURNING p.agent_id, p.state, p.reason, ms(p.last_heartbeat))"

/* What a beat (kind, at) makes of the presence that it finds. */
#define JUDGED_STATE(window)                                                                       \
    "(CASE WHEN kind IN (0, 2) THEN 0"                                                             \
    " WHEN kind IN (1, 5) THEN 2"                                                                  \
    " WHEN kind = 3 AND state = 2 THEN 1"                                                          \
    " WHEN kind = 4 AND coalesce(last_activity, '-infinity') <= at - " INTERVAL(                   \
        window) " THEN 2"                                                                          \
                " ELSE state END)"
#define JUDGED_REASON(unless)                                                                      \
    "(CASE kind WHEN 0 THEN 1 WHEN 1 THEN 2 WHEN 2 THEN 3 WHEN 5 THEN 9 ELSE " unless " END)"      \
    "::smallint"
#define LAST_ACTIVITY  "CASE WHEN kind IN (0, 2) THEN at ELSE last_activity END"
#define LAST_HEARTBEAT "CASE WHEN kind IN (0, 1) THEN at ELSE last_heartbeat END"
#define LAST_PROBE     "CASE WHEN kind IN (3, 4) THEN at ELSE last_probe END"

/* When the silence of an agent began: its last activity; for one that is only known from probes
 * that went well, the last of them. */
#define HEARD                                                                                      \
    "CASE WHEN p.reason = 5 THEN greatest(p.last_activity, p.since, p.last_probe)"                 \
    " ELSE p.last_activity END"

/* clang-format off */
const struct stmt store_presence_stmts[] = {
    /* The beats that change no state, as hardly any does: nothing follows from them, so nothing is
     * read or locked before. PostgreSQL judges a row again that another has changed meanwhile. */
    [RENEW] = { "presence_renew",
        "UPDATE presence SET reason = " JUDGED_REASON("reason") ", last_activity = " LAST_ACTIVITY
        ", last_heartbeat = " LAST_HEARTBEAT ", last_probe = " LAST_PROBE
        " FROM (SELECT id, kind, (SELECT roster_now()) AS at"
        " FROM unnest($1::uuid[], $2::bigint[]) AS b (id, kind)) beats"
        " WHERE agent_id = id AND open AND state = " JUDGED_STATE("$3::bigint")
        " AND (reason <> 0 OR kind = 4)"
        " RETURNING agent_id, state, reason, ms(last_heartbeat)",
        &now_row },
    /* The beats lead the join, so that its plan costs the same however large the table is; rows are
     * locked in id order, so that two writers cannot wait for each other. */
    [APPLY] = { "presence_apply",
        "WITH old AS MATERIALIZED ("
        " SELECT p.agent_id, p.state, p.reason, p.last_activity, p.last_heartbeat, p.last_probe,"
        " b.kind, b.http_status, b.latency_ms, b.error, (SELECT roster_now()) AS at"
        " FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[])"
        " AS b (agent_id, kind, http_status, latency_ms, error)"
        " JOIN presence p ON p.agent_id = b.agent_id WHERE p.open"
        " ORDER BY p.agent_id FOR UPDATE OF p),"
        " judged AS (SELECT o.*, " JUDGED_STATE("$6::bigint") "::smallint AS new_state FROM old o),"
        " next AS MATERIALIZED (SELECT agent_id, state AS old_state, new_state AS state, at,"
        " reason = 0 AS was_never_seen, http_status, latency_ms, error, " JUDGED_REASON(
        "CASE WHEN new_state = state THEN reason WHEN kind = 3 THEN 5 ELSE 6 END") " AS reason, "
        LAST_ACTIVITY " AS last_activity, " LAST_HEARTBEAT " AS last_heartbeat, "
        LAST_PROBE " AS last_probe FROM judged),"
        UPDATE_PRESENCE "," LOG_CHANGES "," HINT_CHANGES("$7::bigint")
        " OR (n.was_never_seen AND n.reason <> 0))"
        " SELECT * FROM done",
        &now_row },
    /* $1 up since, $2 window, $3 offline, $4 limit, $5 node. Nobody is waited for, so the order of
     * locking does not matter. */
    [SWEEP] = { "presence_sweep",
        "WITH old AS MATERIALIZED ("
        " SELECT p.agent_id, p.state, p.last_activity, p.last_heartbeat, p.last_probe,"
        " (SELECT roster_now()) AS at, greatest(" HEARD ", from_us($1::bigint)) AS heard"
        " FROM presence p WHERE p.open AND p.state <> 2"
        " AND greatest(" HEARD ", from_us($1::bigint)) <= (SELECT roster_now())"
        " - CASE p.state WHEN 0 THEN least($2::bigint, $3::bigint) ELSE $3::bigint END"
        " * interval '1 millisecond'"
        " LIMIT $4::bigint FOR UPDATE OF p SKIP LOCKED),"
        " next AS MATERIALIZED (SELECT agent_id, state AS old_state, at, 4::smallint AS reason,"
        " (CASE WHEN heard <= at - " INTERVAL("$3::bigint")
        " THEN 2 ELSE 1 END)::smallint AS state,"
        " last_activity, last_heartbeat, last_probe, 0 AS http_status, -1 AS latency_ms,"
        " NULL::text AS error FROM old),"
        UPDATE_PRESENCE "," LOG_CHANGES "," HINT_CHANGES("$5::bigint") ")"
        " SELECT * FROM done",
        &now_row },
    [CLOSE] = { "presence_close",
        "WITH next AS MATERIALIZED (SELECT agent_id, state AS old_state, 2::smallint AS state,"
        " $2::smallint AS reason, roster_now() AS at, last_activity, last_heartbeat, last_probe,"
        " 0 AS http_status, -1 AS latency_ms, NULL::text AS error"
        " FROM presence WHERE agent_id = $1::uuid FOR UPDATE)," LOG_CHANGES
        " UPDATE presence p SET open = false, state = n.state, reason = n.reason,"
        " since = CASE WHEN n.state <> n.old_state THEN n.at ELSE p.since END"
        " FROM next n WHERE p.agent_id = n.agent_id" },
    [OPEN] = { "presence_open",
        "UPDATE presence SET open = true, reason = CASE"
        " WHEN last_activity IS NULL AND last_heartbeat IS NULL THEN 0 ELSE reason END"
        " WHERE agent_id = $1::uuid" },
    [TOTALS] = { "presence_totals",
        "SELECT count(*) FILTER (WHERE state = 0), count(*) FILTER (WHERE state = 1),"
        " count(*) FILTER (WHERE state = 2 AND reason <> 0),"
        " count(*) FILTER (WHERE state = 2 AND reason = 0) FROM presence WHERE open",
        &totals_row },
    [ORGS] = { "presence_orgs",
        "SELECT org_id, count(*) FROM agents WHERE life = 0 GROUP BY org_id ORDER BY org_id",
        &org_row },
    STMT_END,
};
/* clang-format on */

struct list *
store_presence_renew(struct db_tx *tx, const struct presence_batch *batch, struct arena *mem,
                     struct err *err)
{
    return store_all(tx, &store_presence_stmts[RENEW],
                     DB_ARGS(DB_UUIDS(batch->agents, batch->n), DB_INTS(batch->kinds, batch->n),
                             DB_INT(batch->window_ms)),
                     mem, err);
}

struct list *
store_presence_apply(struct db_tx *tx, const struct presence_batch *batch, struct arena *mem,
                     struct err *err)
{
    return store_all(tx, &store_presence_stmts[APPLY],
                     DB_ARGS(DB_UUIDS(batch->agents, batch->n), DB_INTS(batch->kinds, batch->n),
                             DB_INTS(batch->http_status, batch->n),
                             DB_INTS(batch->latency_ms, batch->n), DB_TEXTS(&batch->errors),
                             DB_INT(batch->window_ms), DB_INT(batch->node)),
                     mem, err);
}

struct list *
store_presence_sweep(struct db_tx *tx, const struct presence_silence *silence, struct arena *mem,
                     struct err *err)
{
    return store_all(tx, &store_presence_stmts[SWEEP],
                     DB_ARGS(DB_INT(silence->up_since_us), DB_INT(silence->window_ms),
                             DB_INT(silence->offline_ms), DB_INT(silence->limit),
                             DB_INT(silence->node)),
                     mem, err);
}

bool
store_presence_close(struct db_tx *tx, const char *agent, int reason, struct arena *mem,
                     struct err *err)
{
    return db_exec(tx, &store_presence_stmts[CLOSE], DB_ARGS(DB_TEXT(agent), DB_INT(reason)), mem,
                   err) >= 0;
}

bool
store_presence_open(struct db_tx *tx, const char *agent, struct arena *mem, struct err *err)
{
    return db_exec(tx, &store_presence_stmts[OPEN], DB_ARGS(DB_TEXT(agent)), mem, err) >= 0;
}

struct presence_totals *
store_presence_count(struct db_tx *tx, struct arena *mem, struct err *err)
{
    return db_one(tx, &store_presence_stmts[TOTALS], DB_NO_ARGS, mem, err);
}

bool
store_presence_orgs(struct db_tx *tx, struct arena *mem, struct list *rows, struct err *err)
{
    return db_all(tx, &store_presence_stmts[ORGS], DB_NO_ARGS, mem, rows, err);
}
