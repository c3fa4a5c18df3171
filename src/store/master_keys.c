/* SQL for master_keys. */
#include "store/master_keys.h"

#include "store_priv.h"

static const struct db_col columns[] = {
    { BYTES_AT(struct master_key_row, key_id) },
    { BYTES_AT(struct master_key_row, check_value) },
};

static const struct db_shape row = DB_SHAPE(struct master_key_row, columns);

enum { LIST, INSERT };

/* clang-format off */
const struct stmt store_master_keys_stmts[] = {
    [LIST] = { "master_keys_list",
        "SELECT key_id, check_value FROM master_keys ORDER BY created_at, key_id LIMIT 1000",
        &row },
    [INSERT] = { "master_keys_insert",
        "INSERT INTO master_keys (key_id, check_value) VALUES ($1::bytea, $2::bytea)"
        " ON CONFLICT (key_id) DO NOTHING" },
    STMT_END,
};
/* clang-format on */

struct list *
store_master_keys_list(struct db_tx *tx, struct arena *mem, struct err *err)
{
    return store_all(tx, &store_master_keys_stmts[LIST], DB_NO_ARGS, mem, err);
}

bool
store_master_keys_insert(struct db_tx *tx, const struct master_key_row *key, struct arena *mem,
                         struct err *err)
{
    return db_exec(tx, &store_master_keys_stmts[INSERT],
                   DB_ARGS(DB_BYTES(key->key_id), DB_BYTES(key->check_value)), mem, err) >= 0;
}
