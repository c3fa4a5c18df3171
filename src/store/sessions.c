/* SQL for sessions, and for the instances that they are bound to. */
#include "store/sessions.h"

#include "store_priv.h"

static const struct db_col columns[] = {
    { TEXT_AT(struct session, id) },         { TEXT_AT(struct session, tenant_id) },
    { TEXT_AT(struct session, user_id) },    { ENUM_AT(struct session, status) },
    { INT_AT(struct session, total_turns) }, { INT_AT(struct session, total_tokens) },
    { TIME_AT(struct session, created_at) }, { TIME_AT(struct session, last_activity) },
    { TIME_AT(struct session, ended_at) },
};

#define COLUMNS                                                                                    \
    "id, org_id, user_id, status, total_turns, total_tokens, ms(created_at), ms(last_activity),"   \
    " ms(ended_at)"

static const struct db_shape row = DB_SHAPE(struct session, columns);

static const struct db_col agent_columns[] = {
    { TEXT_AT(struct session_agent, agent_type) },
    { TEXT_AT(struct session_agent, instance_id) },
    { ENUM_AT(struct session_agent, join_reason) },
    { TIME_AT(struct session_agent, joined_at) },
};

static const struct db_shape agent_row = DB_SHAPE(struct session_agent, agent_columns);

static const struct db_col place_columns[] = {
    { UUID_AT(struct session_place, instance) },
    { UUID_AT(struct session_place, agent) },
    { TEXT_AT(struct session_place, agent_type) },
    { TEXT_AT(struct session_place, instance_id) },
};

static const struct db_shape place_row = DB_SHAPE(struct session_place, place_columns);

struct counted {
    int64_t n;
};

static const struct db_col count_columns[] = { { INT_AT(struct counted, n) } };
static const struct db_shape count_row = DB_SHAPE(struct counted, count_columns);

struct told {
    bool yes;
};

static const struct db_col told_columns[] = { { BOOL_AT(struct told, yes) } };
static const struct db_shape told_row = DB_SHAPE(struct told, told_columns);

static const struct db_clash bind_clashes[] = {
    { "session_agents_session_fkey", ERR_SESSION_NOT_FOUND, NULL },
    { "session_agents_agent_fkey", ERR_AGENT_NOT_FOUND, NULL },
    { "session_agents_instance_fkey", ERR_INSTANCE_NOT_FOUND, NULL },
    DB_CLASH_END,
};

/* How full an instance is: by its own word and by our rows, whichever is more. */
#define BOUND                                                                                      \
    " CROSS JOIN LATERAL (SELECT greatest(s.sessions, count(*)) AS n FROM session_agents b"        \
    " WHERE b.instance = s.instance) load"
#define ROUTABLE "s.status IN (0, 5) AND (s.max_sessions = 0 OR load.n < s.max_sessions)"
#define PLACE    "SELECT i.id, i.agent_id, coalesce(a.mesh_type, a.permanent_id), i.instance_id"
#define IS_TYPE                                                                                    \
    "a.org_id = $1::uuid AND a.life = 0 AND (a.mesh_type = $2::text OR a.permanent_id = $2::text)"

/* Those of an agent a behind or before a random place, as in store/fleet.c: what it costs does not
 * grow with the fleet. */
#define NEAR(which)                                                                                \
    "(SELECT s.* FROM instance_states s WHERE s.agent_id = a.id AND s.instance " which             \
    " $4::uuid AND s.status IN (0, 5) AND (s.mode = 1 OR s.owner IS NOT NULL)"                     \
    " ORDER BY s.instance LIMIT 256)"

enum {
    INSERT,
    FIND,
    LOCK,
    LIST,
    COUNT_ALL,
    CLOSE,
    SWEEP,
    CLEAN,
    AGENTS,
    BIND,
    PLACES,
    PLACE_OF,
    HAS_TYPE,
    HOLD,
    ROOM,
};

