/* SQL for agents as clients. */
#include "store/clients.h"

#include "store_priv.h"

static const struct db_col columns[] = {
    { TEXT_AT(struct client_row, id) },           { TEXT_AT(struct client_row, org_id) },
    { TEXT_AT(struct client_row, permanent_id) }, { ENUM_AT(struct client_row, life) },
    { ENUM_AT(struct client_row, org_state) },    { BOOL_AT(struct client_row, is_admin) },
    { INT_AT(struct client_row, tokens_most) },   { BOOL_AT(struct client_row, proved) },
};

static const struct db_shape row = DB_SHAPE(struct client_row, columns);

#define SELECT_CLIENT(proved)                                                                      \
    "SELECT a.id, a.org_id, a.permanent_id, a.life, o.state,"                                      \
    " EXISTS (SELECT 1 FROM organization_members m WHERE m.org_id = a.org_id"                      \
    " AND m.agent_id = a.id AND m.role = 1),"                                                      \
    " o.max_tokens_per_month, " proved                                                             \
    " FROM agents a JOIN organizations o ON o.id = a.org_id WHERE a.id = $1::uuid"

enum { FIND, LOCK };

/* clang-format off */
const struct stmt store_clients_stmts[] = {
    [FIND] = { "clients_find",
        SELECT_CLIENT("EXISTS (SELECT 1 FROM credentials c WHERE c.agent_id = a.id"
        " AND c.hash = $2::bytea AND c.revoked_at IS NULL"
        " AND (c.expires_at IS NULL OR c.expires_at > roster_now()))"),
        &row },
    [LOCK] = { "clients_lock", SELECT_CLIENT("false") " FOR NO KEY UPDATE OF a", &row },
    STMT_END,
};
/* clang-format on */

struct client_row *
store_clients_find(struct db_tx *tx, const struct uuid *id, struct bytes hash, struct arena *mem,
                   struct err *err)
{
    return db_one(tx, &store_clients_stmts[FIND], DB_ARGS(DB_UUID(id), DB_BYTES(hash)), mem, err);
}

struct client_row *
store_clients_lock(struct db_tx *tx, const struct uuid *id, struct arena *mem, struct err *err)
{
    return db_one(tx, &store_clients_stmts[LOCK], DB_ARGS(DB_UUID(id)), mem, err);
}
