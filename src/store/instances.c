/* SQL for instances, instance_states, instance_counts and instance_deltas. */
#include "store/instances.h"

#include "store_priv.h"

static const struct db_col columns[] = {
    { TEXT_AT(struct instance_now, id) },
    { TEXT_AT(struct instance_now, org_id) },
    { TEXT_AT(struct instance_now, agent_id) },
    { TEXT_AT(struct instance_now, instance_id) },
    { TEXT_AT(struct instance_now, agent_type) },
    { ENUM_AT(struct instance_now, mode) },
    { BYTES_AT(struct instance_now, url_sealed) },
    { TEXT_AT(struct instance_now, version) },
    { TEXT_AT(struct instance_now, provider) },
    { TEXT_AT(struct instance_now, provider_url) },
    { ENUM_AT(struct instance_now, status) },
    { ENUM_AT(struct instance_now, connection) },
    { ENUM_AT(struct instance_now, transport) },
    { TEXT_AT(struct instance_now, owner) },
    { TIME_AT(struct instance_now, connected_since) },
    { TIME_AT(struct instance_now, last_seen) },
    { TIME_AT(struct instance_now, last_dispatch_at) },
    { TIME_AT(struct instance_now, registered_at) },
    { INT_AT(struct instance_now, sessions) },
    { INT_AT(struct instance_now, max_sessions) },
    { INT_AT(struct instance_now, failures) },
    { INT_AT(struct instance_now, succeeded) },
    { INT_AT(struct instance_now, failed) },
    { TEXT_AT(struct instance_now, last_error) },
    { JSON_AT(struct instance_now, card) },
};

static const struct db_shape row = DB_SHAPE(struct instance_now, columns);

static const struct db_col held_columns[] = {
    { TEXT_AT(struct instance_held, id) },
    { TEXT_AT(struct instance_held, org_id) },
    { TEXT_AT(struct instance_held, agent_id) },
    { ENUM_AT(struct instance_held, life) },
    { ENUM_AT(struct instance_held, mode) },
    { ENUM_AT(struct instance_held, scheme) },
    { TEXT_AT(struct instance_held, credentials_ref) },
    { BYTES_AT(struct instance_held, secret_sealed) },
};

static const struct db_shape held_row = DB_SHAPE(struct instance_held, held_columns);

static const struct db_col made_columns[] = {
    { TEXT_AT(struct instance_made, id) },
    { BOOL_AT(struct instance_made, first) },
};

static const struct db_shape made_row = DB_SHAPE(struct instance_made, made_columns);

static const struct db_col gone_columns[] = {
    { UUID_AT(struct instance_gone, id) },
    { UUID_AT(struct instance_gone, agent) },
    { TEXT_AT(struct instance_gone, agent_type) },
    { BOOL_AT(struct instance_gone, held) },
};

static const struct db_shape gone_row = DB_SHAPE(struct instance_gone, gone_columns);

static const struct db_col count_columns[] = {
    { ENUM_AT(struct instance_count, mode) },
    { ENUM_AT(struct instance_count, connection) },
    { ENUM_AT(struct instance_count, transport) },
    { INT_AT(struct instance_count, n) },
};

static const struct db_shape count_row = DB_SHAPE(struct instance_count, count_columns);

/* The beginning of a member of a card that is a text, else null. */
#define TEXT_OF(object, key)                                                                       \
    "CASE json_typeof(" object "->'" key "') WHEN 'string' THEN left(" object "->>'" key "', 256)" \
    " END"

#define SELECT_INSTANCES(card)                                                                     \
    "SELECT i.id, i.org_id, i.agent_id, i.instance_id, coalesce(a.mesh_type, a.permanent_id),"     \
    " i.mode, i.url_sealed, coalesce(i.version, " TEXT_OF(                                         \
        "i.card", "version") "),"                                                                  \
                             " " TEXT_OF("i.card->'provider'", "organization") ", " TEXT_OF(       \
                                 "i.card->'provider'",                                             \
                                 "url") ", s.status, s.connection, s.transport, s.owner, "         \
                                        "ms(s.connected_since), ms(s.last_seen),"                  \
                                        " ms(s.last_dispatch_at), ms(i.registered_at), "           \
                                        "s.sessions, s.max_sessions, s.failures,"                  \
                                        " s.succeeded, s.failed, s.last_dispatch_error, " card     \
                                            FROM_INSTANCES
