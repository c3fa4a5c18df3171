/* SQL for organizations. */
#include "store/orgs.h"

static const struct db_col columns[] = {
    { TEXT_AT(struct org_row, id) },
    { TEXT_AT(struct org_row, slug) },
    { TEXT_AT(struct org_row, name) },
};

static const struct db_shape row = DB_SHAPE(struct org_row, columns);

enum { FIND };

/* clang-format off */
const struct stmt store_orgs_stmts[] = {
    [FIND] = { "orgs_find",
        "SELECT id, slug, name FROM organizations WHERE id = $1::uuid OR slug = $2::text", &row },
    STMT_END,
};
/* clang-format on */

struct org_row *
store_orgs_find(struct db_tx *tx, const char *id, const char *slug, struct arena *mem,
                struct err *err)
{
    return db_one(tx, &store_orgs_stmts[FIND], DB_ARGS(DB_TEXT(id), DB_TEXT(slug)), mem, err);
}
