/* SQL for the states of instances. A change is one statement: it locks in the order of the ids, so
 * that two writers cannot wait for each other, judges the locked row, and updates no column that
 * has an index but the owner. */
#include "store/fleet.h"

#include "store_priv.h"

static const struct db_col now_columns[] = {
    { UUID_AT(struct fleet_now, id) },      { UUID_AT(struct fleet_now, agent) },
    { TEXT_AT(struct fleet_now, name) },    { INT_AT(struct fleet_now, fence) },
    { BOOL_AT(struct fleet_now, refused) }, { BOOL_AT(struct fleet_now, alone) },
    { UUID_AT(struct fleet_now, org) },
};

static const struct db_shape now_row = DB_SHAPE(struct fleet_now, now_columns);

static const struct db_col agent_columns[] = {
    { UUID_AT(struct fleet_agent, id) },
    { ENUM_AT(struct fleet_agent, life) },
};

static const struct db_shape agent_row = DB_SHAPE(struct fleet_agent, agent_columns);

static const struct db_col target_columns[] = {
    { UUID_AT(struct fleet_target, id) },
    { UUID_AT(struct fleet_target, org) },
    { UUID_AT(struct fleet_target, agent) },
    { TEXT_AT(struct fleet_target, instance_id) },
    { TEXT_AT(struct fleet_target, agent_type) },
    { ENUM_AT(struct fleet_target, mode) },
    { ENUM_AT(struct fleet_target, scheme) },
    { BYTES_AT(struct fleet_target, url_sealed) },
    { BYTES_AT(struct fleet_target, dispatch_url_sealed) },
    { BYTES_AT(struct fleet_target, secret_sealed) },
    { UUID_AT(struct fleet_target, owner) },
    { TEXT_AT(struct fleet_target, owner_url) },
    { INT_AT(struct fleet_target, fence) },
    { INT_AT(struct fleet_target, sessions) },
};

static const struct db_shape target_row = DB_SHAPE(struct fleet_target, target_columns);

static const struct db_col found_columns[] = {
    { UUID_AT(struct fleet_found, target.id) },
    { UUID_AT(struct fleet_found, target.org) },
    { UUID_AT(struct fleet_found, target.agent) },
    { TEXT_AT(struct fleet_found, target.instance_id) },
    { TEXT_AT(struct fleet_found, target.agent_type) },
    { ENUM_AT(struct fleet_found, target.mode) },
    { ENUM_AT(struct fleet_found, target.scheme) },
    { BYTES_AT(struct fleet_found, target.url_sealed) },
    { BYTES_AT(struct fleet_found, target.dispatch_url_sealed) },
    { BYTES_AT(struct fleet_found, target.secret_sealed) },
    { UUID_AT(struct fleet_found, target.owner) },
    { TEXT_AT(struct fleet_found, target.owner_url) },
    { INT_AT(struct fleet_found, target.fence) },
    { INT_AT(struct fleet_found, target.sessions) },
    { BOOL_AT(struct fleet_found, routable) },
    { BOOL_AT(struct fleet_found, full) },
};

static const struct db_shape found_row = DB_SHAPE(struct fleet_found, found_columns);

static const struct db_col session_columns[] = {
    { ENUM_AT(struct fleet_session, status) },
    { UUID_AT(struct fleet_session, instance) },
};

static const struct db_shape session_row = DB_SHAPE(struct fleet_session, session_columns);

static const struct db_col seat_columns[] = {
    { UUID_AT(struct fleet_seat, id) },          { UUID_AT(struct fleet_seat, org) },
    { TEXT_AT(struct fleet_seat, instance_id) }, { TEXT_AT(struct fleet_seat, agent_type) },
    { ENUM_AT(struct fleet_seat, mode) },
};

static const struct db_shape seat_row = DB_SHAPE(struct fleet_seat, seat_columns);

enum { APPLY, HELLO, AGENT, ROUTABLE, FIND, SEAT, SESSION, BIND };

