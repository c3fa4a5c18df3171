/* SQL for agents as identities. Agents of other dialects have standard values where they declared
 * none, so that every agent can be drawn. */
#include "store/identities.h"

#include "store_priv.h"

static const struct db_col columns[] = {
    { TEXT_AT(struct identity, id) },
    { TEXT_AT(struct identity, org_id) },
    { TEXT_AT(struct identity, permanent_id) },
    { TEXT_AT(struct identity, email) },
    { ENUM_AT(struct identity, type) },
    { TEXT_AT(struct identity, version) },
    { TEXTS_AT(struct identity, capabilities) },
    { TEXT_AT(struct identity, owner) },
    { ENUM_AT(struct identity, env) },
    { ENUM_AT(struct identity, life) },
    { ENUM_AT(struct identity, status) },
    { BOOL_AT(struct identity, is_public) },
    { TIME_AT(struct identity, created_at) },
    { TIME_AT(struct identity, updated_at) },
};

/* enum identity_status from enum agent_life. */
#define STATUS "CASE life WHEN 0 THEN 0 WHEN 2 THEN 2 ELSE 1 END"

#define COLUMNS                                                                                    \
    "id, org_id, permanent_id, coalesce(email, permanent_id || '@agents.invalid'),"                \
    " coalesce(agent_type, 7), coalesce(version, '0.0.0'), scopes, coalesce(owner, ''),"           \
    " coalesce(deployment_env, 2), life, " STATUS ", is_public, ms(created_at), ms(updated_at)"

/* $1 org, $2 owner, $3 type, $4 status: planned for these, each filter has an index in the order of
 * the list. */
#define FILTER                                                                                     \
    " FROM agents WHERE org_id = $1::uuid AND ($2::text IS NULL OR owner = $2::text)"              \
    " AND ($3::int = -1 OR coalesce(agent_type, 7) = $3::int)"                                     \
    " AND ($4::int <> 0 OR life = 0) AND ($4::int <> 1 OR life IN (1, 3))"                         \
    " AND ($4::int <> 2 OR life = 2)"
#define NEWEST " ORDER BY created_at DESC, id DESC"

/* The length of $1 is hidden from the planner: knowing it, it would plan each time anew. */
#define INSERT_ROWS(conflict)                                                                      \
    "WITH i AS MATERIALIZED (SELECT * FROM unnest((SELECT $1::text[]), $2::text[], $3::text[],"    \
    " $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],"        \
    " $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[])"               \
    " WITH ORDINALITY AS i (id, org_id, permanent_id, email, token_hash, token_hint, agent_type,"  \
    " version, scopes, owner, deployment_env, event, action, ip, user_agent, event_metadata, n))," \
    " o AS MATERIALIZED (SELECT o.id, o.max_agents - " STORE_LIVING(                               \
        "o.id") " AS room"                                                                         \
                " FROM organizations o WHERE o.id IN (SELECT org_id::uuid FROM i) AND o.state = "  \
                "0),"                                                                              \
                " a AS (INSERT INTO agents (id, org_id, permanent_id, name, token_hash, "          \
                "token_hint, email,"                                                               \
                " agent_type, version, scopes, owner, deployment_env)"                             \
                " SELECT i.id::uuid, o.id, permanent_id, email, token_hash::bytea, token_hint, "   \
                "email,"                                                                           \
                " agent_type::smallint, version, scopes::text[], owner, deployment_env::smallint"  \
                " FROM (SELECT *, row_number() OVER (PARTITION BY org_id ORDER BY n) AS place "    \
                "FROM i) i"                                                                        \
                " JOIN o ON o.id = i.org_id::uuid WHERE place <= room AND NOT EXISTS"              \
                " (SELECT FROM retired_permanent_ids r WHERE r.permanent_id = i.permanent_id)"     \
                " ON CONFLICT " conflict " DO NOTHING RETURNING *),"                               \
                " p AS (INSERT INTO presence (agent_id, since) SELECT id, roster_now() FROM "      \
                "a)," STORE_EVENTS " SELECT r.* FROM i LEFT JOIN LATERAL (SELECT " COLUMNS         \
                " FROM a JOIN e USING (id)"                                                        \
                " WHERE id = i.id::uuid AND event IS NOT NULL) r ON true ORDER BY n"

static const struct db_shape row = DB_SHAPE(struct identity, columns);

static const struct db_col caps_columns[] = {
    { INT_AT(struct org_caps, max_agents) },
    { ENUM_AT(struct org_caps, state) },
};

static const struct db_shape caps_row = DB_SHAPE(struct org_caps, caps_columns);

