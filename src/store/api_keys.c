/* SQL for api_keys. */
#include "store/api_keys.h"

static const struct db_col columns[] = {
    { UUID_AT(struct api_key_row, id) },        { UUID_AT(struct api_key_row, org) },
    { TEXT_AT(struct api_key_row, id_text) },   { TEXT_AT(struct api_key_row, org_text) },
    { TEXT_AT(struct api_key_row, name) },      { TEXT_AT(struct api_key_row, hint) },
    { INT_AT(struct api_key_row, scopes) },     { TIME_AT(struct api_key_row, created_at) },
    { BOOL_AT(struct api_key_row, suspended) },
};

#define COLUMNS                                                                                    \
    "id, org_id, id, org_id, name, hint, scopes, ms(created_at),"                                  \
    " (SELECT o.state = 1 FROM organizations o WHERE o.id = org_id)"

static const struct db_shape row = DB_SHAPE(struct api_key_row, columns);

static const struct db_clash clashes[] = {
    { "api_keys_org_fkey", ERR_NOT_FOUND, "org" },
    DB_CLASH_END,
};

enum { INSERT, FIND };

/* clang-format off */
const struct stmt store_api_keys_stmts[] = {
    [INSERT] = { "api_keys_insert",
        "INSERT INTO api_keys (id, org_id, name, hash, hint, scopes)"
        " VALUES ($1::uuid, $2::uuid, $3::text, $4::bytea, $5::text, $6::integer)"
        " RETURNING " COLUMNS,
        &row, clashes },
    [FIND] = { "api_keys_find",
        "SELECT " COLUMNS " FROM api_keys WHERE hash = $1::bytea AND revoked_at IS NULL", &row },
    STMT_END,
};
/* clang-format on */

struct api_key_row *
store_api_keys_insert(struct db_tx *tx, const struct api_key_new *key, struct arena *mem,
                      struct err *err)
{
    return db_one(tx, &store_api_keys_stmts[INSERT],
                  DB_ARGS(DB_TEXT(key->id), DB_TEXT(key->org_id), DB_TEXT(key->name),
                          DB_BYTES(key->hash), DB_TEXT(key->hint), DB_INT(key->scopes)),
                  mem, err);
}

struct api_key_row *
store_api_keys_find(struct db_tx *tx, struct bytes hash, struct arena *mem, struct err *err)
{
    return db_one(tx, &store_api_keys_stmts[FIND], DB_ARGS(DB_BYTES(hash)), mem, err);
}
