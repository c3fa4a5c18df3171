/* SQL for signing_keys. */
#include "store/signing_keys.h"

#include "store_priv.h"

static const struct db_col columns[] = {
    { TEXT_AT(struct signing_key_row, kid) },
    { INT_AT(struct signing_key_row, alg) },
    { TEXT_AT(struct signing_key_row, public_jwk) },
    { BYTES_AT(struct signing_key_row, private_sealed) },
    { TIME_AT(struct signing_key_row, created_at) },
    { TIME_AT(struct signing_key_row, signs_at) },
    { TIME_AT(struct signing_key_row, retires_at) },
    { TIME_AT(struct signing_key_row, now) },
    { BOOL_AT(struct signing_key_row, is_uncommitted) },
    { INT_AT(struct signing_key_row, number) },
};

#define COLUMNS                                                                                    \
    "kid, alg, public_jwk::text, private_sealed, ms(created_at), ms(signs_at), ms(retires_at),"    \
    " ms(roster_now()), coalesce(xmin = pg_current_xact_id_if_assigned()::xid, false),"            \
    " number"

static const struct db_shape row = DB_SHAPE(struct signing_key_row, columns);

enum { LIST, LOCK, INSERT, RETIRE };

/* clang-format off */
const struct stmt store_signing_keys_stmts[] = {
    [LIST] = { "signing_keys_list",
        "SELECT " COLUMNS " FROM signing_keys"
        " WHERE $1::boolean OR retires_at IS NULL OR retires_at > roster_now()"
        " ORDER BY signs_at DESC, created_at DESC, kid LIMIT 1000",
        &row },
    [LOCK] = { "signing_keys_lock",
        "SELECT FROM pg_advisory_xact_lock(1919905652, 2)" },
    [INSERT] = { "signing_keys_insert",
        "INSERT INTO signing_keys (kid, alg, public_jwk, private_sealed, created_at, signs_at)"
        " VALUES ($1::text, $2::smallint, $3::json, $4::bytea, roster_now(),"
        " roster_now() + $5::bigint * interval '1 millisecond')"
        " RETURNING " COLUMNS,
        &row },
    [RETIRE] = { "signing_keys_retire",
        "UPDATE signing_keys o SET"
        " retires_at = n.signs_at + $3::bigint * interval '1 millisecond'"
        " FROM signing_keys n WHERE n.kid = $1::text AND o.alg = $2::smallint AND o.kid <> n.kid"
        " AND o.retires_at IS NULL" },
    STMT_END,
};
/* clang-format on */

struct list *
store_signing_keys_list(struct db_tx *tx, bool all, struct arena *mem, struct err *err)
{
    return store_all(tx, &store_signing_keys_stmts[LIST], DB_ARGS(DB_BOOL(all)), mem, err);
}

bool
store_signing_keys_lock(struct db_tx *tx, struct arena *mem, struct err *err)
{
    return db_exec(tx, &store_signing_keys_stmts[LOCK], DB_NO_ARGS, mem, err) >= 0;
}

struct signing_key_row *
store_signing_keys_insert(struct db_tx *tx, const struct signing_key_new *key, struct arena *mem,
                          struct err *err)
{
    return db_one(tx, &store_signing_keys_stmts[INSERT],
                  DB_ARGS(DB_TEXT(key->kid), DB_INT(key->alg), DB_TEXT(key->public_jwk),
                          DB_BYTES(key->private_sealed), DB_INT(key->publish_ms)),
                  mem, err);
}

bool
store_signing_keys_retire(struct db_tx *tx, const struct signing_key_new *key, int64_t after_ms,
                          struct arena *mem, struct err *err)
{
    return db_exec(tx, &store_signing_keys_stmts[RETIRE],
                   DB_ARGS(DB_TEXT(key->kid), DB_INT(key->alg), DB_INT(after_ms)), mem, err) >= 0;
}
