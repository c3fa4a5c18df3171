/* SQL for audit_events. */
#include "store/audit.h"

#include "model/identity.h"
#include "store_priv.h"

static const struct db_col columns[] = {
    { INT_AT(struct audit_event, seq) },         { TEXT_AT(struct audit_event, id) },
    { TEXT_AT(struct audit_event, org_id) },     { TEXT_AT(struct audit_event, agent_id) },
    { ENUM_AT(struct audit_event, action) },     { BOOL_AT(struct audit_event, failed) },
    { TIME_AT(struct audit_event, at) },         { TEXT_AT(struct audit_event, ip) },
    { TEXT_AT(struct audit_event, user_agent) }, { JSON_AT(struct audit_event, metadata) },
    { BYTES_AT(struct audit_event, link) },
};

const struct db_shape store_audit_event_row = DB_SHAPE(struct audit_event, columns);

struct written {
    const char *id;
};

static const struct db_col written_columns[] = { { TEXT_AT(struct written, id) } };
static const struct db_shape written_row = DB_SHAPE(struct written, written_columns);

/* $1 org, $2 and $3 the time, $4 how long events are kept, $5 action, $6 outcome, $7 agent. */
#define FILTER                                                                                     \
    " WHERE e.org_id = $1::uuid"                                                                   \
    " AND e.at >= (SELECT greatest(coalesce($2::timestamptz, '-infinity'),"                        \
    " roster_now() - $4::bigint * interval '1 millisecond'))"                                      \
    " AND e.at <= coalesce($3::timestamptz, 'infinity')"                                           \
    " AND ($5::int = -1 OR e.action = $5::int) AND ($6::int = -1 OR e.failed = ($6::int = 1))"
/* What a list and its count read an index of their own by; the agent is the last argument. */
#define OF_AGENT(n) " AND e.agent_id = $" #n "::uuid"
#define OF_ACTION   " AND e.action = $5::int"
#define OF_FAILURES " AND e.failed"
/* The hash is looked up for what is shown only. */
#define SELECT_EVENTS                                                                              \
    "SELECT " STORE_AUDIT_COLUMNS ", (SELECT c.hash FROM audit_chain c WHERE c.event_id = e.id)"   \
    " FROM "
#define SELECT_PAGE SELECT_EVENTS "(SELECT * FROM audit_events e"
#define ORDER       " ORDER BY e.at DESC, e.id DESC"
#define PAGE        ORDER " LIMIT $7::bigint OFFSET $8::bigint) e" ORDER

static const struct db_col failure_columns[] = {
    { INT_AT(struct audit_failures, all) },
    { INT_AT(struct audit_failures, from_ip) },
};

static const struct db_shape failures = DB_SHAPE(struct audit_failures, failure_columns);

/* Action 11 is auth.failed. */
#define COUNT_FAILURES(about)                                                                      \
    "SELECT count(*), count(*) FILTER (WHERE ip = $1::text) FROM audit_events WHERE " about        \
    " AND action = 11 AND at > clock_timestamp() - interval '1 minute'"

#define LIST_WITH(name, also)                                                                      \
    {                                                                                              \
        name, SELECT_PAGE FILTER also PAGE, &store_audit_event_row                                 \
    }
/* In the order of the page, whose index then counts; left to itself the planner may read the table
 * instead. */
#define COUNT_WITH(name, also)                                                                     \
    {                                                                                              \
        name,                                                                                      \
            "SELECT count(*) FROM (SELECT FROM audit_events e" FILTER also ORDER " LIMIT 10000)"   \
            " found",                                                                              \
            &store_number_row                                                                      \
    }

enum by { BY_TIME, BY_AGENT, BY_ACTION, BY_FAILURE, BY_COUNT };
enum {
    LIST,
    COUNT_ALL = LIST + BY_COUNT,
    INSERT = COUNT_ALL + BY_COUNT,
    FIND,
    FAILURES,
    FAILURES_OF_AGENT
};

