/* SQL for audit_pending, audit_chain and audit_heads. */
#include "store/audit_chain.h"

#include "store_priv.h"

static const struct db_col head_columns[] = {
    { TEXT_AT(struct audit_head, org_id) },
    { INT_AT(struct audit_head, position) },
    { BYTES_AT(struct audit_head, hash) },
    { BYTES_AT(struct audit_head, whole) },
    { INT_AT(struct audit_head, anchor_position) },
    { BYTES_AT(struct audit_head, anchor_hash) },
    { BYTES_AT(struct audit_head, anchor_whole) },
    { BYTES_AT(struct audit_head, mac) },
    { INT_AT(struct audit_head, now) },
};

#define HEAD_COLUMNS                                                                               \
    "h.org_id, h.position, h.hash, h.whole, h.anchor_position, h.anchor_hash, h.anchor_whole,"     \
    " h.mac, ms(roster_now())"
#define SELECT_HEAD "SELECT " HEAD_COLUMNS " FROM audit_heads h WHERE h.org_id = $1::uuid"

static const struct db_shape head_row = DB_SHAPE(struct audit_head, head_columns);

static const struct db_col link_columns[] = {
    { INT_AT(struct audit_link, position) },
    { TEXT_AT(struct audit_link, event_id) },
    { BYTES_AT(struct audit_link, hash) },
    { BYTES_AT(struct audit_link, whole) },
    { INT_AT(struct audit_link, event.seq) },
    { TEXT_AT(struct audit_link, event.id) },
    { TEXT_AT(struct audit_link, event.org_id) },
    { TEXT_AT(struct audit_link, event.agent_id) },
    { ENUM_AT(struct audit_link, event.action) },
    { BOOL_AT(struct audit_link, event.failed) },
    { TIME_AT(struct audit_link, event.at) },
    { TEXT_AT(struct audit_link, event.ip) },
    { TEXT_AT(struct audit_link, event.user_agent) },
    { JSON_AT(struct audit_link, event.metadata) },
};

static const struct db_shape link_row = DB_SHAPE(struct audit_link, link_columns);

static const struct db_col org_columns[] = { { TEXT_AT(struct audit_org, id) } };
static const struct db_shape org_row = DB_SHAPE(struct audit_org, org_columns);

static const struct db_col range_columns[] = {
    { INT_AT(struct audit_range, first) },
    { INT_AT(struct audit_range, last) },
};
static const struct db_shape range_row = DB_SHAPE(struct audit_range, range_columns);

#define BEHIND(n) " > coalesce($" n "::uuid, '00000000-0000-0000-0000-000000000000')"

/* Each row's event by its id, whatever the planner thinks of how many there are: statistics of a
 * queue are always wrong, and a join may not read the whole log for some rows. */
#define EVENT_OF(rows)                                                                             \
    " LATERAL (SELECT * FROM audit_events WHERE id = " rows ".event_id OFFSET 0) e"

enum {
    HEAD_FIND,
    HEAD_LOCK,
    HEAD_TRY,
    HEAD_MAKE,
    EXTEND,
    PURGE,
    ANCHOR,
    ORGS_PENDING,
    ORGS_OLD,
    ORGS_NEXT,
    PENDING,
    LINKS,
    RANGE,
    LOOSE,
};