#define FROM_INSTANCES                                                                             \
    " FROM instances i JOIN agents a ON a.id = i.agent_id"                                         \
    " JOIN instance_states s ON s.instance = i.id"

/* $2 type, $3 status */
#define FILTER                                                                                     \
    " WHERE i.org_id = $1::uuid"                                                                   \
    " AND ($2::text IS NULL OR $2::text IN (a.mesh_type, a.permanent_id, a.id::text))"             \
    " AND ($3::int = -1 OR s.status = $3::int)"

#define HOLD                                                                                       \
    "SELECT i.id, i.org_id, i.agent_id, a.life, i.mode, i.scheme, i.credentials_ref,"              \
    " i.auth_secret_sealed FROM instances i JOIN agents a ON a.id = i.agent_id"                    \
    " WHERE i.instance_id = $1::text"

/* $1 type */
#define COUNTS_IN(table, also)                                                                     \
    "SELECT c.mode, c.connection, c.transport, c.n FROM " table " c WHERE ($1::text IS NULL"       \
    " OR EXISTS (SELECT FROM agents a WHERE a.id = c.agent_id"                                     \
    " AND $1::text IN (a.mesh_type, a.permanent_id, a.id::text)))" also
#define COUNTS(also)                                                                               \
    "SELECT mode, connection, transport, sum(n)::bigint FROM (" COUNTS_IN(                         \
        "instance_counts",                                                                         \
        also) " UNION ALL " COUNTS_IN("instance_deltas",                                           \
                                      also) ") c"                                                  \
                                            " GROUP BY mode, connection, transport"

enum {
    READ_HELD,
    LOCK_HELD,
    INSERT,
    UPDATE,
    SET_SECRET,
    SET_MAX,
    FIND,
    LIST,
    COUNT_ALL,
    STATS,
    STATS_OF_ALL,
    DELETE,
    LOCK_ALL,
    DELETE_STATES,
    DELETE_ALL,
    ANY,
};