static const struct db_clash clashes[] = {
    { "agents_email_key", ERR_AGENT_ALREADY_EXISTS, "email" },
    { "agents_org_fkey", ERR_UNAUTHORIZED, "Authorization" },
    DB_CLASH_END,
};

enum {
    CAPS,
    ENTER,
    INSERT,
    INSERT_MANY,
    COUNT_LIVING,
    FIND,
    LOCK,
    LIST,
    COUNT_ALL,
    COUNT_FOUND,
    UPDATE,
    RETIRE_SECRETS,
    FOLD,
};

/* clang-format off */
const struct stmt store_identities_stmts[] = {
    [CAPS] = { "identities_caps",
        "WITH o AS MATERIALIZED (SELECT max_agents, state"
        " FROM organizations WHERE id = $1::uuid AND state <> 2 FOR KEY SHARE)"
        " SELECT max_agents, state FROM o WHERE agents_enter($1::uuid, true)",
        &caps_row },
    /* In order, so that two who enter several do not wait for each other. */
    [ENTER] = { "identities_enter",
        "SELECT count(agents_enter(org, true))"
        " FROM (SELECT DISTINCT org FROM unnest($1::text[]::uuid[]) org ORDER BY org) orgs",
        &store_number_row },
    [INSERT] = { "identities_insert", INSERT_ROWS("(permanent_id)"), &row, clashes },
    [INSERT_MANY] = { "identities_insert_many", INSERT_ROWS(""), &row, clashes },
    [COUNT_LIVING] = { "identities_count_living",
        "SELECT " STORE_LIVING("$1::uuid"), &store_number_row },
    [FIND] = { "identities_find", "SELECT " COLUMNS " FROM agents WHERE id = $1::uuid", &row },
    [LOCK] = { "identities_lock",
        "SELECT " COLUMNS " FROM agents WHERE id = $1::uuid FOR NO KEY UPDATE", &row },
    /* What lies before the page is passed over in the index. */
    [LIST] = { "identities_list",
        "SELECT " COLUMNS " FROM (SELECT id AS one" FILTER NEWEST
        " LIMIT $5::bigint OFFSET $6::bigint) p JOIN agents ON id = one" NEWEST,
        &row },
    [COUNT_ALL] = { "identities_count",
        "SELECT least(100000, " STORE_LIVING("$1::uuid") " + (SELECT count(*) FROM"
        " (SELECT FROM agents WHERE org_id = $1::uuid AND life = 2 LIMIT 100000) revoked))",
        &store_number_row },
    [COUNT_FOUND] = { "identities_count_found",
        "SELECT count(*) FROM (SELECT" FILTER " LIMIT 10000) found", &store_number_row },
    [UPDATE] = { "identities_update",
        "UPDATE agents SET agent_type = $2::smallint, version = $3::text, scopes = $4::text[],"
        " owner = $5::text, deployment_env = $6::smallint, row_version = row_version + 1,"
        " updated_at = now() WHERE id = $1::uuid RETURNING " COLUMNS,
        &row },
    [RETIRE_SECRETS] = { "identities_retire_secrets",
        "UPDATE credentials SET revoked_at = now() WHERE agent_id = $1::uuid"
        " AND revoked_at IS NULL" },
    [FOLD] = { "identities_fold",
        "WITH d AS (DELETE FROM agent_deltas WHERE ctid IN (SELECT ctid FROM agent_deltas"
        " LIMIT $1::bigint FOR UPDATE SKIP LOCKED) RETURNING org_id, living),"
        " c AS (INSERT INTO agent_counts (org_id, living)"
        " SELECT org_id, sum(living) FROM d GROUP BY org_id ORDER BY org_id"
        " ON CONFLICT (org_id) DO UPDATE SET living = agent_counts.living + excluded.living)"
        " SELECT count(*) FROM d",
        &store_number_row },
    STMT_END,
};
/* clang-format on */

_Static_assert(NUMBERED_MAX == 100000 && COUNTED_MAX == 10000, "the statements have them");

static int64_t
counted(struct db_tx *tx, int which, struct db_args args, struct arena *mem, struct err *err)
{
    return store_number(tx, &store_identities_stmts[which], args, mem, err);
}

struct org_caps *
store_identities_caps(struct db_tx *tx, const char *org, struct arena *mem, struct err *err)
{
    return db_one(tx, &store_identities_stmts[CAPS], DB_ARGS(DB_TEXT(org)), mem, err);
}

bool
store_identities_enter(struct db_tx *tx, const struct texts *orgs, struct arena *mem,
                       struct err *err)
{
    return counted(tx, ENTER, DB_ARGS(DB_TEXTS(orgs)), mem, err) >= 0;
}

