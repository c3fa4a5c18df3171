/* SQL for allowed_types, and for agents as types of the mesh. */
#include "store/types.h"

#include "store_priv.h"

static const struct db_col columns[] = {
    { TEXT_AT(struct type_row, id) },
    { TEXT_AT(struct type_row, name) },
    { ENUM_AT(struct type_row, life) },
};

static const struct db_shape row = DB_SHAPE(struct type_row, columns);

struct policy {
    int mode;
};

static const struct db_col policy_columns[] = {
    { ENUM_AT(struct policy, mode) },
};

static const struct db_shape policy_row = DB_SHAPE(struct policy, policy_columns);

#define COLUMNS "id, coalesce(mesh_type, permanent_id), life"

/* $2 UUID, $3 permanent id, $4 type. */
#define SELECT_TYPE                                                                                \
    "SELECT " COLUMNS " FROM agents WHERE org_id = $1::uuid AND (id = $2::uuid"                    \
    " OR permanent_id = $3::text OR (mesh_type = $4::text AND life <> 2))"

enum { FIND, SHARE, LOCK, INSERT, SET_MCP, POLICY, SET_POLICY, IS_ALLOWED, ALLOW, DISALLOW };

/* clang-format off */
const struct stmt store_types_stmts[] = {
    [FIND] = { "types_find", SELECT_TYPE, &row },
    [SHARE] = { "types_share", SELECT_TYPE " FOR SHARE", &row },
    [LOCK] = { "types_lock", SELECT_TYPE " FOR NO KEY UPDATE", &row },
    [INSERT] = { "types_insert",
        "WITH a AS (INSERT INTO agents (id, org_id, permanent_id, name, mesh_type, token_hash,"
        " token_hint) SELECT $1::uuid, $2::uuid, $3::text, $4::text, $4::text, $5::bytea, $6::text"
        " WHERE " STORE_LIVING("$2::uuid") " < $7::bigint"
        " AND NOT EXISTS (SELECT FROM retired_permanent_ids r WHERE r.permanent_id = $3::text)"
        " ON CONFLICT (permanent_id) DO NOTHING RETURNING *),"
        " p AS (INSERT INTO presence (agent_id, since) SELECT id, roster_now() FROM a)"
        " SELECT " COLUMNS " FROM a",
        &row },
    [SET_MCP] = { "types_set_mcp",
        "UPDATE agents SET mcp_servers = $2::json WHERE id = $1::uuid"
        " AND mcp_servers::text IS DISTINCT FROM $2::text" },
    [POLICY] = { "types_policy",
        "SELECT policy_mode FROM organizations WHERE id = $1::uuid AND state <> 2", &policy_row },
    [SET_POLICY] = { "types_set_policy",
        "UPDATE organizations SET policy_mode = $2::smallint, updated_at = now()"
        " WHERE id = $1::uuid" },
    [IS_ALLOWED] = { "types_is_allowed",
        "SELECT 0 FROM allowed_types WHERE org_id = $1::uuid AND agent_type = $2::text"
        " FOR KEY SHARE",
        &policy_row },
    [ALLOW] = { "types_allow",
        "INSERT INTO allowed_types (org_id, agent_type) VALUES ($1::uuid, $2::text)"
        " ON CONFLICT DO NOTHING" },
    [DISALLOW] = { "types_disallow",
        "DELETE FROM allowed_types WHERE org_id = $1::uuid AND agent_type = $2::text" },
    STMT_END,
};
/* clang-format on */

struct type_row *
store_types_find(struct db_tx *tx, const char *org, const struct type_key *key, enum type_hold hold,
                 struct arena *mem, struct err *err)
{
    static const int which[] = { [TYPE_READ] = FIND, [TYPE_SHARE] = SHARE, [TYPE_LOCK] = LOCK };

    return db_one(
        tx, &store_types_stmts[which[hold]],
        DB_ARGS(DB_TEXT(org), DB_TEXT(key->uuid), DB_TEXT(key->permanent_id), DB_TEXT(key->type)),
        mem, err);
}

struct type_row *
store_types_insert(struct db_tx *tx, const struct type_new *fresh, struct arena *mem,
                   struct err *err)
{
    return db_one(tx, &store_types_stmts[INSERT],
                  DB_ARGS(DB_TEXT(fresh->id), DB_TEXT(fresh->org_id), DB_TEXT(fresh->permanent_id),
                          DB_TEXT(fresh->type), DB_BYTES(fresh->token_hash),
                          DB_TEXT(fresh->token_hint), DB_INT(fresh->max_agents)),
                  mem, err);
}

bool
store_types_set_mcp(struct db_tx *tx, const char *id, const char *mcp_servers, struct arena *mem,
                    struct err *err)
{
    return db_exec(tx, &store_types_stmts[SET_MCP], DB_ARGS(DB_TEXT(id), DB_TEXT(mcp_servers)), mem,
                   err) >= 0;
}

int
store_types_policy(struct db_tx *tx, const char *org, struct arena *mem, struct err *err)
{
    const struct policy *found =
        db_one(tx, &store_types_stmts[POLICY], DB_ARGS(DB_TEXT(org)), mem, err);

    return found == NULL ? -1 : found->mode;
}

bool
store_types_set_policy(struct db_tx *tx, const char *org, int mode, struct arena *mem,
                       struct err *err)
{
    return db_exec(tx, &store_types_stmts[SET_POLICY], DB_ARGS(DB_TEXT(org), DB_INT(mode)), mem,
                   err) >= 0;
}

bool
store_types_is_allowed(struct db_tx *tx, const char *org, const char *type, bool *allowed,
                       struct arena *mem, struct err *err)
{
    *allowed = db_one(tx, &store_types_stmts[IS_ALLOWED], DB_ARGS(DB_TEXT(org), DB_TEXT(type)), mem,
                      err) != NULL;
    return err->code == ERR_NONE;
}

long
store_types_allow(struct db_tx *tx, const char *org, const char *type, struct arena *mem,
                  struct err *err)
{
    return db_exec(tx, &store_types_stmts[ALLOW], DB_ARGS(DB_TEXT(org), DB_TEXT(type)), mem, err);
}

long
store_types_disallow(struct db_tx *tx, const char *org, const char *type, struct arena *mem,
                     struct err *err)
{
    return db_exec(tx, &store_types_stmts[DISALLOW], DB_ARGS(DB_TEXT(org), DB_TEXT(type)), mem,
                   err);
}