/* clang-format off */
const struct stmt store_sessions_stmts[] = {
    [INSERT] = { "sessions_insert",
        "INSERT INTO sessions (id, org_id, user_id, created_at, last_activity)"
        " VALUES ($1::uuid, $2::uuid, $3::text, roster_now(), roster_now())"
        " ON CONFLICT ON CONSTRAINT sessions_pkey DO NOTHING RETURNING " COLUMNS,
        &row },
    [FIND] = { "sessions_find",
        "SELECT " COLUMNS " FROM sessions WHERE org_id = $1::uuid AND id = $2::uuid", &row },
    [LOCK] = { "sessions_lock",
        "SELECT " COLUMNS " FROM sessions WHERE org_id = $1::uuid AND id = $2::uuid"
        " FOR NO KEY UPDATE",
        &row },
    [LIST] = { "sessions_list",
        "SELECT " COLUMNS " FROM sessions WHERE org_id = $1::uuid"
        " AND ($2::smallint = -1 OR status = $2::smallint)"
        " ORDER BY created_at DESC, id DESC LIMIT $3::bigint OFFSET $4::bigint",
        &row },
    [COUNT_ALL] = { "sessions_count",
        "SELECT count(*) FROM (SELECT 1 FROM sessions WHERE org_id = $1::uuid"
        " AND ($2::smallint = -1 OR status = $2::smallint) LIMIT $3::bigint) c",
        &count_row },
    [CLOSE] = { "sessions_close",
        "WITH held AS (SELECT id FROM sessions WHERE org_id = $1::uuid AND id = $2::uuid"
        " AND ended_at IS NULL FOR NO KEY UPDATE),"
        " freed AS (DELETE FROM session_agents a USING held WHERE a.session_id = held.id)"
        " UPDATE sessions s SET status = 3, ended_at = roster_now() FROM held"
        " WHERE s.id = held.id" },
    [SWEEP] = { "sessions_sweep",
        "WITH idle AS (SELECT id FROM sessions WHERE ended_at IS NULL"
        " AND last_activity < roster_now() - $1::bigint * interval '1 ms'"
        " ORDER BY last_activity LIMIT $2::bigint FOR NO KEY UPDATE SKIP LOCKED),"
        " freed AS (DELETE FROM session_agents a USING idle WHERE a.session_id = idle.id)"
        " UPDATE sessions s SET status = 3, ended_at = roster_now() FROM idle"
        " WHERE s.id = idle.id" },
    [CLEAN] = { "sessions_clean",
        "DELETE FROM sessions WHERE ctid = ANY (ARRAY(SELECT ctid FROM sessions"
        " WHERE ended_at < roster_now() - $1::bigint * interval '1 ms'"
        " ORDER BY ended_at LIMIT $2::bigint FOR UPDATE SKIP LOCKED))" },
    [AGENTS] = { "sessions_agents",
        "SELECT coalesce(a.mesh_type, a.permanent_id), i.instance_id, b.join_reason,"
        " ms(b.joined_at) FROM session_agents b JOIN agents a ON a.id = b.agent_id"
        " JOIN instances i ON i.id = b.instance WHERE b.session_id = $1::uuid"
        " ORDER BY b.joined_at, b.agent_id LIMIT 1000",
        &agent_row },
    [BIND] = { "sessions_bind",
        "WITH bound AS (INSERT INTO session_agents"
        " (session_id, agent_id, instance, join_reason, joined_at)"
        " VALUES ($1::uuid, $2::uuid, $3::uuid, $4::smallint, roster_now())"
        " ON CONFLICT ON CONSTRAINT session_agents_pkey DO UPDATE"
        " SET instance = excluded.instance, join_reason = excluded.join_reason,"
        " joined_at = excluded.joined_at RETURNING session_id)"
        " UPDATE sessions SET status = greatest(status, 1), last_activity = roster_now()"
        " FROM bound WHERE id = bound.session_id",
        NULL, bind_clashes },
    [PLACES] = { "sessions_places",
        "WITH near AS (SELECT x.* FROM agents a CROSS JOIN LATERAL " NEAR(">=") " x WHERE " IS_TYPE
        " UNION ALL SELECT y.* FROM agents a CROSS JOIN LATERAL " NEAR("<") " y WHERE " IS_TYPE ") "
        PLACE " FROM near s JOIN instances i ON i.id = s.instance"
        " JOIN agents a ON a.id = s.agent_id" BOUND " WHERE " ROUTABLE
        " ORDER BY load.n, s.last_dispatch_at NULLS FIRST, i.instance_id LIMIT $3::bigint",
        &place_row },
    [PLACE_OF] = { "sessions_place",
        PLACE " FROM instances i JOIN agents a ON a.id = i.agent_id"
        " WHERE i.org_id = $1::uuid AND i.instance_id = $2::text AND a.life = 0"
        " AND ($3::text IS NULL OR a.mesh_type = $3::text OR a.permanent_id = $3::text)",
        &place_row },
    [HAS_TYPE] = { "sessions_has_type",
        "SELECT EXISTS (SELECT 1 FROM agents a WHERE " IS_TYPE ")", &told_row },
    /* The instance first, as those that remove it do. */
    [HOLD] = { "sessions_hold",
        "WITH i AS MATERIALIZED (SELECT id FROM instances WHERE id = $1::uuid FOR KEY SHARE)"
        " SELECT true FROM instance_states WHERE instance = (SELECT id FROM i)"
        " FOR NO KEY UPDATE",
        &told_row },
    [ROOM] = { "sessions_room",
        "SELECT " ROUTABLE " FROM instance_states s" BOUND " WHERE s.instance = $1::uuid",
        &told_row },
    STMT_END,
};
/* clang-format on */