static struct db_each
insert_args(const struct identity_new *fresh, struct arena *mem)
{
    const struct identity *i = fresh->identity;
    const struct db_args args =
        DB_ARGS(DB_TEXT(i->id), DB_TEXT(i->org_id), DB_TEXT(i->permanent_id), DB_TEXT(i->email),
                DB_BYTES(fresh->token_hash), DB_TEXT(fresh->token_hint), DB_INT(i->type),
                DB_TEXT(i->version), DB_TEXTS(&i->capabilities), DB_TEXT(i->owner), DB_INT(i->env),
                STORE_EVENT_ARGS(fresh->event));

    return (struct db_each){ db_args_keep(args, mem), fresh->mem, NULL };
}

static bool
insert(struct db_tx *tx, int which, struct identity_new *const *fresh, size_t n, struct arena *mem,
       struct err *err)
{
    struct db_each *rows = arena_alloc(mem, n * sizeof *rows);

    for (size_t i = 0; i < n; i++)
        rows[i] = insert_args(fresh[i], mem);
    if (!db_each(tx, &store_identities_stmts[which], rows, n, mem, err))
        return false;
    for (size_t i = 0; i < n; i++) {
        struct identity *inserted = rows[i].row;

        fresh[i]->row = inserted->id == NULL ? NULL : inserted;
    }
    return true;
}

bool
store_identities_insert(struct db_tx *tx, struct identity_new *fresh, struct arena *mem,
                        struct err *err)
{
    return insert(tx, INSERT, &fresh, 1, mem, err);
}

bool
store_identities_insert_many(struct db_tx *tx, struct identity_new *const *fresh, size_t n,
                             struct arena *mem, struct err *err)
{
    return insert(tx, INSERT_MANY, fresh, n, mem, err);
}

int64_t
store_identities_count_living(struct db_tx *tx, const char *org, struct arena *mem, struct err *err)
{
    return counted(tx, COUNT_LIVING, DB_ARGS(DB_TEXT(org)), mem, err);
}

int64_t
store_identities_fold(struct db_tx *tx, int64_t most, struct arena *mem, struct err *err)
{
    return counted(tx, FOLD, DB_ARGS(DB_INT(most)), mem, err);
}

struct identity *
store_identities_find(struct db_tx *tx, const char *id, struct arena *mem, struct err *err)
{
    return db_one(tx, &store_identities_stmts[FIND], DB_ARGS(DB_TEXT(id)), mem, err);
}

struct identity *
store_identities_lock(struct db_tx *tx, const char *id, struct arena *mem, struct err *err)
{
    return db_one(tx, &store_identities_stmts[LOCK], DB_ARGS(DB_TEXT(id)), mem, err);
}

struct list *
store_identities_list(struct db_tx *tx, const char *org, const struct identity_filter *filter,
                      struct arena *mem, struct err *err)
{
    return store_all(tx, &store_identities_stmts[LIST],
                     DB_ARGS(DB_TEXT(org), DB_TEXT(filter->owner), DB_INT(filter->type),
                             DB_INT(filter->status), DB_INT(filter->limit),
                             DB_INT(store_offset(filter->page, filter->limit, NUMBERED_MAX))),
                     mem, err);
}

int64_t
store_identities_count(struct db_tx *tx, const char *org, const struct identity_filter *filter,
                       struct arena *mem, struct err *err)
{
    if (filter->owner == NULL && filter->type == -1 && filter->status == -1)
        return counted(tx, COUNT_ALL, DB_ARGS(DB_TEXT(org)), mem, err);
    return counted(
        tx, COUNT_FOUND,
        DB_ARGS(DB_TEXT(org), DB_TEXT(filter->owner), DB_INT(filter->type), DB_INT(filter->status)),
        mem, err);
}

struct identity *
store_identities_update(struct db_tx *tx, const struct identity *identity, struct arena *mem,
                        struct err *err)
{
    return db_one(tx, &store_identities_stmts[UPDATE],
                  DB_ARGS(DB_TEXT(identity->id), DB_INT(identity->type), DB_TEXT(identity->version),
                          DB_TEXTS(&identity->capabilities), DB_TEXT(identity->owner),
                          DB_INT(identity->env)),
                  mem, err);
}

bool
store_identities_retire_secrets(struct db_tx *tx, const char *id, struct arena *mem,
                                struct err *err)
{
    return db_exec(tx, &store_identities_stmts[RETIRE_SECRETS], DB_ARGS(DB_TEXT(id)), mem, err) >=
           0;
}