/* Whoever is not known cannot have lost anything: the operator's first token. */
#define LOST_RIGHTS                                                                                \
    "d.caller <> '00000000-0000-0000-0000-000000000000' AND ("                                     \
    "EXISTS (SELECT FROM org_credentials c WHERE c.id = d.caller AND c.revoked_at IS NOT NULL)"    \
    " OR EXISTS (SELECT FROM api_keys k WHERE k.id = d.caller AND k.revoked_at IS NOT NULL)"       \
    " OR EXISTS (SELECT FROM agents a WHERE a.id = d.caller AND a.life <> 0)"                      \
    " OR EXISTS (SELECT FROM organizations o WHERE o.id = d.org_id AND o.state <> 0))"
/* Active or bound sessions, whichever is more: clients are known to report none. */
#define LOAD                                                                                       \
    "greatest(s.sessions,"                                                                         \
    " (SELECT count(*) FROM session_agents b WHERE b.instance = s.instance))"
/* Asked once for each agent: the agent again when it has a reachable instance outside of the batch.
 * Asked so there is one index that can answer, and no row of another agent is read; a plain EXISTS
 * is planned as if all agents had as many instances as the largest. */
#define ELSEWHERE                                                                                  \
    "(SELECT s.agent_id FROM instance_states s"                                                    \
    " WHERE s.agent_id BETWEEN d.agent_id AND d.agent_id"                                          \
    " AND s.instance NOT IN (SELECT instance FROM done)"                                           \
    " AND s.status <> 3 AND (s.mode = 1 OR s.owner IS NOT NULL)"                                   \
    " ORDER BY s.agent_id, s.instance LIMIT 1)"
/* Somebody can reach it: at its URL, or by a socket that a living node holds. The first half is
 * that of an index: those that nobody reaches, however many they are, cost nothing. */
#define REACHABLE "(s.mode = 1 OR s.owner IS NOT NULL) AND (s.mode = 1 OR n.lease_until > now())"
#define TARGET                                                                                     \
    "i.id, i.org_id, i.agent_id, i.instance_id, coalesce(a.mesh_type, a.permanent_id), i.mode,"    \
    " i.scheme, i.url_sealed, i.dispatch_url_sealed, i.auth_secret_sealed,"                        \
    " coalesce(s.owner, '00000000-0000-0000-0000-000000000000'), n.url, s.fence"
#define NEAR(which)                                                                                \
    "(SELECT s.* FROM instance_states s LEFT JOIN nodes n ON n.id = s.owner"                       \
    " WHERE s.agent_id = $1::uuid AND s.instance " which " $2::uuid AND s.status IN (0, 5)"        \
    " AND " REACHABLE " ORDER BY s.instance LIMIT 256)"

