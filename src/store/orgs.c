/* SQL for organizations and organization_members. */
#include "store/orgs.h"

#include "store_priv.h"

static const struct db_col columns[] = {
    { TEXT_AT(struct org_row, id) },
    { TEXT_AT(struct org_row, slug) },
    { TEXT_AT(struct org_row, name) },
};

static const struct db_shape row = DB_SHAPE(struct org_row, columns);

static const struct db_col org_columns[] = {
    { TEXT_AT(struct org, id) },
    { TEXT_AT(struct org, draft.name) },
    { TEXT_AT(struct org, draft.slug) },
    { ENUM_AT(struct org, draft.plan) },
    { INT_AT(struct org, draft.max_agents) },
    { INT_AT(struct org, draft.max_tokens_per_month) },
    { ENUM_AT(struct org, draft.state) },
    { TIME_AT(struct org, created_at) },
    { TIME_AT(struct org, updated_at) },
};

#define COLUMNS                                                                                    \
    "id, name, slug, plan_tier, max_agents, max_tokens_per_month, state, ms(created_at),"          \
    " ms(updated_at)"
#define SELECT_ORG "SELECT " COLUMNS " FROM organizations WHERE id = $1::uuid AND state <> 2"

/* $1 state, -1: all but the deleted ones. */
#define LIST_FILTER " FROM organizations WHERE ($1::int = -1 AND state <> 2 OR state = $1::int)"

static const struct db_shape org_row = DB_SHAPE(struct org, org_columns);

struct count {
    int64_t n;
};

static const struct db_col count_columns[] = {
    { INT_AT(struct count, n) },
};

static const struct db_shape count_row = DB_SHAPE(struct count, count_columns);

static const struct db_col usage_columns[] = {
    { ENUM_AT(struct org_usage, plan) },
    { INT_AT(struct org_usage, max_agents) },
    { INT_AT(struct org_usage, max_tokens_per_month) },
    { INT_AT(struct org_usage, agents) },
    { INT_AT(struct org_usage, tokens) },
};

static const struct db_shape usage_row = DB_SHAPE(struct org_usage, usage_columns);

static const struct db_col key_columns[] = {
    { UUID_AT(struct org_key, id) },
};

static const struct db_shape key_row = DB_SHAPE(struct org_key, key_columns);

static const struct db_col member_columns[] = {
    { TEXT_AT(struct member, org_id) },
    { TEXT_AT(struct member, agent_id) },
    { ENUM_AT(struct member, role) },
    { TIME_AT(struct member, joined_at) },
};

static const struct db_shape member_row = DB_SHAPE(struct member, member_columns);

static const struct db_clash member_clashes[] = {
    { "organization_members_pkey", ERR_ALREADY_MEMBER, NULL },
    { "organization_members_agent_fkey", ERR_AGENT_NOT_FOUND, "agentId" },
    DB_CLASH_END,
};

enum {
    FIND,
    INSERT,
    GET,
    GET_SHARE,
    GET_LOCK,
    LIST,
    COUNT_ALL,
    UPDATE,
    USAGE,
    KEYS,
    REVOKE_KEYS,
    JOIN,
    DISBAND,
};

/* clang-format off */
const struct stmt store_orgs_stmts[] = {
    [FIND] = { "orgs_find",
        "SELECT id, slug, name FROM organizations"
        " WHERE (id = $1::uuid OR slug = $2::text) AND state <> 2",
        &row },
    [INSERT] = { "orgs_insert",
        "INSERT INTO organizations (id, name, slug, plan_tier, max_agents, max_tokens_per_month)"
        " VALUES ($1::uuid, $2::text, $3::text, $4::smallint, $5::bigint, $6::bigint)"
        " ON CONFLICT (slug) DO NOTHING RETURNING " COLUMNS,
        &org_row },
    [GET] = { "orgs_get", SELECT_ORG, &org_row },
    [GET_SHARE] = { "orgs_share", SELECT_ORG " FOR KEY SHARE", &org_row },
    /* Stronger than the change needs: it keeps out those that insert a reference to the row. */
    [GET_LOCK] = { "orgs_lock", SELECT_ORG " FOR UPDATE", &org_row },
    [LIST] = { "orgs_list",
        "SELECT " COLUMNS LIST_FILTER
        " ORDER BY created_at DESC, id DESC LIMIT $2::bigint OFFSET $3::bigint",
        &org_row },
    [COUNT_ALL] = { "orgs_count", "SELECT count(*)" LIST_FILTER, &count_row },
    [UPDATE] = { "orgs_update",
        "UPDATE organizations SET name = $2::text, plan_tier = $3::smallint,"
        " max_agents = $4::bigint, max_tokens_per_month = $5::bigint, state = $6::smallint,"
        " updated_at = now() WHERE id = $1::uuid RETURNING " COLUMNS,
        &org_row },
    [USAGE] = { "orgs_usage",
        "SELECT o.plan_tier, o.max_agents, o.max_tokens_per_month,"
        " " STORE_LIVING("o.id") ","
        " (SELECT coalesce(sum(t.issued), 0)::bigint FROM token_counts t"
        "  JOIN agents a ON a.id = t.agent_id WHERE a.org_id = o.id"
        "  AND t.month = date_trunc('month', roster_now() AT TIME ZONE 'UTC')::date)"
        " FROM organizations o WHERE o.id = $1::uuid",
        &usage_row },
    [KEYS] = { "orgs_keys",
        "SELECT id FROM api_keys WHERE org_id = $1::uuid AND revoked_at IS NULL", &key_row },
    [REVOKE_KEYS] = { "orgs_revoke_keys",
        "UPDATE api_keys SET revoked_at = now()"
        " WHERE org_id = $1::uuid AND revoked_at IS NULL RETURNING id",
        &key_row },
    [JOIN] = { "orgs_join",
        "INSERT INTO organization_members (org_id, agent_id, role)"
        " SELECT $1::uuid, id, $3::smallint FROM agents WHERE id = $2::uuid AND life <> 2"
        " RETURNING org_id, agent_id, role, ms(joined_at)",
        &member_row, member_clashes },
    [DISBAND] = { "orgs_disband", "DELETE FROM organization_members WHERE org_id = $1::uuid" },
    STMT_END,
};
/* clang-format on */

