/* SQL for networks. */
#include "store/networks.h"

static const struct db_col columns[] = {
    { TEXT_AT(struct network_row, id) },
};

static const struct db_shape row = DB_SHAPE(struct network_row, columns);

enum { FIND, FIND_BY_NAME, INSERT };

/* clang-format off */
const struct stmt store_networks_stmts[] = {
    [FIND] = { "networks_find",
        "SELECT id FROM networks WHERE org_id = $1::uuid AND id = $2::uuid", &row },
    [FIND_BY_NAME] = { "networks_find_by_name",
        "SELECT id FROM networks WHERE org_id = $1::uuid AND name = $2::text", &row },
    [INSERT] = { "networks_insert",
        "INSERT INTO networks (id, org_id, name) VALUES ($1::uuid, $2::uuid, $3::text)"
        " ON CONFLICT (org_id, name) DO NOTHING" },
    STMT_END,
};
/* clang-format on */

struct network_row *
store_networks_find(struct db_tx *tx, const char *org, const char *id, struct arena *mem,
                    struct err *err)
{
    return db_one(tx, &store_networks_stmts[FIND], DB_ARGS(DB_TEXT(org), DB_TEXT(id)), mem, err);
}

struct network_row *
store_networks_find_by_name(struct db_tx *tx, const char *org, const char *name, struct arena *mem,
                            struct err *err)
{
    return db_one(tx, &store_networks_stmts[FIND_BY_NAME], DB_ARGS(DB_TEXT(org), DB_TEXT(name)),
                  mem, err);
}

bool
store_networks_insert(struct db_tx *tx, const char *id, const char *org, const char *name,
                      struct arena *mem, struct err *err)
{
    return db_exec(tx, &store_networks_stmts[INSERT],
                   DB_ARGS(DB_TEXT(id), DB_TEXT(org), DB_TEXT(name)), mem, err) >= 0;
}