/* clang-format off */
const struct stmt store_fleet_stmts[] = {
    /* The rows of the batch: see struct fleet_row. $14 node, $15 its number. Who
     * holds a socket whose lease was lost meanwhile gets it back. How the last dispatches of a
     * socket ended may come after its end, and changes nothing of that. A connect is judged
     * after the end of an older socket. */
    [APPLY] = { "fleet_apply",
        "WITH old AS MATERIALIZED ("
        " SELECT s.*, i.instance_id AS name, b.saw <> 0 AS seen, b.told, b.told_sessions,"
        " b.told_max, b.told_failures, b.joins <> 0 AS connects, b.good, b.bad, b.error, b.caller,"
        " b.gone <> 0 AND b.gone = s.fence AS ends,"
        " b.joins <> 0 OR (b.holds <> 0 AND b.holds = s.fence AND s.owner IS NULL AND b.gone = 0)"
        " AS here,"
        " (SELECT roster_now()) AS at,"
        " CASE WHEN b.error IS NULL THEN CASE WHEN b.good > 0 OR"
        "  (b.saw <> 0 AND s.status = 4 AND s.unwell <> 0) THEN 0 ELSE s.failures END"
        "  WHEN b.good > 0 THEN 1 ELSE s.failures + b.bad END AS in_a_row"
        " FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[],"
        "  $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[],"
        "  $16::bigint[], $17::uuid[], $12::text[])"
        " AS b (org, name, saw, told, told_sessions, told_max, told_failures, joins, gone,"
        "  good, bad, holds, caller, error)"
        " JOIN instances i ON i.instance_id = b.name AND i.org_id = b.org"
        " JOIN instance_states s ON s.instance = i.id ORDER BY s.instance FOR UPDATE OF s),"
        " done AS (UPDATE instance_states s SET"
        " status = CASE WHEN o.told >= 0 THEN o.told"
        "  WHEN o.in_a_row >= $13::bigint THEN 4"
        "  WHEN o.connects OR (o.status = 4 AND o.unwell <> 0 AND (o.seen OR o.good > 0)) THEN 0"
        "  ELSE o.status END,"
        " unwell = CASE WHEN o.told >= 0 THEN 0 WHEN o.in_a_row >= $13::bigint THEN 2"
        "  ELSE o.unwell END,"
        " connection = CASE WHEN o.here THEN 1 WHEN o.ends THEN 4"
        "  WHEN o.mode = 0 AND o.owner IS NULL THEN o.connection"
        "  WHEN o.error IS NOT NULL THEN 3 WHEN o.good > 0 THEN 1 + o.mode ELSE o.connection END,"
        " transport = CASE WHEN o.here THEN 1 WHEN o.ends THEN 0"
        "  WHEN o.mode = 1 AND o.good + o.bad > 0 THEN 2 ELSE o.transport END,"
        " owner = CASE WHEN o.here THEN $14::uuid WHEN o.ends THEN NULL"
        "  ELSE o.owner END,"
        " fence = CASE WHEN o.connects THEN nextval('socket_fences') ELSE o.fence END,"
        " connected_since = CASE WHEN o.here THEN o.at WHEN o.ends THEN NULL"
        "  ELSE o.connected_since END,"
        " lost_at = CASE WHEN o.here THEN NULL WHEN o.ends THEN o.at"
        "  ELSE o.lost_at END,"
        " sessions = CASE WHEN o.told_sessions >= 0 THEN o.told_sessions ELSE o.sessions END,"
        " max_sessions = CASE WHEN o.told_max >= 0 THEN o.told_max ELSE o.max_sessions END,"
        " reported_failures = CASE WHEN o.told_failures >= 0 THEN o.told_failures"
        "  ELSE o.reported_failures END,"
        " failures = o.in_a_row,"
        " last_seen = CASE WHEN o.seen OR o.connects OR o.good > 0 THEN o.at ELSE o.last_seen END,"
        " last_dispatch_at = CASE WHEN o.good + o.bad > 0 THEN o.at ELSE o.last_dispatch_at END,"
        " succeeded = o.succeeded + o.good, failed = o.failed + o.bad,"
        " last_dispatch_error = CASE WHEN o.error IS NOT NULL THEN o.error"
        "  WHEN o.good > 0 THEN NULL ELSE o.last_dispatch_error END"
        " FROM old o WHERE s.instance = o.instance"
        " RETURNING s.instance, s.agent_id, o.name, s.fence, s.org_id, o.caller,"
        " (s.status <> 3 AND (s.mode = 1 OR s.owner IS NOT NULL))::int AS lives),"
        " hint AS (INSERT INTO cache_hints (node, kind, id) SELECT $15::bigint, 5, o.instance"
        "  FROM old o WHERE o.connects AND o.owner <> $14::uuid RETURNING 1),"
        " waked AS (SELECT pg_notify('roster_hints', '') FROM hint LIMIT 1)"
        " SELECT d.instance, d.agent_id, d.name, d.fence, " LOST_RIGHTS ","
        " sum(lives) OVER w = lives AND first_value(more) OVER w IS NULL, d.org_id"
        " FROM (SELECT d.*, CASE row_number() OVER (PARTITION BY agent_id) WHEN 1 THEN " ELSEWHERE
        "  END AS more FROM done d) d LEFT JOIN waked ON true WINDOW w AS (PARTITION BY agent_id"
        "  ORDER BY more ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)"
        " ORDER BY d.agent_id",
        &now_row },
    /* Locked in the order of the ids, as by those that disallow a type. */
    [HELLO] = { "fleet_hello",
        "WITH held AS MATERIALIZED (SELECT id FROM instances WHERE id = ANY ($1::uuid[])"
        " ORDER BY id FOR NO KEY UPDATE)"
        " UPDATE instances i SET version = coalesce(h.version, i.version),"
        " card = coalesce(h.card::json, i.card), updated_at = roster_now()"
        " FROM held JOIN unnest($1::uuid[], $2::text[], $3::text[]) AS h (id, version, card)"
        " ON h.id = held.id WHERE i.id = held.id" },
    [AGENT] = { "fleet_agent",
        "SELECT id, life FROM agents WHERE org_id = $1::uuid"
        " AND (id = $2::uuid OR (mesh_type = $3::text AND life <> 2) OR permanent_id = $3::text)"
        " ORDER BY id = $2::uuid DESC NULLS LAST, mesh_type = $3::text DESC NULLS LAST LIMIT 1",
        &agent_row },
    [ROUTABLE] = { "fleet_routable",
        "WITH near AS (SELECT * FROM " NEAR(">=") " x UNION ALL SELECT * FROM " NEAR("<") " y)"
        " SELECT " TARGET ", " LOAD " AS load FROM near s JOIN instances i ON i.id = s.instance"
        " JOIN agents a ON a.id = s.agent_id LEFT JOIN nodes n ON n.id = s.owner"
        " WHERE s.max_sessions = 0 OR " LOAD " < s.max_sessions"
        " ORDER BY load, s.last_dispatch_at NULLS FIRST, s.instance LIMIT 16",
        &target_row },
    [FIND] = { "fleet_find",
        "SELECT " TARGET ", " LOAD ", a.life = 0 AND s.status IN (0, 5) AND " REACHABLE ","
        " s.max_sessions <> 0 AND " LOAD " >= s.max_sessions"
        " FROM instances i JOIN instance_states s ON s.instance = i.id"
        " JOIN agents a ON a.id = i.agent_id LEFT JOIN nodes n ON n.id = s.owner"
        " WHERE i.org_id = $1::uuid AND (i.instance_id = $2::text OR i.id = $3::uuid)",
        &found_row },
    [SEAT] = { "fleet_seat",
        "SELECT i.id, i.org_id, i.instance_id, coalesce(a.mesh_type, a.permanent_id), i.mode"
        " FROM instances i JOIN agents a ON a.id = i.agent_id WHERE i.instance_id = $1::text",
        &seat_row },
    [SESSION] = { "fleet_session",
        "SELECT s.status, coalesce((SELECT b.instance FROM session_agents b"
        " WHERE b.session_id = s.id AND b.agent_id = $3::uuid),"
        " '00000000-0000-0000-0000-000000000000')"
        " FROM sessions s WHERE s.id = $2::uuid AND s.org_id = $1::uuid",
        &session_row },
    /* 3: joined by routing. */
    [BIND] = { "fleet_bind",
        "WITH turn AS (UPDATE sessions SET last_activity = roster_now(), status = 1,"
        " total_turns = total_turns + 1 WHERE id = $1::uuid AND ended_at IS NULL RETURNING id)"
        " INSERT INTO session_agents (session_id, agent_id, instance, join_reason)"
        " SELECT id, $2::uuid, $3::uuid, 3 FROM turn ON CONFLICT DO NOTHING" },
    STMT_END,
};
/* clang-format on */

