/* SQL for credentials. */
#include "store/credentials.h"

#include "store_priv.h"

static const struct db_col columns[] = {
    { TEXT_AT(struct credential, id) },         { TEXT_AT(struct credential, agent_id) },
    { TEXT_AT(struct credential, hint) },       { ENUM_AT(struct credential, status) },
    { TIME_AT(struct credential, created_at) }, { TIME_AT(struct credential, expires_at) },
    { TIME_AT(struct credential, revoked_at) },
};

static const struct db_shape row = DB_SHAPE(struct credential, columns);

struct count_row {
    int64_t count;
};

static const struct db_col count_columns[] = {
    { INT_AT(struct count_row, count) },
};

static const struct db_shape count_shape = DB_SHAPE(struct count_row, count_columns);

#define COLUMNS                                                                                    \
    "id, agent_id, hint, (revoked_at IS NOT NULL)::int, ms(created_at), ms(expires_at),"           \
    " ms(revoked_at)"
#define OF_STATUS                                                                                  \
    " FROM credentials WHERE agent_id = $1::uuid"                                                  \
    " AND ($2::int < 0 OR (revoked_at IS NOT NULL)::int = $2::int)"

enum { INSERT, FIND, COUNT_ACTIVE, COUNT_ALL, LIST, ROTATE, REVOKE };

/* clang-format off */
const struct stmt store_credentials_stmts[] = {
    [INSERT] = { "credentials_insert",
        "INSERT INTO credentials (id, agent_id, hash, hint, expires_at)"
        " VALUES ($1::uuid, $2::uuid, $3::bytea, $4::text, $5::timestamptz) RETURNING " COLUMNS,
        &row },
    [FIND] = { "credentials_find",
        "SELECT " COLUMNS " FROM credentials WHERE agent_id = $1::uuid AND id = $2::uuid", &row },
    [COUNT_ACTIVE] = { "credentials_count_active",
        "SELECT count(*) FROM credentials WHERE agent_id = $1::uuid AND revoked_at IS NULL"
        " AND (expires_at IS NULL OR expires_at > roster_now())"
        " AND id IS DISTINCT FROM $2::uuid",
        &count_shape },
    [COUNT_ALL] = { "credentials_count", "SELECT count(*)" OF_STATUS, &count_shape },
    [LIST] = { "credentials_list",
        "SELECT " COLUMNS OF_STATUS
        " ORDER BY created_at DESC, id DESC LIMIT $3::bigint OFFSET $4::bigint",
        &row },
    [ROTATE] = { "credentials_rotate",
        "UPDATE credentials SET hash = $3::bytea, hint = $4::text, expires_at = $5::timestamptz"
        " WHERE id = $1::uuid AND agent_id = $2::uuid RETURNING " COLUMNS,
        &row },
    [REVOKE] = { "credentials_revoke",
        "UPDATE credentials SET revoked_at = now() WHERE id = $1::uuid AND revoked_at IS NULL" },
    STMT_END,
};
/* clang-format on */

static struct credential *
put(struct db_tx *tx, const struct stmt *stmt, const struct credential_new *fresh,
    struct arena *mem, struct err *err)
{
    return db_one(tx, stmt,
                  DB_ARGS(DB_TEXT(fresh->id), DB_TEXT(fresh->agent_id), DB_BYTES(fresh->hash),
                          DB_TEXT(fresh->hint), DB_TIME(fresh->expires_at)),
                  mem, err);
}

static int64_t
count(const struct count_row *found)
{
    return found == NULL ? -1 : found->count;
}

struct credential *
store_credentials_insert(struct db_tx *tx, const struct credential_new *fresh, struct arena *mem,
                         struct err *err)
{
    return put(tx, &store_credentials_stmts[INSERT], fresh, mem, err);
}

struct credential *
store_credentials_find(struct db_tx *tx, const char *agent, const char *id, struct arena *mem,
                       struct err *err)
{
    return db_one(tx, &store_credentials_stmts[FIND], DB_ARGS(DB_TEXT(agent), DB_TEXT(id)), mem,
                  err);
}

int64_t
store_credentials_count_active(struct db_tx *tx, const char *agent, const char *but,
                               struct arena *mem, struct err *err)
{
    return count(db_one(tx, &store_credentials_stmts[COUNT_ACTIVE],
                        DB_ARGS(DB_TEXT(agent), DB_TEXT(but)), mem, err));
}

int64_t
store_credentials_count(struct db_tx *tx, const char *agent, int status, struct arena *mem,
                        struct err *err)
{
    return count(db_one(tx, &store_credentials_stmts[COUNT_ALL],
                        DB_ARGS(DB_TEXT(agent), DB_INT(status)), mem, err));
}

struct list *
store_credentials_list(struct db_tx *tx, const char *agent, const struct credential_range *range,
                       struct arena *mem, struct err *err)
{
    return store_all(
        tx, &store_credentials_stmts[LIST],
        DB_ARGS(DB_TEXT(agent), DB_INT(range->status), DB_INT(range->limit), DB_INT(range->offset)),
        mem, err);
}

struct credential *
store_credentials_rotate(struct db_tx *tx, const struct credential_new *fresh, struct arena *mem,
                         struct err *err)
{
    return put(tx, &store_credentials_stmts[ROTATE], fresh, mem, err);
}

bool
store_credentials_revoke(struct db_tx *tx, const char *id, struct arena *mem, struct err *err)
{
    return db_exec(tx, &store_credentials_stmts[REVOKE], DB_ARGS(DB_TEXT(id)), mem, err) >= 0;
}
