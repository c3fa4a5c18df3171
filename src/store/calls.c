/* SQL for calls. Rows are added in batches only, by COPY. */
#include "store/calls.h"

#include "db/copy.h"
#include "store_priv.h"

static const struct db_col columns[] = {
    { INT_AT(struct call_record, id) },
    { TIME_AT(struct call_record, at) },
    { TEXT_AT(struct call_record, org_id) },
    { TEXT_AT(struct call_record, trace_id) },
    { TEXT_AT(struct call_record, request_id) },
    { TEXT_AT(struct call_record, connection_id) },
    { TEXT_AT(struct call_record, source_agent_id) },
    { TEXT_AT(struct call_record, source_permanent_id) },
    { TEXT_AT(struct call_record, target_agent_id) },
    { TEXT_AT(struct call_record, target_permanent_id) },
    { TEXT_AT(struct call_record, fallback_permanent_id) },
    { TEXT_AT(struct call_record, protocol) },
    { INT_AT(struct call_record, status) },
    { TEXT_AT(struct call_record, outcome) },
    { INT_AT(struct call_record, request_bytes) },
    { INT_AT(struct call_record, response_bytes) },
    { INT_AT(struct call_record, latency_us) },
    { INT_AT(struct call_record, first_byte_us) },
};

static const struct db_shape row = DB_SHAPE(struct call_record, columns);

static const struct db_col edge_columns[] = {
    { INT_AT(struct call_edge, id) },
    { INT_AT(struct call_edge, ended) },
};

static const struct db_shape edge_row = DB_SHAPE(struct call_edge, edge_columns);

/* In the order of the columns that the COPY names. */
static const struct db_copy_col copied[] = {
    DB_COPY_TIME_AT(struct call_record, at),
    DB_COPY_UUID_AT(struct call_record, org_id),
    DB_COPY_TEXT_AT(struct call_record, trace_id),
    DB_COPY_TEXT_AT(struct call_record, request_id),
    DB_COPY_UUID_AT(struct call_record, connection_id),
    DB_COPY_UUID_AT(struct call_record, source_agent_id),
    DB_COPY_TEXT_AT(struct call_record, source_permanent_id),
    DB_COPY_UUID_AT(struct call_record, target_agent_id),
    DB_COPY_TEXT_AT(struct call_record, target_permanent_id),
    DB_COPY_TEXT_AT(struct call_record, fallback_permanent_id),
    DB_COPY_TEXT_AT(struct call_record, protocol),
    DB_COPY_INT4_AT(struct call_record, status),
    DB_COPY_TEXT_AT(struct call_record, outcome),
    DB_COPY_INT8_AT(struct call_record, request_bytes),
    DB_COPY_INT8_AT(struct call_record, response_bytes),
    DB_COPY_INT8_AT(struct call_record, latency_us),
    DB_COPY_INT8_AT(struct call_record, first_byte_us),
};

static const struct db_copy copy = {
    { .name = "calls_copy",
      .sql = "COPY calls (at, org_id, trace_id, request_id, connection_id, source_agent_id,"
             " source_permanent_id, target_agent_id, target_permanent_id, fallback_permanent_id,"
             " protocol, status, outcome, request_bytes, response_bytes, latency_us, first_byte_us)"
             " FROM STDIN (FORMAT binary)" },
    copied,
    COUNT(copied),
};

_Static_assert(CALLS_WALK == 10000, "the statement has it as a literal");

enum { LIST, EDGE, CLEAN };

/* $1 org, $2 the id. */
#define BELOW                                                                                      \
    " WHERE org_id = $1::uuid AND id < coalesce(nullif($2::bigint, 0), 9223372036854775807)"

