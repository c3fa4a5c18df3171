/* SQL for nodes, and for instances that nobody hears of. */
#include "store/nodes.h"

#include "store/fleet.h"
#include "store_priv.h"

static const struct db_col removed_columns[] = {
    { UUID_AT(struct fleet_now, id) },
    { UUID_AT(struct fleet_now, agent) },
    { TEXT_AT(struct fleet_now, name) },
};

static const struct db_shape removed_row = DB_SHAPE(struct fleet_now, removed_columns);

static const struct db_col owned_columns[] = { { UUID_AT(struct fleet_now, id) } };

static const struct db_shape owned_row = DB_SHAPE(struct fleet_now, owned_columns);

enum { LIVES, ENDS, FREE, OWNED, DROP, FORGET, SILENT, FOLD, REMOVE };

#define MS(n) n " * interval '1 millisecond'"
/* Asked once, and not for each row. */
#define AGO(n) "(SELECT roster_now() - " MS(n) ")"
/* What the row of an instance becomes when its socket is lost with its node. */
#define FREED                                                                                      \
    " owner = NULL, transport = 0, connection = 4, connected_since = NULL, lost_at = roster_now()"

/* clang-format off */
const struct stmt store_nodes_stmts[] = {
    [LIVES] = { "nodes_lives",
        "INSERT INTO nodes (id, url, lease_until)"
        " VALUES ($1::uuid, $2::text, now() + " MS("$3::bigint") ")"
        " ON CONFLICT (id) DO UPDATE SET lease_until = excluded.lease_until" },
    [ENDS] = { "nodes_ends",
        "WITH freed AS (UPDATE instance_states SET" FREED " WHERE instance = ANY (ARRAY("
        " SELECT instance FROM instance_states WHERE owner = $1::uuid"
        " ORDER BY instance FOR UPDATE SKIP LOCKED)))"
        " UPDATE nodes SET lease_until = least(lease_until, now()) WHERE id = $1::uuid" },
    [FREE] = { "nodes_free",
        "UPDATE instance_states SET" FREED " WHERE instance = ANY (ARRAY("
        " SELECT s.instance FROM nodes n CROSS JOIN LATERAL (SELECT o.instance"
        "  FROM instance_states o WHERE o.owner = n.id ORDER BY o.instance LIMIT $1::bigint"
        "  FOR UPDATE SKIP LOCKED) s WHERE n.lease_until <= now() LIMIT $1::bigint))" },
    [OWNED] = { "nodes_owned",
        "SELECT instance FROM instance_states WHERE owner = $1::uuid"
        " AND connected_since < " AGO("$2::bigint"), &owned_row },
    [DROP] = { "nodes_drop",
        "UPDATE instance_states SET" FREED " WHERE instance = ANY (ARRAY("
        " SELECT instance FROM instance_states WHERE instance = ANY ($3::uuid[])"
        " AND owner = $1::uuid AND connected_since < " AGO("$2::bigint")
        " ORDER BY instance FOR UPDATE SKIP LOCKED))" },
    /* A day is long enough for whoever wants to know that it was there; what has an owner has a row
     * for it. */
    [FORGET] = { "nodes_forget",
        "DELETE FROM nodes n WHERE n.lease_until < now() - interval '1 day'"
        " AND NOT EXISTS (SELECT FROM instance_states s WHERE s.owner = n.id)" },
    [SILENT] = { "nodes_silent",
        "UPDATE instance_states SET status = 4, unwell = 1 WHERE instance = ANY (ARRAY("
        " SELECT instance FROM instance_states WHERE status IN (0, 1)"
        " AND last_seen < " AGO("$2::bigint") " AND from_us($1::bigint) < " AGO("$2::bigint")
        " LIMIT $3::bigint FOR UPDATE SKIP LOCKED))" },
    [FOLD] = { "nodes_fold",
        "WITH gone AS (DELETE FROM instance_deltas WHERE id = ANY (ARRAY("
        "  SELECT id FROM instance_deltas ORDER BY id LIMIT $1::bigint FOR UPDATE SKIP LOCKED))"
        " RETURNING org_id, agent_id, mode, connection, transport, n),"
        " sums AS (SELECT org_id, agent_id, mode, connection, transport, sum(n)::bigint AS n"
        "  FROM gone GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5),"
        " folded AS (INSERT INTO instance_counts AS c"
        "  (org_id, agent_id, mode, connection, transport, n) SELECT * FROM sums"
        "  ON CONFLICT (org_id, agent_id, mode, connection, transport)"
        "  DO UPDATE SET n = c.n + excluded.n)"
        " SELECT FROM gone" },
    /* $1 up since, $2 connected without a socket, $3 hosted and silent, $4 its failures in a row,
     * $5 limit. 0 turns a rule off. */
    [REMOVE] = { "nodes_remove",
        "DELETE FROM instances i USING (SELECT s.instance FROM instance_states s"
        " JOIN instances r ON r.id = s.instance WHERE"
        " (s.mode = 0 AND s.owner IS NULL AND $2::bigint > 0"
        "  AND coalesce(greatest(s.last_seen, s.lost_at), '-infinity') < " AGO("$2::bigint")
        "  AND greatest(r.updated_at, from_us($1::bigint)) < " AGO("$2::bigint") ")"
        " OR (s.mode = 1 AND $3::bigint > 0 AND s.failures >= $4::bigint"
        "  AND coalesce(s.last_seen, '-infinity') < " AGO("$3::bigint")
        "  AND greatest(r.updated_at, from_us($1::bigint)) < " AGO("$3::bigint") ")"
        " LIMIT $5::bigint FOR UPDATE OF r, s SKIP LOCKED) gone"
        " WHERE i.id = gone.instance RETURNING i.id, i.agent_id, i.instance_id",
        &removed_row },
    STMT_END,
};
/* clang-format on */