/* clang-format off */
const struct stmt store_audit_chain_stmts[] = {
    [HEAD_FIND] = { "audit_head_find", SELECT_HEAD, &head_row },
    [HEAD_LOCK] = { "audit_head_lock", SELECT_HEAD " FOR UPDATE", &head_row },
    [HEAD_TRY] = { "audit_head_try", SELECT_HEAD " FOR UPDATE SKIP LOCKED", &head_row },
    [HEAD_MAKE] = { "audit_head_make",
        "WITH h AS (INSERT INTO audit_heads (org_id, position, hash, whole, anchor_position,"
        " anchor_hash, anchor_whole, mac) SELECT $1::uuid, 0, '', '', 0, '', '', ''"
        " WHERE NOT EXISTS (SELECT FROM audit_chain c WHERE c.org_id = $1::uuid)"
        " ON CONFLICT (org_id) DO NOTHING RETURNING *) SELECT " HEAD_COLUMNS " FROM h",
        &head_row },
    [EXTEND] = { "audit_chain_extend",
        "WITH l AS (INSERT INTO audit_chain (org_id, position, event_id, hash, whole)"
        " SELECT $1::uuid, n.position, n.event::uuid, decode(n.hash, 'hex'),"
        " decode(n.whole, 'hex') FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[])"
        " AS n (position, event, hash, whole)),"
        " d AS (DELETE FROM audit_pending WHERE org_id = $1::uuid AND seq = ANY ($6::bigint[]))"
        " UPDATE audit_heads SET position = $7::bigint, hash = $8::bytea, whole = $9::bytea,"
        " mac = $10::bytea WHERE org_id = $1::uuid" },
    [PURGE] = { "audit_purge", "SELECT audit_purge($1::uuid, $2::bigint), 0::bigint", &range_row },
    [ANCHOR] = { "audit_anchor",
        "UPDATE audit_heads SET anchor_position = $2::bigint, anchor_hash = $3::bytea,"
        " anchor_whole = $4::bytea, mac = $5::bytea WHERE org_id = $1::uuid" },
    /* From organization to organization, not from row to row. */
    [ORGS_PENDING] = { "audit_orgs_pending",
        "WITH RECURSIVE o (org_id) AS ("
        " (SELECT p.org_id FROM audit_pending p WHERE p.org_id" BEHIND("1")
        "  ORDER BY p.org_id LIMIT 1)"
        " UNION ALL SELECT (SELECT p.org_id FROM audit_pending p WHERE p.org_id > o.org_id"
        "  ORDER BY p.org_id LIMIT 1) FROM o WHERE o.org_id IS NOT NULL)"
        " SELECT org_id FROM o WHERE org_id IS NOT NULL LIMIT $2::bigint",
        &org_row },
    [ORGS_OLD] = { "audit_orgs_old",
        "SELECT h.org_id FROM audit_heads h"
        " JOIN audit_chain c ON c.org_id = h.org_id AND c.position = h.anchor_position + 1"
        " JOIN audit_events e ON e.id = c.event_id WHERE h.org_id" BEHIND("1")
        " AND e.at < roster_now() - $2::bigint * interval '1 millisecond'"
        " ORDER BY h.org_id LIMIT $3::bigint",
        &org_row },
    [ORGS_NEXT] = { "audit_orgs_next",
        "SELECT id FROM organizations WHERE id" BEHIND("1") " ORDER BY id LIMIT 1", &org_row },
    [PENDING] = { "audit_pending",
        "WITH p AS MATERIALIZED (SELECT seq, event_id FROM audit_pending WHERE org_id = $1::uuid"
        " ORDER BY seq LIMIT $2::bigint)"
        " SELECT " STORE_AUDIT_COLUMNS ", NULL::bytea FROM p CROSS JOIN" EVENT_OF("p")
        " WHERE e.seq = p.seq AND e.org_id = $1::uuid ORDER BY p.seq",
        &store_audit_event_row },
    [LINKS] = { "audit_links",
        "WITH c AS MATERIALIZED (SELECT position, event_id, hash, whole FROM audit_chain"
        " WHERE org_id = $1::uuid AND position > $2::bigint AND position <= $3::bigint"
        " ORDER BY position LIMIT $4::bigint)"
        " SELECT c.position, c.event_id, c.hash, c.whole, " STORE_AUDIT_COLUMNS
        " FROM c LEFT JOIN" EVENT_OF("c") " ON true ORDER BY c.position",
        &link_row },
    [RANGE] = { "audit_range",
        "SELECT coalesce(min(c.position), 0), coalesce(max(c.position), 0)"
        " FROM audit_events e JOIN audit_chain c ON c.event_id = e.id WHERE e.org_id = $1::uuid"
        " AND e.at >= coalesce($2::timestamptz, '-infinity')"
        " AND e.at <= coalesce($3::timestamptz, 'infinity')",
        &range_row },
    /* "+ 0": by the index of the organization, not by the order of all events. */
    [LOOSE] = { "audit_loose",
        "(SELECT e.id FROM audit_events e WHERE e.org_id = $1::uuid"
        " AND NOT EXISTS (SELECT FROM audit_chain c WHERE c.event_id = e.id"
        " AND c.org_id = $1::uuid)"
        " AND NOT EXISTS (SELECT FROM audit_pending p WHERE p.org_id = $1::uuid AND p.seq = e.seq)"
        " ORDER BY e.seq + 0 LIMIT 1) UNION ALL"
        " (SELECT p.event_id FROM audit_pending p WHERE p.org_id = $1::uuid"
        " AND NOT EXISTS (SELECT FROM audit_events e WHERE e.id = p.event_id AND e.seq = p.seq"
        " AND e.org_id = $1::uuid) LIMIT 1) LIMIT 1",
        &org_row },
    STMT_END,
};
/* clang-format on */