/* clang-format off */
const struct stmt store_instances_stmts[] = {
    [READ_HELD] = { "instances_read_held", HOLD, &held_row },
    [LOCK_HELD] = { "instances_lock_held", HOLD " FOR UPDATE OF i", &held_row },
    [INSERT] = { "instances_insert",
        "WITH i AS (INSERT INTO instances (id, org_id, agent_id, instance_id, mode, url_sealed,"
        " dispatch_url_sealed, scheme, auth_required, credentials_ref, auth_secret_sealed, card,"
        " tools) VALUES ($1::uuid, $2::uuid, $3::uuid, $4::text, $5::smallint, $6::bytea,"
        " $7::bytea, $8::smallint, $9::boolean, $10::text, $11::bytea, $12::json, $13::json)"
        " ON CONFLICT (instance_id) DO NOTHING RETURNING id, org_id, agent_id, mode),"
        " s AS (INSERT INTO instance_states (instance, org_id, agent_id, mode, max_sessions)"
        " SELECT id, org_id, agent_id, mode, $14::bigint FROM i)"
        " SELECT i.id, NOT EXISTS (SELECT FROM instances o WHERE o.agent_id = i.agent_id) FROM i",
        &made_row },
    [UPDATE] = { "instances_update",
        "UPDATE instances SET url_sealed = $2::bytea, dispatch_url_sealed = $3::bytea,"
        " scheme = $4::smallint, auth_required = $5::boolean, credentials_ref = $6::text,"
        " auth_secret_sealed = $7::bytea, card = $8::json, tools = $9::json, updated_at = now()"
        " WHERE id = $1::uuid" },
    [SET_SECRET] = { "instances_set_secret",
        "UPDATE instances SET auth_secret_sealed = $2::bytea, updated_at = now()"
        " WHERE id = $1::uuid" },
    [SET_MAX] = { "instances_set_max",
        "UPDATE instance_states SET max_sessions = $2::bigint"
        " WHERE instance = $1::uuid AND max_sessions <> $2::bigint" },
    [FIND] = { "instances_find",
        SELECT_INSTANCES("i.card") " WHERE i.instance_id = $2::text"
        " AND i.org_id = coalesce($1::uuid, i.org_id)",
        &row },
    [LIST] = { "instances_list",
        SELECT_INSTANCES("NULL::json") FILTER
        " ORDER BY i.registered_at DESC, i.id DESC LIMIT $4::bigint OFFSET $5::bigint",
        &row },
    [COUNT_ALL] = { "instances_count",
        "SELECT count(*) FROM (SELECT" FROM_INSTANCES FILTER " LIMIT 100000) found",
        &store_number_row },
    [STATS] = { "instances_stats", COUNTS(" AND c.org_id = $2::uuid"), &count_row },
    [STATS_OF_ALL] = { "instances_stats_of_all", COUNTS(""), &count_row },
    [DELETE] = { "instances_delete",
        "DELETE FROM instances i USING agents a, instance_states s WHERE i.org_id = $1::uuid"
        " AND i.instance_id = $2::text AND a.id = i.agent_id AND s.instance = i.id"
        " AND ($3::text IS NULL OR $3::text IN (a.mesh_type, a.permanent_id, a.id::text))"
        " RETURNING i.id, i.agent_id, coalesce(a.mesh_type, a.permanent_id), s.owner IS NOT NULL",
        &gone_row },
    /* In the order in which registrations and signs of life take them. */
    [LOCK_ALL] = { "instances_lock_all",
        "SELECT count(owner) FROM (SELECT s.owner FROM instances i"
        " JOIN instance_states s ON s.instance = i.id WHERE i.agent_id = $1::uuid"
        " ORDER BY i.id FOR UPDATE OF i, s) locked",
        &store_number_row },
    /* By itself, and not row by row with the instances: the counts change by a few deltas. */
    [DELETE_STATES] = { "instances_delete_states",
        "DELETE FROM instance_states s USING instances i WHERE i.agent_id = $1::uuid"
        " AND s.instance = i.id" },
    [DELETE_ALL] = { "instances_delete_all",
        "DELETE FROM instances i USING agents a WHERE i.agent_id = $1::uuid AND a.id = i.agent_id"
        " RETURNING i.id, i.agent_id, coalesce(a.mesh_type, a.permanent_id), false",
        &gone_row },
    [ANY] = { "instances_any",
        "SELECT count(*) FROM (SELECT FROM instances WHERE agent_id = $1::uuid LIMIT 1) one",
        &store_number_row },
    STMT_END,
};
/* clang-format on */

struct instance_held *
store_instances_hold(struct db_tx *tx, const char *instance_id, bool lock, struct arena *mem,
                     struct err *err)
{
    return db_one(tx, &store_instances_stmts[lock ? LOCK_HELD : READ_HELD],
                  DB_ARGS(DB_TEXT(instance_id)), mem, err);
}

struct instance_made *
store_instances_insert(struct db_tx *tx, const struct instance_row *fresh, struct arena *mem,
                       struct err *err)
{
    const struct instance_draft *d = fresh->draft;

    return db_one(tx, &store_instances_stmts[INSERT],
                  DB_ARGS(DB_TEXT(fresh->id), DB_TEXT(fresh->org_id), DB_TEXT(fresh->agent_id),
                          DB_TEXT(d->instance_id), DB_INT(d->mode), DB_BYTES(fresh->url_sealed),
                          DB_BYTES(fresh->dispatch_url_sealed), DB_INT(d->scheme),
                          DB_BOOL(d->auth_required), DB_TEXT(d->credentials_ref),
                          DB_BYTES(fresh->secret_sealed), DB_TEXT(d->card), DB_TEXT(d->tools),
                          DB_INT(d->max_sessions < 0 ? 0 : d->max_sessions)),
                  mem, err);
}

bool
store_instances_update(struct db_tx *tx, const struct instance_row *row_, struct arena *mem,
                       struct err *err)
{
    const struct instance_draft *d = row_->draft;