struct org_row *
store_orgs_find(struct db_tx *tx, const char *id, const char *slug, struct arena *mem,
                struct err *err)
{
    return db_one(tx, &store_orgs_stmts[FIND], DB_ARGS(DB_TEXT(id), DB_TEXT(slug)), mem, err);
}

struct org *
store_orgs_insert(struct db_tx *tx, const char *id, const struct org_draft *draft,
                  struct arena *mem, struct err *err)
{
    return db_one(tx, &store_orgs_stmts[INSERT],
                  DB_ARGS(DB_TEXT(id), DB_TEXT(draft->name), DB_TEXT(draft->slug),
                          DB_INT(draft->plan), DB_INT(draft->max_agents),
                          DB_INT(draft->max_tokens_per_month)),
                  mem, err);
}

struct org *
store_orgs_get(struct db_tx *tx, const char *id, enum org_hold hold, struct arena *mem,
               struct err *err)
{
    static const int which[] = {
        [ORG_READ] = GET,
        [ORG_SHARE] = GET_SHARE,
        [ORG_LOCK] = GET_LOCK,
    };

    return db_one(tx, &store_orgs_stmts[which[hold]], DB_ARGS(DB_TEXT(id)), mem, err);
}

struct list *
store_orgs_list(struct db_tx *tx, const struct org_filter *filter, struct arena *mem,
                struct err *err)
{
    return store_all(tx, &store_orgs_stmts[LIST],
                     DB_ARGS(DB_INT(filter->state), DB_INT(filter->limit),
                             DB_INT((filter->page - 1) * filter->limit)),
                     mem, err);
}

int64_t
store_orgs_count(struct db_tx *tx, const struct org_filter *filter, struct arena *mem,
                 struct err *err)
{
    const struct count *count =
        db_one(tx, &store_orgs_stmts[COUNT_ALL], DB_ARGS(DB_INT(filter->state)), mem, err);

    return count == NULL ? -1 : count->n;
}

struct org *
store_orgs_update(struct db_tx *tx, const struct org *org, struct arena *mem, struct err *err)
{
    const struct org_draft *draft = &org->draft;

    return db_one(tx, &store_orgs_stmts[UPDATE],
                  DB_ARGS(DB_TEXT(org->id), DB_TEXT(draft->name), DB_INT(draft->plan),
                          DB_INT(draft->max_agents), DB_INT(draft->max_tokens_per_month),
                          DB_INT(draft->state)),
                  mem, err);
}

struct org_usage *
store_orgs_usage(struct db_tx *tx, const char *id, struct arena *mem, struct err *err)
{
    return db_one(tx, &store_orgs_stmts[USAGE], DB_ARGS(DB_TEXT(id)), mem, err);
}

struct list *
store_orgs_keys(struct db_tx *tx, const char *id, struct arena *mem, struct err *err)
{
    return store_all(tx, &store_orgs_stmts[KEYS], DB_ARGS(DB_TEXT(id)), mem, err);
}

struct list *
store_orgs_revoke_keys(struct db_tx *tx, const char *id, struct arena *mem, struct err *err)
{
    return store_all(tx, &store_orgs_stmts[REVOKE_KEYS], DB_ARGS(DB_TEXT(id)), mem, err);
}

struct member *
store_orgs_join(struct db_tx *tx, const char *id, const struct member_draft *draft,
                struct arena *mem, struct err *err)
{
    return db_one(tx, &store_orgs_stmts[JOIN],
                  DB_ARGS(DB_TEXT(id), DB_TEXT(draft->agent_id), DB_INT(draft->role)), mem, err);
}

bool
store_orgs_disband(struct db_tx *tx, const char *id, struct arena *mem, struct err *err)
{
    return db_exec(tx, &store_orgs_stmts[DISBAND], DB_ARGS(DB_TEXT(id)), mem, err) >= 0;
}