struct audit_head *
store_audit_head_find(struct db_tx *tx, const char *org, struct arena *mem, struct err *err)
{
    return db_one(tx, &store_audit_chain_stmts[HEAD_FIND], DB_ARGS(DB_TEXT(org)), mem, err);
}

struct audit_head *
store_audit_head_lock(struct db_tx *tx, const char *org, bool wait, struct arena *mem,
                      struct err *err)
{
    return db_one(tx, &store_audit_chain_stmts[wait ? HEAD_LOCK : HEAD_TRY], DB_ARGS(DB_TEXT(org)),
                  mem, err);
}

struct audit_head *
store_audit_head_make(struct db_tx *tx, const char *org, struct arena *mem, struct err *err)
{
    return db_one(tx, &store_audit_chain_stmts[HEAD_MAKE], DB_ARGS(DB_TEXT(org)), mem, err);
}

bool
store_audit_chain_extend(struct db_tx *tx, const struct audit_head *head,
                         const struct audit_links *links, struct arena *mem, struct err *err)
{
    return db_exec(tx, &store_audit_chain_stmts[EXTEND],
                   DB_ARGS(DB_TEXT(head->org_id), DB_INTS(links->positions, links->n),
                           DB_TEXTS(&links->events), DB_TEXTS(&links->hashes),
                           DB_TEXTS(&links->wholes), DB_INTS(links->seqs, links->n),
                           DB_INT(head->position), DB_BYTES(head->hash), DB_BYTES(head->whole),
                           DB_BYTES(head->mac)),
                   mem, err) >= 0;
}

bool
store_audit_chain_purge(struct db_tx *tx, const struct audit_head *head, struct arena *mem,
                        struct err *err)
{
    return db_exec(tx, &store_audit_chain_stmts[PURGE],
                   DB_ARGS(DB_TEXT(head->org_id), DB_INT(head->anchor_position)), mem, err) >= 0 &&
           db_exec(tx, &store_audit_chain_stmts[ANCHOR],
                   DB_ARGS(DB_TEXT(head->org_id), DB_INT(head->anchor_position),
                           DB_BYTES(head->anchor_hash), DB_BYTES(head->anchor_whole),
                           DB_BYTES(head->mac)),
                   mem, err) >= 0;
}

struct list *
store_audit_orgs_pending(struct db_tx *tx, const char *after, int64_t limit, struct arena *mem,
                         struct err *err)
{
    return store_all(tx, &store_audit_chain_stmts[ORGS_PENDING],
                     DB_ARGS(DB_TEXT(after), DB_INT(limit)), mem, err);
}

struct list *
store_audit_orgs_old(struct db_tx *tx, const char *after, int64_t kept_ms, int64_t limit,
                     struct arena *mem, struct err *err)
{
    return store_all(tx, &store_audit_chain_stmts[ORGS_OLD],
                     DB_ARGS(DB_TEXT(after), DB_INT(kept_ms), DB_INT(limit)), mem, err);
}

struct audit_org *
store_audit_orgs_next(struct db_tx *tx, const char *after, struct arena *mem, struct err *err)
{
    return db_one(tx, &store_audit_chain_stmts[ORGS_NEXT], DB_ARGS(DB_TEXT(after)), mem, err);
}

struct list *
store_audit_pending(struct db_tx *tx, const char *org, int64_t limit, struct arena *mem,
                    struct err *err)
{
    return store_all(tx, &store_audit_chain_stmts[PENDING], DB_ARGS(DB_TEXT(org), DB_INT(limit)),
                     mem, err);
}

struct list *
store_audit_links(struct db_tx *tx, const char *org, int64_t after, int64_t until, int64_t limit,
                  struct arena *mem, struct err *err)
{
    return store_all(tx, &store_audit_chain_stmts[LINKS],
                     DB_ARGS(DB_TEXT(org), DB_INT(after), DB_INT(until), DB_INT(limit)), mem, err);
}

struct audit_range *
store_audit_range(struct db_tx *tx, const char *org, int64_t from, int64_t to, struct arena *mem,
                  struct err *err)
{
    return db_one(tx, &store_audit_chain_stmts[RANGE],
                  DB_ARGS(DB_TEXT(org), DB_TIME(from), DB_TIME(to)), mem, err);
}

struct audit_org *
store_audit_loose(struct db_tx *tx, const char *org, struct arena *mem, struct err *err)
{
    return db_one(tx, &store_audit_chain_stmts[LOOSE], DB_ARGS(DB_TEXT(org)), mem, err);
}
