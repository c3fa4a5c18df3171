/* SQL for cache_hints. Transactions commit in another order than they write, so a reader goes on
 * from the oldest transaction that was still running when it read, and reads some hints twice. */
#include "store/hints.h"

#include "store_priv.h"

static const struct db_col columns[] = {
    { INT_AT(struct hint_row, mark) },
    { ENUM_AT(struct hint_row, kind) },
    { UUID_AT(struct hint_row, id) },
};

static const struct db_shape row = DB_SHAPE(struct hint_row, columns);

struct waked {
    const char *nothing;
};

static const struct db_col waked_columns[] = {
    { TEXT_AT(struct waked, nothing) },
};

static const struct db_shape waked_row = DB_SHAPE(struct waked, waked_columns);

enum { INSERT, LIST, CLEAN };

/* clang-format off */
const struct stmt store_hints_stmts[] = {
    [INSERT] = { "hints_insert",
        "WITH hint AS (INSERT INTO cache_hints (kind, id)"
        " SELECT $1::smallint, unnest($2::uuid[]))"
        " SELECT pg_notify('roster_hints', '')::text",
        &waked_row },
    [LIST] = { "hints_list",
        "SELECT s.mark, coalesce(h.kind, -1), h.id"
        " FROM (SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS mark) s"
        " LEFT JOIN (SELECT DISTINCT kind, id FROM cache_hints"
        " WHERE tx >= $1::text::xid8 AND node <> $2::bigint LIMIT $3::bigint) h ON true",
        &row },
    [CLEAN] = { "hints_clean",
        "DELETE FROM cache_hints WHERE ctid = ANY (ARRAY(SELECT ctid FROM cache_hints"
        " WHERE at < clock_timestamp() - $1::bigint * interval '1 millisecond'"
        " LIMIT $2::bigint))" },
    STMT_END,
};
/* clang-format on */

bool
store_hints_insert(struct db_tx *tx, int kind, const struct uuid *ids, size_t n, struct arena *mem,
                   struct err *err)
{
    return db_exec(tx, &store_hints_stmts[INSERT], DB_ARGS(DB_INT(kind), DB_UUIDS(ids, n)), mem,
                   err) >= 0;
}

struct list *
store_hints_list(struct db_tx *tx, int64_t mark, int64_t node, int64_t limit, struct arena *mem,
                 struct err *err)
{
    return store_all(tx, &store_hints_stmts[LIST],
                     DB_ARGS(DB_INT(mark), DB_INT(node), DB_INT(limit)), mem, err);
}

long
store_hints_clean(struct db_tx *tx, int64_t keep_ms, int64_t limit, struct arena *mem,
                  struct err *err)
{
    return db_exec(tx, &store_hints_stmts[CLEAN], DB_ARGS(DB_INT(keep_ms), DB_INT(limit)), mem,
                   err);
}
