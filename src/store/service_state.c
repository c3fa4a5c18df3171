/* SQL for service_state. */
#include "store/service_state.h"

static const struct db_col columns[] = {
    { INT_AT(struct service_state, up_since_us) },
};

static const struct db_shape row = DB_SHAPE(struct service_state, columns);

enum { MARK };

/* clang-format off */
const struct stmt store_service_state_stmts[] = {
    [MARK] = { "service_state_mark",
        "UPDATE service_state SET"
        " up_since = CASE WHEN last_alive < roster_now() - $1::bigint * interval '1 millisecond'"
        "  THEN roster_now() ELSE up_since END,"
        " last_alive = greatest(last_alive, roster_now())"
        " RETURNING us(up_since)",
        &row },
    STMT_END,
};
/* clang-format on */

struct service_state *
store_service_state_mark(struct db_tx *tx, int64_t gap_ms, struct arena *mem, struct err *err)
{
    return db_one(tx, &store_service_state_stmts[MARK], DB_ARGS(DB_INT(gap_ms)), mem, err);
}
