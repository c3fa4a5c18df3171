/* SQL for service_state. */
#include "store/service_state.h"

static const struct db_col columns[] = {
    { INT_AT(struct service_state, up_since_us) },
};

static const struct db_shape row = DB_SHAPE(struct service_state, columns);

static const struct db_col lead_columns[] = {
    { BOOL_AT(struct service_lead, leads) },
};

static const struct db_shape lead_row = DB_SHAPE(struct service_lead, lead_columns);

enum { MARK, LEAD, PING };

/* clang-format off */
const struct stmt store_service_state_stmts[] = {
    [MARK] = { "service_state_mark",
        "UPDATE service_state SET"
        " up_since = CASE WHEN last_alive < roster_now() - $1::bigint * interval '1 millisecond'"
        "  THEN roster_now() ELSE up_since END,"
        " last_alive = greatest(last_alive, roster_now())"
        " RETURNING us(up_since)",
        &row },
    /* Taking the lock again would only count it up: one that is held is left alone. */
    [LEAD] = { "service_state_lead",
        "SELECT CASE WHEN EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory'"
        " AND classid = 1919905652 AND objid = 1 AND objsubid = 2 AND granted"
        " AND pid = pg_backend_pid()) THEN true"
        " ELSE pg_try_advisory_lock(1919905652, 1) END",
        &lead_row },
    [PING] = { "service_state_ping", "SELECT us(up_since) FROM service_state", &row },
    STMT_END,
};
/* clang-format on */

struct service_state *
store_service_state_mark(struct db_tx *tx, int64_t gap_ms, struct arena *mem, struct err *err)
{
    return db_one(tx, &store_service_state_stmts[MARK], DB_ARGS(DB_INT(gap_ms)), mem, err);
}

struct service_lead *
store_service_state_lead(struct db_tx *tx, struct arena *mem, struct err *err)
{
    return db_one(tx, &store_service_state_stmts[LEAD], DB_NO_ARGS, mem, err);
}

bool
store_service_state_ping(struct db_tx *tx, struct arena *mem, struct err *err)
{
    return db_exec(tx, &store_service_state_stmts[PING], DB_NO_ARGS, mem, err) >= 0;
}