/* clang-format off */
const struct stmt store_calls_stmts[] = {
    [LIST] = { "calls_list",
        "SELECT id, ms(at), org_id, trace_id, request_id, connection_id, source_agent_id,"
        " source_permanent_id, target_agent_id, target_permanent_id, fallback_permanent_id,"
        " protocol, status, outcome, request_bytes, response_bytes, latency_us, first_byte_us"
        " FROM calls" BELOW " AND id >= $11::bigint"
        " AND ($3::uuid IS NULL OR $3::uuid IN (source_agent_id, target_agent_id))"
        " AND ($4::text IS NULL OR $4::text IN (source_permanent_id, target_permanent_id))"
        " AND ($5::uuid IS NULL OR connection_id = $5::uuid)"
        " AND ($6::text IS NULL OR outcome = $6::text)"
        " AND ($7::text IS NULL OR trace_id = $7::text)"
        " AND ($8::timestamptz IS NULL OR at >= $8::timestamptz)"
        " AND ($9::timestamptz IS NULL OR at < $9::timestamptz)"
        " ORDER BY id DESC LIMIT $10::bigint",
        &row },
    /* What lies before it is passed over in the index. */
    [EDGE] = { "calls_edge",
        "SELECT id, ms(at) + latency_us / 1000 FROM calls WHERE org_id = $1::uuid AND id ="
        " (SELECT id FROM calls" BELOW " ORDER BY id DESC LIMIT 1 OFFSET 9999)",
        &edge_row },
    /* Ids grow with time, so of each organization only the oldest ids are looked at; the
     * organizations are found one by one in the same index. */
    [CLEAN] = { "calls_clean",
        "WITH RECURSIVE past AS MATERIALIZED"
        " (SELECT roster_now() - $1::bigint * interval '1 millisecond' AS at),"
        " orgs AS ((SELECT org_id FROM calls ORDER BY org_id LIMIT 1) UNION ALL"
        " SELECT (SELECT c.org_id FROM calls c WHERE c.org_id > o.org_id ORDER BY c.org_id LIMIT 1)"
        " FROM orgs o WHERE o.org_id IS NOT NULL)"
        " DELETE FROM calls WHERE ctid = ANY (ARRAY(SELECT old.ctid FROM orgs o CROSS JOIN LATERAL"
        " (SELECT c.ctid, c.at FROM calls c WHERE c.org_id = o.org_id ORDER BY c.id"
        " LIMIT $2::bigint) old"
        " WHERE (SELECT c.at FROM calls c WHERE c.org_id = o.org_id ORDER BY c.id LIMIT 1)"
        " < (SELECT at FROM past) AND old.at < (SELECT at FROM past) LIMIT $2::bigint))" },
    STMT_END,
};
/* clang-format on */

void
store_calls_row(const struct call_record *record, struct buf *rows)
{
    db_copy_row(&copy, record, rows);
}

bool
store_calls_insert(struct db_tx *tx, const struct buf *rows, struct err *err)
{
    return db_copy(tx, &copy, rows, err);
}

struct list *
store_calls_list(struct db_tx *tx, const char *org, const struct call_filter *filter,
                 struct call_range range, struct arena *mem, struct err *err)
{
    struct uuid uuid;
    const char *ref = filter->agent_id;
    bool by_uuid = ref != NULL && ids_uuid_read(ref, &uuid);

    return store_all(tx, &store_calls_stmts[LIST],
                     DB_ARGS(DB_TEXT(org), DB_INT(range.before), DB_TEXT(by_uuid ? ref : NULL),
                             DB_TEXT(by_uuid ? NULL : ref), DB_TEXT(filter->connection_id),
                             DB_TEXT(filter->outcome), DB_TEXT(filter->trace_id),
                             DB_TIME(filter->since), DB_TIME(filter->until), DB_INT(filter->limit),
                             DB_INT(range.from)),
                     mem, err);
}

struct call_edge *
store_calls_edge(struct db_tx *tx, const char *org, int64_t before, struct arena *mem,
                 struct err *err)
{
    return db_one(tx, &store_calls_stmts[EDGE], DB_ARGS(DB_TEXT(org), DB_INT(before)), mem, err);
}

long
store_calls_clean(struct db_tx *tx, int64_t keep_ms, int64_t limit, struct arena *mem,
                  struct err *err)
{
    return db_exec(tx, &store_calls_stmts[CLEAN], DB_ARGS(DB_INT(keep_ms), DB_INT(limit)), mem,
                   err);
}
