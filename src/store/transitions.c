/* SQL for status_transitions. */
#include "store/transitions.h"

#include "store_priv.h"

static const struct db_col columns[] = {
    { INT_AT(struct transition, id) },          { TIME_AT(struct transition, at) },
    { TEXT_AT(struct transition, agent_id) },   { TEXT_AT(struct transition, permanent_id) },
    { TEXT_AT(struct transition, agent_name) }, { ENUM_AT(struct transition, old_state) },
    { ENUM_AT(struct transition, new_state) },  { ENUM_AT(struct transition, reason) },
    { INT_AT(struct transition, http_status) }, { INT_AT(struct transition, latency_ms) },
    { TEXT_AT(struct transition, error) },
};

static const struct db_shape row = DB_SHAPE(struct transition, columns);

enum { LIST, LIST_OF_AGENT, CLEAN };

/* $1 org, $2 id below, $3 new state, $4 since, $5 until, $6 limit */
#define SELECT_TRANSITIONS                                                                         \
    "SELECT t.id, ms(t.at), t.agent_id, t.permanent_id, a.name, t.old_state, t.new_state,"         \
    " t.reason, t.http_status, t.latency_ms, t.error"                                              \
    " FROM status_transitions t LEFT JOIN agents a ON a.id = t.agent_id"                           \
    " WHERE t.org_id = $1::uuid"                                                                   \
    " AND t.id < coalesce(nullif($2::bigint, 0), 9223372036854775807)"                             \
    " AND ($3::int = -1 OR t.new_state = $3::int)"                                                 \
    " AND ($4::timestamptz IS NULL OR t.at >= $4::timestamptz)"                                    \
    " AND ($5::timestamptz IS NULL OR t.at < $5::timestamptz)"
#define NEWEST_FIRST " ORDER BY t.id DESC LIMIT $6::bigint"

/* clang-format off */
const struct stmt store_transitions_stmts[] = {
    [LIST] = { "transitions_list", SELECT_TRANSITIONS NEWEST_FIRST, &row },
    /* A statement of its own: it reads the index by agent. */
    [LIST_OF_AGENT] = { "transitions_list_of_agent",
        SELECT_TRANSITIONS " AND t.agent_id = coalesce($7::uuid,"
        " (SELECT id FROM agents WHERE permanent_id = $8::text),"
        " (SELECT agent_id FROM retired_permanent_ids WHERE permanent_id = $8::text))"
        NEWEST_FIRST, &row },
    /* Ids grow with time, so only the oldest ids are looked at. */
    [CLEAN] = { "transitions_clean",
        "DELETE FROM status_transitions WHERE id IN (SELECT id FROM"
        " (SELECT id, at FROM status_transitions ORDER BY id LIMIT $2::bigint) oldest"
        " WHERE at < roster_now() - $1::bigint * interval '1 millisecond')" },
    STMT_END,
};
/* clang-format on */

struct list *
store_transitions_list(struct db_tx *tx, const char *org, const struct transition_filter *filter,
                       int64_t before, struct arena *mem, struct err *err)
{
    struct uuid uuid;
    const char *ref = filter->agent_id;
    bool by_uuid = ref != NULL && ids_uuid_read(ref, &uuid);
    const struct db_arg args[] = {
        DB_TEXT(org),
        DB_INT(before),
        DB_INT(filter->new_state),
        DB_TIME(filter->since),
        DB_TIME(filter->until),
        DB_INT(filter->limit),
        DB_TEXT(by_uuid ? ref : NULL),
        DB_TEXT(by_uuid ? NULL : ref),
    };
    const struct db_args all = { args, ref == NULL ? 6 : COUNT(args) };

    return store_all(tx, &store_transitions_stmts[ref == NULL ? LIST : LIST_OF_AGENT], all, mem,
                     err);
}

long
store_transitions_clean(struct db_tx *tx, int64_t keep_ms, int64_t limit, struct arena *mem,
                        struct err *err)
{
    return db_exec(tx, &store_transitions_stmts[CLEAN], DB_ARGS(DB_INT(keep_ms), DB_INT(limit)),
                   mem, err);
}