enum { UNHEALTHY_AFTER = 3 };

/* The columns of a batch: the numbers are one array behind the other. */
enum { SEEN, TOLD, SESSIONS, MAX, FAILURES, CONNECTS, GONE, GOOD, BAD, HOLDS, NUMBERS };

static void
put_numbers(int64_t *numbers, size_t n, size_t i, const struct fleet_row *row)
{
    const int64_t of_row[NUMBERS] = {
        row->seen,    row->status, row->sessions,  row->max_sessions, row->reported_failures,
        row->connect, row->gone,   row->succeeded, row->failed,       row->holds
    };

    for (size_t k = 0; k < NUMBERS; k++)
        numbers[k * n + i] = of_row[k];
}

struct list *
store_fleet_apply(struct db_tx *tx, const struct fleet_row *rows, size_t n,
                  const struct fleet_node *node, struct arena *mem, struct err *err)
{
    struct uuid *orgs = arena_alloc(mem, 2 * n * sizeof *orgs), *callers = orgs + n;
    const char **names = arena_alloc(mem, n * sizeof *names);
    const char **errors = arena_alloc(mem, n * sizeof *errors);
    int64_t *v = arena_alloc(mem, NUMBERS * n * sizeof *v);
    const struct texts name_list = { names, n }, error_list = { errors, n };

    for (size_t i = 0; i < n; i++) {
        orgs[i] = rows[i].org;
        callers[i] = rows[i].caller;
        names[i] = rows[i].instance_id;
        errors[i] = rows[i].error;
        put_numbers(v, n, i, &rows[i]);
    }
    return store_all(tx, &store_fleet_stmts[APPLY],
                     DB_ARGS(DB_UUIDS(orgs, n), DB_TEXTS(&name_list), DB_INTS(v + SEEN * n, n),
                             DB_INTS(v + TOLD * n, n), DB_INTS(v + SESSIONS * n, n),
                             DB_INTS(v + MAX * n, n), DB_INTS(v + FAILURES * n, n),
                             DB_INTS(v + CONNECTS * n, n), DB_INTS(v + GONE * n, n),
                             DB_INTS(v + GOOD * n, n), DB_INTS(v + BAD * n, n),
                             DB_TEXTS(&error_list), DB_INT(UNHEALTHY_AFTER), DB_UUID(&node->id),
                             DB_INT(node->cache), DB_INTS(v + HOLDS * n, n), DB_UUIDS(callers, n)),
                     mem, err);
}

