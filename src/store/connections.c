/* SQL for connections. */
#include "store/connections.h"

#include "store_priv.h"

static const struct db_col columns[] = {
    { TEXT_AT(struct connection_row, connection.id) },
    { TEXT_AT(struct connection_row, connection.org_id) },
    { TEXT_AT(struct connection_row, connection.network_id) },
    { TEXT_AT(struct connection_row, connection.source_agent_id) },
    { TEXT_AT(struct connection_row, connection.source_permanent_id) },
    { TEXT_AT(struct connection_row, connection.target_agent_id) },
    { TEXT_AT(struct connection_row, connection.target_permanent_id) },
    { TEXT_AT(struct connection_row, connection.group_name) },
    { BOOL_AT(struct connection_row, connection.allow_paths) },
    { TIME_AT(struct connection_row, connection.created_at) },
    { INT_AT(struct connection_row, created_us) },
};

#define COLUMNS                                                                                    \
    "c.id, c.org_id, c.network_id, c.source_agent_id, s.permanent_id, c.target_agent_id,"          \
    " t.permanent_id, c.group_name, c.allow_paths, ms(c.created_at), us(c.created_at)"
#define JOIN_ENDS                                                                                  \
    " JOIN agents s ON s.id = c.source_agent_id JOIN agents t ON t.id = c.target_agent_id"
#define SELECT_CONNECTIONS "SELECT " COLUMNS " FROM connections c" JOIN_ENDS

/* $1 org, $2 and $3 where the page begins, $4 limit; see store/agents.c for the bound. */
#define LIST_FILTER                                                                                \
    " WHERE c.org_id = $1::uuid AND (c.created_at, c.id) <"                                        \
    " (coalesce(from_us(nullif($2::bigint, 0)), 'infinity'),"                                      \
    " coalesce($3::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))"
#define LIST_ORDER " ORDER BY c.created_at DESC, c.id DESC LIMIT $4::bigint"

static const struct db_shape row = DB_SHAPE(struct connection_row, columns);

static const struct db_col lane_columns[] = {
    { UUID_AT(struct connection_lane, id) },          { UUID_AT(struct connection_lane, org) },
    { UUID_AT(struct connection_lane, source) },      { UUID_AT(struct connection_lane, target) },
    { BOOL_AT(struct connection_lane, allow_paths) },
};

static const struct db_shape lane_row = DB_SHAPE(struct connection_lane, lane_columns);

static const struct db_col id_columns[] = {
    { UUID_AT(struct connection_id, id) },
};

static const struct db_shape id_row = DB_SHAPE(struct connection_id, id_columns);

static const struct db_clash clashes[] = {
    { "connections_source_fkey", ERR_VALIDATION_ERROR, "source_agent_id" },
    { "connections_target_fkey", ERR_VALIDATION_ERROR, "target_agent_id" },
    { "connections_network_fkey", ERR_VALIDATION_ERROR, "network_id" },
    { "connections_ends_ok", ERR_VALIDATION_ERROR, "target_agent_id" },
    DB_CLASH_END,
};

enum { INSERT, FIND, LIST, LIST_OF_AGENT, DELETE, DELETE_OF_AGENT, LANE };

/* clang-format off */
const struct stmt store_connections_stmts[] = {
    [INSERT] = { "connections_insert",
        "WITH c AS (INSERT INTO connections (id, org_id, network_id, source_agent_id,"
        " target_agent_id, group_name, allow_paths)"
        " VALUES ($1::uuid, $2::uuid, $3::uuid, $4::uuid, $5::uuid, $6::text, $7::boolean)"
        " RETURNING *) SELECT " COLUMNS " FROM c" JOIN_ENDS,
        &row, clashes },
    [FIND] = { "connections_find",
        SELECT_CONNECTIONS " WHERE c.org_id = $1::uuid AND c.id = $2::uuid", &row },
    [LIST] = { "connections_list", SELECT_CONNECTIONS LIST_FILTER LIST_ORDER, &row },
    /* A statement of its own: it reads the indexes by source and by target. */
    [LIST_OF_AGENT] = { "connections_list_of_agent",
        SELECT_CONNECTIONS LIST_FILTER
        " AND (c.source_agent_id = $5::uuid OR c.target_agent_id = $5::uuid)" LIST_ORDER,
        &row },
    [DELETE] = { "connections_delete",
        "DELETE FROM connections WHERE org_id = $1::uuid AND id = $2::uuid" },
    [DELETE_OF_AGENT] = { "connections_delete_of_agent",
        "DELETE FROM connections WHERE org_id = $1::uuid"
        " AND (source_agent_id = $2::uuid OR target_agent_id = $2::uuid) RETURNING id",
        &id_row },
    [LANE] = { "connections_lane",
        "SELECT id, org_id, source_agent_id, target_agent_id, allow_paths FROM connections"
        " WHERE id = $1::uuid",
        &lane_row },
    STMT_END,
};
/* clang-format on */

struct connection_row *
store_connections_insert(struct db_tx *tx, const struct connection *connection, struct arena *mem,
                         struct err *err)
{
    return db_one(tx, &store_connections_stmts[INSERT],
                  DB_ARGS(DB_TEXT(connection->id), DB_TEXT(connection->org_id),
                          DB_TEXT(connection->network_id), DB_TEXT(connection->source_agent_id),
                          DB_TEXT(connection->target_agent_id), DB_TEXT(connection->group_name),
                          DB_BOOL(connection->allow_paths)),
                  mem, err);
}

struct connection_row *
store_connections_find(struct db_tx *tx, const char *org, const char *id, struct arena *mem,
                       struct err *err)
{
    return db_one(tx, &store_connections_stmts[FIND], DB_ARGS(DB_TEXT(org), DB_TEXT(id)), mem, err);
}

struct list *
store_connections_list(struct db_tx *tx, const char *org, const struct connection_filter *filter,
                       const struct connection_after *after, struct arena *mem, struct err *err)
{
    const struct db_arg args[] = {
        DB_TEXT(org),          DB_INT(after->created_us), DB_TEXT(after->id),
        DB_INT(filter->limit), DB_TEXT(filter->agent_id),
    };
    bool all = filter->agent_id == NULL;

    return store_all(tx, &store_connections_stmts[all ? LIST : LIST_OF_AGENT],
                     (struct db_args){ args, all ? 4 : COUNT(args) }, mem, err);
}

long
store_connections_delete(struct db_tx *tx, const char *org, const char *id, struct arena *mem,
                         struct err *err)
{
    return db_exec(tx, &store_connections_stmts[DELETE], DB_ARGS(DB_TEXT(org), DB_TEXT(id)), mem,
                   err);
}

struct list *
store_connections_delete_of_agent(struct db_tx *tx, const char *org, const char *agent,
                                  struct arena *mem, struct err *err)
{
    return store_all(tx, &store_connections_stmts[DELETE_OF_AGENT],
                     DB_ARGS(DB_TEXT(org), DB_TEXT(agent)), mem, err);
}

struct connection_lane *
store_connections_lane(struct db_tx *tx, const struct uuid *id, struct arena *mem, struct err *err)
{
    return db_one(tx, &store_connections_stmts[LANE], DB_ARGS(DB_UUID(id)), mem, err);
}