struct session *
store_sessions_insert(struct db_tx *tx, const struct session *fresh, struct arena *mem,
                      struct err *err)
{
    return db_one(tx, &store_sessions_stmts[INSERT],
                  DB_ARGS(DB_TEXT(fresh->id), DB_TEXT(fresh->tenant_id), DB_TEXT(fresh->user_id)),
                  mem, err);
}

struct session *
store_sessions_find(struct db_tx *tx, const char *org, const char *id, bool lock, struct arena *mem,
                    struct err *err)
{
    return db_one(tx, &store_sessions_stmts[lock ? LOCK : FIND], DB_ARGS(DB_TEXT(org), DB_TEXT(id)),
                  mem, err);
}

struct list *
store_sessions_list(struct db_tx *tx, const char *org, const struct session_filter *filter,
                    struct arena *mem, struct err *err)
{
    return store_all(tx, &store_sessions_stmts[LIST],
                     DB_ARGS(DB_TEXT(org), DB_INT(filter->status), DB_INT(filter->page_size),
                             DB_INT((filter->page - 1) * filter->page_size)),
                     mem, err);
}

int64_t
store_sessions_count(struct db_tx *tx, const char *org, int status, struct arena *mem,
                     struct err *err)
{
    const struct counted *found =
        db_one(tx, &store_sessions_stmts[COUNT_ALL],
               DB_ARGS(DB_TEXT(org), DB_INT(status), DB_INT(MESH_COUNT_MAX)), mem, err);

    return found == NULL ? -1 : found->n;
}

long
store_sessions_close(struct db_tx *tx, const char *org, const char *id, struct arena *mem,
                     struct err *err)
{
    return db_exec(tx, &store_sessions_stmts[CLOSE], DB_ARGS(DB_TEXT(org), DB_TEXT(id)), mem, err);
}

long
store_sessions_sweep(struct db_tx *tx, int64_t idle_ms, int64_t limit, struct arena *mem,
                     struct err *err)
{
    return db_exec(tx, &store_sessions_stmts[SWEEP], DB_ARGS(DB_INT(idle_ms), DB_INT(limit)), mem,
                   err);
}

long
store_sessions_clean(struct db_tx *tx, int64_t keep_ms, int64_t limit, struct arena *mem,
                     struct err *err)
{
    return db_exec(tx, &store_sessions_stmts[CLEAN], DB_ARGS(DB_INT(keep_ms), DB_INT(limit)), mem,
                   err);
}

struct list *
store_sessions_agents(struct db_tx *tx, const char *id, struct arena *mem, struct err *err)
{
    return store_all(tx, &store_sessions_stmts[AGENTS], DB_ARGS(DB_TEXT(id)), mem, err);
}

bool
store_sessions_bind(struct db_tx *tx, const struct session_bind *bind, struct arena *mem,
                    struct err *err)
{
    return db_exec(tx, &store_sessions_stmts[BIND],
                   DB_ARGS(DB_TEXT(bind->session), DB_UUID(&bind->place->agent),
                           DB_UUID(&bind->place->instance), DB_INT(bind->reason)),
                   mem, err) >= 0;
}

struct list *
store_sessions_places(struct db_tx *tx, const char *org, const char *agent_type, int64_t limit,
                      struct arena *mem, struct err *err)
{
    const struct uuid place = ids_uuid_new();

    return store_all(tx, &store_sessions_stmts[PLACES],
                     DB_ARGS(DB_TEXT(org), DB_TEXT(agent_type), DB_INT(limit), DB_UUID(&place)),
                     mem, err);
}

struct session_place *
store_sessions_place(struct db_tx *tx, const char *org, const char *instance_id,
                     const char *agent_type, struct arena *mem, struct err *err)
{
    return db_one(tx, &store_sessions_stmts[PLACE_OF],
                  DB_ARGS(DB_TEXT(org), DB_TEXT(instance_id), DB_TEXT(agent_type)), mem, err);
}

/* One boolean; no row is false. */
static bool
tell(struct db_tx *tx, int which, struct db_args args, bool *yes, struct arena *mem,
     struct err *err)
{
    const struct told *told = db_one(tx, &store_sessions_stmts[which], args, mem, err);

    *yes = told != NULL && told->yes;
    return err->code == ERR_NONE;
}

bool
store_sessions_has_type(struct db_tx *tx, const char *org, const char *agent_type, bool *has,
                        struct arena *mem, struct err *err)
{
    return tell(tx, HAS_TYPE, DB_ARGS(DB_TEXT(org), DB_TEXT(agent_type)), has, mem, err);
}

bool
store_sessions_hold(struct db_tx *tx, const struct uuid *instance, struct arena *mem,
                    struct err *err)
{
    bool held;

    return tell(tx, HOLD, DB_ARGS(DB_UUID(instance)), &held, mem, err);
}

bool
store_sessions_room(struct db_tx *tx, const struct uuid *instance, bool *room, struct arena *mem,
                    struct err *err)
{
    return tell(tx, ROOM, DB_ARGS(DB_UUID(instance)), room, mem, err);
}