bool
store_nodes_lives(struct db_tx *tx, const struct uuid *id, const char *url, int64_t lease_ms,
                  struct arena *mem, struct err *err)
{
    return db_exec(tx, &store_nodes_stmts[LIVES],
                   DB_ARGS(DB_UUID(id), DB_TEXT(url), DB_INT(lease_ms)), mem, err) >= 0;
}

bool
store_nodes_ends(struct db_tx *tx, const struct uuid *id, struct arena *mem, struct err *err)
{
    return db_exec(tx, &store_nodes_stmts[ENDS], DB_ARGS(DB_UUID(id)), mem, err) >= 0;
}

long
store_nodes_free(struct db_tx *tx, int64_t limit, struct arena *mem, struct err *err)
{
    return db_exec(tx, &store_nodes_stmts[FREE], DB_ARGS(DB_INT(limit)), mem, err);
}

struct list *
store_nodes_owned(struct db_tx *tx, const struct uuid *id, int64_t old_ms, struct arena *mem,
                  struct err *err)
{
    return store_all(tx, &store_nodes_stmts[OWNED], DB_ARGS(DB_UUID(id), DB_INT(old_ms)), mem, err);
}

long
store_nodes_drop(struct db_tx *tx, const struct uuid *id, int64_t old_ms,
                 const struct uuid *instances, size_t n, struct arena *mem, struct err *err)
{
    return db_exec(tx, &store_nodes_stmts[DROP],
                   DB_ARGS(DB_UUID(id), DB_INT(old_ms), DB_UUIDS(instances, n)), mem, err);
}

long
store_nodes_forget(struct db_tx *tx, struct arena *mem, struct err *err)
{
    return db_exec(tx, &store_nodes_stmts[FORGET], DB_NO_ARGS, mem, err);
}

long
store_nodes_silent(struct db_tx *tx, int64_t up_since_us, int64_t lost_ms, int64_t limit,
                   struct arena *mem, struct err *err)
{
    return db_exec(tx, &store_nodes_stmts[SILENT],
                   DB_ARGS(DB_INT(up_since_us), DB_INT(lost_ms), DB_INT(limit)), mem, err);
}

long
store_nodes_fold(struct db_tx *tx, int64_t limit, struct arena *mem, struct err *err)
{
    return db_exec(tx, &store_nodes_stmts[FOLD], DB_ARGS(DB_INT(limit)), mem, err);
}

struct list *
store_nodes_remove(struct db_tx *tx, int64_t up_since_us, const struct fleet_sweep *rules,
                   int64_t limit, struct arena *mem, struct err *err)
{
    return store_all(tx, &store_nodes_stmts[REMOVE],
                     DB_ARGS(DB_INT(up_since_us), DB_INT(rules->gone_connected_ms),
                             DB_INT(rules->gone_hosted_ms), DB_INT(rules->fails), DB_INT(limit)),
                     mem, err);
}