    if (db_exec(tx, &store_instances_stmts[UPDATE],
                DB_ARGS(DB_TEXT(row_->id), DB_BYTES(row_->url_sealed),
                        DB_BYTES(row_->dispatch_url_sealed), DB_INT(d->scheme),
                        DB_BOOL(d->auth_required), DB_TEXT(d->credentials_ref),
                        DB_BYTES(row_->secret_sealed), DB_TEXT(d->card), DB_TEXT(d->tools)),
                mem, err) < 0)
        return false;
    return d->max_sessions < 0 ||
           db_exec(tx, &store_instances_stmts[SET_MAX],
                   DB_ARGS(DB_TEXT(row_->id), DB_INT(d->max_sessions)), mem, err) >= 0;
}

bool
store_instances_set_secret(struct db_tx *tx, const char *id, struct bytes sealed, struct arena *mem,
                           struct err *err)
{
    return db_exec(tx, &store_instances_stmts[SET_SECRET], DB_ARGS(DB_TEXT(id), DB_BYTES(sealed)),
                   mem, err) >= 0;
}

struct instance_now *
store_instances_find(struct db_tx *tx, const char *org, const char *instance_id, struct arena *mem,
                     struct err *err)
{
    return db_one(tx, &store_instances_stmts[FIND], DB_ARGS(DB_TEXT(org), DB_TEXT(instance_id)),
                  mem, err);
}

struct list *
store_instances_list(struct db_tx *tx, const char *org, const struct instance_filter *filter,
                     struct arena *mem, struct err *err)
{
    return store_all(tx, &store_instances_stmts[LIST],
                     DB_ARGS(DB_TEXT(org), DB_TEXT(filter->agent_type), DB_INT(filter->status),
                             DB_INT(filter->limit), DB_INT((filter->page - 1) * filter->limit)),
                     mem, err);
}

static int64_t
number(struct db_tx *tx, int which, struct db_args args, struct arena *mem, struct err *err)
{
    return store_number(tx, &store_instances_stmts[which], args, mem, err);
}

int64_t
store_instances_count(struct db_tx *tx, const char *org, const struct instance_filter *filter,
                      struct arena *mem, struct err *err)
{
    return number(tx, COUNT_ALL,
                  DB_ARGS(DB_TEXT(org), DB_TEXT(filter->agent_type), DB_INT(filter->status)), mem,
                  err);
}

struct list *
store_instances_stats(struct db_tx *tx, const char *org, const char *agent_type, struct arena *mem,
                      struct err *err)
{
    const struct db_arg args[] = { DB_TEXT(agent_type), DB_TEXT(org) };

    return store_all(tx, &store_instances_stmts[org == NULL ? STATS_OF_ALL : STATS],
                     (struct db_args){ args, org == NULL ? 1 : 2 }, mem, err);
}

struct instance_gone *
store_instances_delete(struct db_tx *tx, const char *org, const char *instance_id,
                       const char *agent_type, struct arena *mem, struct err *err)
{
    return db_one(tx, &store_instances_stmts[DELETE],
                  DB_ARGS(DB_TEXT(org), DB_TEXT(instance_id), DB_TEXT(agent_type)), mem, err);
}

struct list *
store_instances_delete_all(struct db_tx *tx, const char *agent, struct arena *mem, struct err *err)
{
    int64_t held = number(tx, LOCK_ALL, DB_ARGS(DB_TEXT(agent)), mem, err);

    if (held < 0 ||
        db_exec(tx, &store_instances_stmts[DELETE_STATES], DB_ARGS(DB_TEXT(agent)), mem, err) < 0)
        return NULL;

    struct list *gone =
        store_all(tx, &store_instances_stmts[DELETE_ALL], DB_ARGS(DB_TEXT(agent)), mem, err);

    if (gone != NULL && gone->n > 0)
        ((struct instance_gone *)gone->v[0])->held = held > 0;
    return gone;
}

int
store_instances_any(struct db_tx *tx, const struct uuid *agent, struct arena *mem, struct err *err)
{
    return (int)number(tx, ANY, DB_ARGS(DB_UUID(agent)), mem, err);
}