bool
store_fleet_hello(struct db_tx *tx, const struct uuid *ids, const struct texts *versions,
                  const struct texts *cards, struct arena *mem, struct err *err)
{
    return db_exec(tx, &store_fleet_stmts[HELLO],
                   DB_ARGS(DB_UUIDS(ids, versions->n), DB_TEXTS(versions), DB_TEXTS(cards)), mem,
                   err) >= 0;
}

struct fleet_agent *
store_fleet_agent(struct db_tx *tx, const struct fleet_want *want, struct arena *mem,
                  struct err *err)
{
    static const struct uuid none;

    return db_one(tx, &store_fleet_stmts[AGENT],
                  DB_ARGS(DB_UUID(&want->org), DB_UUID(want->agent == NULL ? &none : want->agent),
                          DB_TEXT(want->agent_type)),
                  mem, err);
}

struct list *
store_fleet_routable(struct db_tx *tx, const struct uuid *agent, const struct uuid *place,
                     struct arena *mem, struct err *err)
{
    return store_all(tx, &store_fleet_stmts[ROUTABLE], DB_ARGS(DB_UUID(agent), DB_UUID(place)), mem,
                     err);
}

struct fleet_found *
store_fleet_find(struct db_tx *tx, const struct fleet_want *want, const struct uuid *id,
                 struct arena *mem, struct err *err)
{
    static const struct uuid none;

    return db_one(tx, &store_fleet_stmts[FIND],
                  DB_ARGS(DB_UUID(&want->org), DB_TEXT(id == NULL ? want->instance_id : NULL),
                          DB_UUID(id == NULL ? &none : id)),
                  mem, err);
}

struct fleet_seat *
store_fleet_seat(struct db_tx *tx, const char *instance_id, struct arena *mem, struct err *err)
{
    return db_one(tx, &store_fleet_stmts[SEAT], DB_ARGS(DB_TEXT(instance_id)), mem, err);
}

struct fleet_session *
store_fleet_session(struct db_tx *tx, const struct fleet_want *want, const struct uuid *agent,
                    struct arena *mem, struct err *err)
{
    return db_one(tx, &store_fleet_stmts[SESSION],
                  DB_ARGS(DB_UUID(&want->org), DB_TEXT(want->session_id), DB_UUID(agent)), mem,
                  err);
}

bool
store_fleet_bind(struct db_tx *tx, const char *session, const struct fleet_target *target,
                 struct arena *mem, struct err *err)
{
    return db_exec(tx, &store_fleet_stmts[BIND],
                   DB_ARGS(DB_TEXT(session), DB_UUID(&target->agent), DB_UUID(&target->id)), mem,
                   err) >= 0;
}
