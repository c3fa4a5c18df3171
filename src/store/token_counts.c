/* SQL for token_counts. */
#include "store/token_counts.h"

struct count_row {
    int64_t issued;
};

static const struct db_col columns[] = {
    { INT_AT(struct count_row, issued) },
};

static const struct db_shape row = DB_SHAPE(struct count_row, columns);

#define THIS_MONTH "date_trunc('month', roster_now() AT TIME ZONE 'UTC')::date"

enum { ADD, GET };

/* clang-format off */
const struct stmt store_token_counts_stmts[] = {
    [ADD] = { "token_counts_add",
        "INSERT INTO token_counts AS t (agent_id, month, issued)"
        " VALUES ($1::uuid, " THIS_MONTH ", 1)"
        " ON CONFLICT ON CONSTRAINT token_counts_pkey DO UPDATE SET issued = t.issued + 1"
        " WHERE t.issued < $2::bigint RETURNING t.issued",
        &row },
    [GET] = { "token_counts_get",
        "SELECT coalesce(max(issued), 0) FROM token_counts"
        " WHERE agent_id = $1::uuid AND month = " THIS_MONTH,
        &row },
    STMT_END,
};
/* clang-format on */

int64_t
store_token_counts_add(struct db_tx *tx, const char *agent, int64_t most, struct arena *mem,
                       struct err *err)
{
    const struct count_row *found =
        db_one(tx, &store_token_counts_stmts[ADD], DB_ARGS(DB_TEXT(agent), DB_INT(most)), mem, err);

    return found != NULL ? found->issued : err->code == ERR_NONE ? 0 : -1;
}

int64_t
store_token_counts_get(struct db_tx *tx, const char *agent, struct arena *mem, struct err *err)
{
    const struct count_row *found =
        db_one(tx, &store_token_counts_stmts[GET], DB_ARGS(DB_TEXT(agent)), mem, err);

    return found == NULL ? -1 : found->issued;
}