/* clang-format off */
const struct stmt store_audit_stmts[] = {
    [INSERT] = { "audit_insert",
        "SELECT audit_append($1::uuid, $2::uuid, $3::uuid, $4::smallint, $5::boolean, $6::text,"
        " $7::text, $8::json)",
        &written_row },
    [LIST + BY_TIME] = LIST_WITH("audit_list", ""),
    [LIST + BY_AGENT] = LIST_WITH("audit_list_of_agent", OF_AGENT(9)),
    [LIST + BY_ACTION] = LIST_WITH("audit_list_of_action", OF_ACTION),
    [LIST + BY_FAILURE] = LIST_WITH("audit_list_of_failures", OF_FAILURES),
    [COUNT_ALL + BY_TIME] = COUNT_WITH("audit_count", ""),
    [COUNT_ALL + BY_AGENT] = COUNT_WITH("audit_count_of_agent", OF_AGENT(7)),
    [COUNT_ALL + BY_ACTION] = COUNT_WITH("audit_count_of_action", OF_ACTION),
    [COUNT_ALL + BY_FAILURE] = COUNT_WITH("audit_count_of_failures", OF_FAILURES),
    [FIND] = { "audit_find",
        SELECT_EVENTS "audit_events e WHERE e.id = $1::uuid"
        " AND e.org_id = coalesce($2::uuid, e.org_id)"
        " AND e.at >= roster_now() - $3::bigint * interval '1 millisecond'",
        &store_audit_event_row },
    [FAILURES] = { "audit_failures", COUNT_FAILURES("agent_id IS NULL"), &failures },
    [FAILURES_OF_AGENT] = { "audit_failures_of_agent", COUNT_FAILURES("agent_id = $2::uuid"),
        &failures },
    STMT_END,
};
/* clang-format on */

_Static_assert(COUNTED_MAX == 10000, "the statements have it as a literal");

bool
store_audit_insert(struct db_tx *tx, const struct audit_new *event, struct arena *mem,
                   struct err *err)
{
    const struct audit_entry *e = &event->entry;

    return db_exec(tx, &store_audit_stmts[INSERT],
                   DB_ARGS(DB_TEXT(event->id), DB_TEXT(e->org_id), DB_TEXT(e->agent_id),
                           DB_INT((int)e->action), DB_BOOL(e->failed), DB_TEXT(event->ip),
                           DB_TEXT(event->user_agent), DB_TEXT(e->metadata)),
                   mem, err) >= 0;
}

struct audit_failures *
store_audit_failures(struct db_tx *tx, const char *agent, const char *ip, struct arena *mem,
                     struct err *err)
{
    const struct db_arg args[] = { DB_TEXT(ip), DB_TEXT(agent) };

    return db_one(tx, &store_audit_stmts[agent == NULL ? FAILURES : FAILURES_OF_AGENT],
                  (struct db_args){ args, agent == NULL ? 1 : 2 }, mem, err);
}

#define FILTER_ARGS(filter, kept_ms)                                                               \
    DB_TEXT((filter)->org_id), DB_TIME((filter)->from), DB_TIME((filter)->to), DB_INT(kept_ms),    \
        DB_INT((filter)->action), DB_INT((filter)->outcome)

/* Which index has the least to read through. */
static enum by
index_for(const struct audit_filter *filter)
{
    if (filter->agent_id != NULL)
        return BY_AGENT;
    if (filter->action != -1)
        return BY_ACTION;
    return filter->outcome == 1 ? BY_FAILURE : BY_TIME;
}

struct list *
store_audit_list(struct db_tx *tx, const struct audit_filter *filter, int64_t kept_ms,
                 struct arena *mem, struct err *err)
{
    const struct db_arg args[] = { FILTER_ARGS(filter, kept_ms), DB_INT(filter->limit),
                                   DB_INT(store_offset(filter->page, filter->limit, NUMBERED_MAX)),
                                   DB_TEXT(filter->agent_id) };
    enum by by = index_for(filter);

    return store_all(tx, &store_audit_stmts[LIST + (int)by],
                     (struct db_args){ args, COUNT(args) - (by != BY_AGENT) }, mem, err);
}

int64_t
store_audit_count(struct db_tx *tx, const struct audit_filter *filter, int64_t kept_ms,
                  struct arena *mem, struct err *err)
{
    const struct db_arg args[] = { FILTER_ARGS(filter, kept_ms), DB_TEXT(filter->agent_id) };
    enum by by = index_for(filter);

    return store_number(tx, &store_audit_stmts[COUNT_ALL + (int)by],
                        (struct db_args){ args, COUNT(args) - (by != BY_AGENT) }, mem, err);
}

struct audit_event *
store_audit_find(struct db_tx *tx, const char *org, const char *id, int64_t kept_ms,
                 struct arena *mem, struct err *err)
{
    return db_one(tx, &store_audit_stmts[FIND], DB_ARGS(DB_TEXT(id), DB_TEXT(org), DB_INT(kept_ms)),
                  mem, err);
}
