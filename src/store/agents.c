/* SQL for agents and retired_permanent_ids: columns, clashes, statements; a function for each. */
#include "store/agents.h"

#include "store_priv.h"

static const struct db_col columns[] = {
    { TEXT_AT(struct agent_row, agent.id) },
    { TEXT_AT(struct agent_row, agent.permanent_id) },
    { TEXT_AT(struct agent_row, agent.org_id) },
    { TEXT_AT(struct agent_row, agent.draft.name) },
    { BYTES_AT(struct agent_row, agent.endpoint_url_sealed) },
    { BYTES_AT(struct agent_row, agent.webhook_url_sealed) },
    { BYTES_AT(struct agent_row, agent.endpoint_key_sealed) },
    { BOOL_AT(struct agent_row, agent.endpoint_key_set) },
    { TEXT_AT(struct agent_row, agent.draft.endpoint_key_header) },
    { TEXT_AT(struct agent_row, agent.draft.endpoint_key_scheme) },
    { TEXT_AT(struct agent_row, agent.draft.version_header) },
    { TEXT_AT(struct agent_row, agent.draft.version_value) },
    { TEXT_AT(struct agent_row, agent.draft.version) },
    { TEXT_AT(struct agent_row, agent.draft.license) },
    { TEXT_AT(struct agent_row, agent.draft.programming_language) },
    { TEXTS_AT(struct agent_row, agent.draft.languages) },
    { TEXT_AT(struct agent_row, agent.draft.framework) },
    { TEXTS_AT(struct agent_row, agent.draft.capabilities.task_categories) },
    { TEXTS_AT(struct agent_row, agent.draft.capabilities.input_formats) },
    { TEXTS_AT(struct agent_row, agent.draft.capabilities.output_formats) },
    { TEXTS_AT(struct agent_row, agent.draft.capabilities.models) },
    { INT_AT(struct agent_row, agent.draft.capabilities.requests_per_minute) },
    { JSON_AT(struct agent_row, agent.draft.metadata) },
    { TEXT_AT(struct agent_row, agent.draft.fallback_agent_id) },
    { BOOL_AT(struct agent_row, agent.draft.is_public) },
    { TEXT_AT(struct agent_row, agent.token_hint) },
    { TIME_AT(struct agent_row, agent.token_issued_at) },
    { ENUM_AT(struct agent_row, agent.life) },
    { TIME_AT(struct agent_row, agent.created_at) },
    { TIME_AT(struct agent_row, agent.updated_at) },
    { INT_AT(struct agent_row, agent.row_version) },
    { ENUM_AT(struct agent_row, agent.presence.state) },
    { ENUM_AT(struct agent_row, agent.presence.reason) },
    { TIME_AT(struct agent_row, agent.presence.since) },
    { TIME_AT(struct agent_row, agent.presence.last_activity) },
    { TIME_AT(struct agent_row, agent.presence.last_heartbeat) },
    { TIME_AT(struct agent_row, agent.presence.last_probe) },
    { INT_AT(struct agent_row, created_us) },
};

#define COLUMNS                                                                                    \
    "a.id, a.permanent_id, a.org_id, a.name, a.endpoint_url_sealed, a.webhook_url_sealed,"         \
    " a.endpoint_key_sealed, a.endpoint_key_sealed IS NOT NULL, a.endpoint_key_header,"            \
    " a.endpoint_key_scheme, a.version_header, a.version_value, a.version, a.license,"             \
    " a.programming_language, a.languages, a.framework, a.task_categories, a.input_formats,"       \
    " a.output_formats, a.models, a.requests_per_minute, a.metadata, a.fallback_agent_id,"         \
    " a.is_public, a.token_hint, ms(a.token_issued_at), a.life, ms(a.created_at),"                 \
    " ms(a.updated_at), a.row_version, p.state, p.reason, ms(p.since), ms(p.last_activity),"       \
    " ms(p.last_heartbeat), ms(p.last_probe), us(a.created_at)"

#define SELECT_AGENTS "SELECT " COLUMNS " FROM agents a JOIN presence p ON p.agent_id = a.id"
#define OF_ORG        " WHERE a.org_id = $1::uuid AND (a.id = $2::uuid OR a.permanent_id = $3)"

/* $1 org, $2 and $3 where the page begins, $4 life. The bound is a plain comparison of rows, never
 * "IS NULL OR", so that it is the start of the index scan whatever page is asked for. */
#define BEHIND                                                                                     \
    " WHERE a.org_id = $1::uuid AND (a.created_at, a.id) <"                                        \
    " (coalesce(from_us(nullif($2::bigint, 0)), 'infinity'),"                                      \
    " coalesce($3::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))"
#define OF_LIFE " AND ($4::int = -1 OR a.life = $4::int)"
#define NEWEST  " ORDER BY a.created_at DESC, a.id DESC"
/* $5 category, $6 part of the name, $7 permanent id, $8 UUID: what an index finds. */
#define IN_CATEGORY "($5::text IS NULL OR a.task_categories @> ARRAY[$5::text])"
#define OF_CATEGORY " AND " IN_CATEGORY
#define OF_NAME                                                                                    \
    " AND ($6::text IS NULL OR a.name ILIKE $6::text OR a.permanent_id = $7::text"                 \
    " OR a.id = $8::uuid)"
/* Looked up for each agent, whatever the planner thinks of it. */
#define ITS_PRESENCE " CROSS JOIN LATERAL (SELECT * FROM presence WHERE agent_id = a.id OFFSET 0) p"
/* $9 state: there is no index by it, since heartbeats change it. */
#define OF_STATE                                                                                   \
    " AND ($9::int = -1 OR (SELECT p.state FROM presence p WHERE p.agent_id = a.id) = $9::int)"
/* Of the CTE m, whose order is that of the list: the ids, and when the last of a full page ($10)
 * was created. */
#define IDS                                                                                        \
    "ARRAY(SELECT m.id FROM m),"                                                                   \
    " coalesce((SELECT us(m.created_at) FROM m OFFSET $10::bigint - 1 LIMIT 1), 0)"
#define ONE_MORE " LIMIT $10::bigint + 1"

static const struct db_shape row = DB_SHAPE(struct agent_row, columns);

static const struct db_col lane_columns[] = {
    { UUID_AT(struct agent_lane, id) },
    { UUID_AT(struct agent_lane, org) },
    { UUID_AT(struct agent_lane, fallback) },
    { TEXT_AT(struct agent_lane, permanent_id) },
    { BYTES_AT(struct agent_lane, token_hash) },
    { ENUM_AT(struct agent_lane, life) },
    { ENUM_AT(struct agent_lane, state) },
    { BOOL_AT(struct agent_lane, never_seen) },
    { BYTES_AT(struct agent_lane, endpoint_url_sealed) },
    { BYTES_AT(struct agent_lane, endpoint_key_sealed) },
    { TEXT_AT(struct agent_lane, key_header) },
    { TEXT_AT(struct agent_lane, key_scheme) },
    { TEXT_AT(struct agent_lane, version_header) },
    { TEXT_AT(struct agent_lane, version_value) },
    { BOOL_AT(struct agent_lane, has_instances) },
};

#define SELECT_LANE                                                                                \
    "SELECT a.id, a.org_id, a.fallback_agent_id, a.permanent_id, a.token_hash, a.life, p.state,"   \
    " p.reason = 0, a.endpoint_url_sealed, a.endpoint_key_sealed, a.endpoint_key_header,"          \
    " a.endpoint_key_scheme, a.version_header, a.version_value,"                                   \
    " EXISTS (SELECT FROM instances i WHERE i.agent_id = a.id)"                                    \
    " FROM agents a JOIN presence p ON p.agent_id = a.id"

static const struct db_shape lane_row = DB_SHAPE(struct agent_lane, lane_columns);

static const struct db_col probe_columns[] = {
    { TEXT_AT(struct agent_probe, id) },
    { TEXT_AT(struct agent_probe, org_id) },
    { BYTES_AT(struct agent_probe, endpoint_url_sealed) },
};

static const struct db_shape probe_row = DB_SHAPE(struct agent_probe, probe_columns);

static const struct db_col walk_columns[] = {
    { TEXTS_AT(struct agent_walk, ids) },    { INT_AT(struct agent_walk, edge_us) },
    { INT_AT(struct agent_walk, likely) },   { INT_AT(struct agent_walk, last.created_us) },
    { TEXT_AT(struct agent_walk, last.id) },
};

static const struct db_shape walk_row = DB_SHAPE(struct agent_walk, walk_columns);

struct setting {
    const char *value;
};

static const struct db_col setting_columns[] = {
    { TEXT_AT(struct setting, value) },
};

static const struct db_shape setting_row = DB_SHAPE(struct setting, setting_columns);

/* The organization was deleted while the request was on its way: its credentials are void. */
static const struct db_clash clashes[] = {
    { "agents_org_fkey", ERR_UNAUTHORIZED, "Authorization" },
    { "agents_fallback_fkey", ERR_VALIDATION_ERROR, "fallback_agent_id" },
    { "agents_fallback_ok", ERR_VALIDATION_ERROR, "fallback_agent_id" },
    DB_CLASH_END,
};

_Static_assert(AGENTS_WALK == 500 && AGENTS_FOUND == 1000, "the statements have them as literals");

enum {
    INSERT,
    FIND,
    LOCK,
    SHARE,
    LIST,
    WALK,
    FOUND,
    ROWS,
    UPDATE,
    SET_TOKEN,
    SET_LIFE,
    DELETE,
    LANE,
    LANE_BY_TOKEN,
    PROBES,
    PLAN_EACH,
};

/* clang-format off */
const struct stmt store_agents_stmts[] = {
    /* The length of $1 is hidden from the planner: knowing it, it would plan each time anew. */
    [INSERT] = { "agents_insert",
        "WITH i AS MATERIALIZED (SELECT * FROM unnest((SELECT $1::text[]), $2::text[], $3::text[], "
        "$4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], "
        "$11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], "
        "$17::text[], $18::text[], $19::text[], $20::text[], $21::text[], $22::text[], "
        "$23::text[], $24::text[], $25::text[], $26::text[], $27::text[], $28::text[], "
        "$29::text[], $30::text[], $31::text[]) WITH ORDINALITY AS i"
        " (id, org_id, name, endpoint_url_sealed, webhook_url_sealed, endpoint_key_sealed,"
        " endpoint_key_header, endpoint_key_scheme, version_header, version_value, version,"
        " license, programming_language, languages, framework, task_categories, input_formats,"
        " output_formats, models, requests_per_minute, metadata, fallback_agent_id, is_public,"
        " permanent_id, token_hash, token_hint, event, action, ip, user_agent, event_metadata, n)),"
        " a AS (INSERT INTO agents (id, org_id, name, endpoint_url_sealed, webhook_url_sealed,"
        " endpoint_key_sealed, endpoint_key_header, endpoint_key_scheme, version_header,"
        " version_value, version, license, programming_language, languages, framework,"
        " task_categories, input_formats, output_formats, models, requests_per_minute, metadata,"
        " fallback_agent_id, is_public, permanent_id, token_hash, token_hint)"
        " SELECT id::uuid, org_id::uuid, name, endpoint_url_sealed::bytea,"
        " webhook_url_sealed::bytea, endpoint_key_sealed::bytea, endpoint_key_header,"
        " endpoint_key_scheme, version_header, version_value, version, license,"
        " programming_language, languages::text[], framework, task_categories::text[],"
        " input_formats::text[], output_formats::text[], models::text[],"
        " requests_per_minute::bigint, metadata::json, fallback_agent_id::uuid, is_public::boolean,"
        " permanent_id, token_hash::bytea, token_hint FROM i"
        " WHERE NOT EXISTS (SELECT FROM retired_permanent_ids r"
        " WHERE r.permanent_id = i.permanent_id)"
        " ON CONFLICT (permanent_id) DO NOTHING RETURNING *),"
        " p AS (INSERT INTO presence (agent_id, since)"
        " SELECT id, roster_now() FROM a RETURNING *),"
        STORE_EVENTS
        " SELECT " COLUMNS " FROM i LEFT JOIN (a JOIN p ON p.agent_id = a.id"
        " JOIN e ON e.id = a.id AND e.event IS NOT NULL) ON a.id = i.id::uuid ORDER BY i.n",
        &row, clashes },
    [FIND] = { "agents_find", SELECT_AGENTS OF_ORG, &row },
    [LOCK] = { "agents_lock", SELECT_AGENTS OF_ORG " FOR NO KEY UPDATE OF a", &row },
    [SHARE] = { "agents_share", SELECT_AGENTS OF_ORG " FOR SHARE OF a", &row },
    [LIST] = { "agents_list", SELECT_AGENTS BEHIND NEWEST " LIMIT $4::bigint", &row },
    /* In order, as many as one page looks at, and no further than it takes to fill it. Words ($11)
     * are what an index would have to have found of each name. */
    [WALK] = { "agents_walk",
        "WITH w AS MATERIALIZED (SELECT a.id, a.created_at, a.name, a.permanent_id, " IN_CATEGORY
        " AS fits, a.name ILIKE ALL ($11::text[]) AS likely FROM agents a" BEHIND OF_LIFE NEWEST
        " LIMIT 500),"
        " m AS MATERIALIZED (SELECT a.id, a.created_at FROM w a WHERE a.fits"
        " AND ($6::text IS NULL OR a.likely AND a.name ILIKE $6::text OR a.permanent_id = $7::text"
        " OR a.id = $8::uuid)" OF_STATE ONE_MORE ")"
        " SELECT " IDS ", walked.* FROM (SELECT count(*) FILTER (WHERE fits AND likely),"
        " us(min(created_at)), CASE WHEN count(*) = 500 THEN"
        " (array_agg(id ORDER BY created_at, id))[1] END FROM w"
        " WHERE (SELECT count(*) FROM m) <= $10::bigint) walked",
        &walk_row },
    /* All there is, by the index, and sorted then: what is frequent would take long. */
    [FOUND] = { "agents_found",
        "WITH f AS MATERIALIZED (SELECT a.id, a.created_at FROM agents a" BEHIND OF_LIFE OF_CATEGORY
        OF_NAME " LIMIT 1001),"
        " m AS MATERIALIZED (SELECT a.id, a.created_at FROM f a"
        " WHERE (SELECT count(*) FROM f) <= 1000" OF_STATE NEWEST ONE_MORE ")"
        " SELECT " IDS ", (SELECT count(*) FROM f), 0, NULL::uuid",
        &walk_row },
    [ROWS] = { "agents_rows",
        "SELECT " COLUMNS " FROM agents a" ITS_PRESENCE
        " WHERE a.org_id = $1::uuid AND a.id = ANY ($2::uuid[])" NEWEST,
        &row },
    [UPDATE] = { "agents_update",
        "WITH a AS (UPDATE agents SET name = $3::text, endpoint_url_sealed = $4::bytea,"
        " webhook_url_sealed = $5::bytea, endpoint_key_sealed = $6::bytea,"
        " endpoint_key_header = $7::text, endpoint_key_scheme = $8::text,"
        " version_header = $9::text, version_value = $10::text, version = $11::text,"
        " license = $12::text, programming_language = $13::text, languages = $14::text[],"
        " framework = $15::text, task_categories = $16::text[], input_formats = $17::text[],"
        " output_formats = $18::text[], models = $19::text[], requests_per_minute = $20::bigint,"
        " metadata = $21::json, fallback_agent_id = $22::uuid, is_public = $23::boolean,"
        " row_version = row_version + 1, updated_at = now()"
        " WHERE id = $1::uuid AND org_id = $2::uuid RETURNING *)"
        " SELECT " COLUMNS " FROM a JOIN presence p ON p.agent_id = a.id",
        &row, clashes },
    [SET_TOKEN] = { "agents_set_token",
        "WITH a AS (UPDATE agents SET token_hash = $3::bytea, token_hint = $4::text,"
        " token_issued_at = now(), row_version = row_version + 1, updated_at = now()"
        " WHERE id = $1::uuid AND org_id = $2::uuid RETURNING *)"
        " SELECT " COLUMNS " FROM a JOIN presence p ON p.agent_id = a.id",
        &row },
    [SET_LIFE] = { "agents_set_life",
        "WITH a AS (UPDATE agents SET life = $3::smallint,"
        " row_version = row_version + 1, updated_at = now()"
        " WHERE id = $1::uuid AND org_id = $2::uuid RETURNING *)"
        " SELECT " COLUMNS " FROM a JOIN presence p ON p.agent_id = a.id",
        &row },
    [DELETE] = { "agents_delete",
        "WITH gone AS (DELETE FROM agents WHERE id = $1::uuid AND org_id = $2::uuid"
        " RETURNING id, org_id, permanent_id)"
        " INSERT INTO retired_permanent_ids (permanent_id, org_id, agent_id)"
        " SELECT permanent_id, org_id, id FROM gone" },
    [LANE] = { "agents_lane", SELECT_LANE " WHERE a.id = $1::uuid", &lane_row },
    [LANE_BY_TOKEN] = { "agents_lane_by_token",
        SELECT_LANE " WHERE a.token_hash = $1::bytea", &lane_row },
    [PROBES] = { "agents_probes",
        "SELECT id, org_id, endpoint_url_sealed FROM agents"
        " WHERE probe_slot = $1::smallint AND endpoint_url_sealed IS NOT NULL AND life = 0"
        " AND id > coalesce($2::uuid, '00000000-0000-0000-0000-000000000000')"
        " ORDER BY id LIMIT $3::bigint",
        &probe_row },
    [PLAN_EACH] = { "agents_plan_each",
        "SELECT set_config('plan_cache_mode', 'force_custom_plan', true)", &setting_row },
    STMT_END,
};
/* clang-format on */

/* $1–$23 of INSERT and UPDATE. */
#define DRAFT_ARGS(a)                                                                              \
    DB_TEXT((a)->id), DB_TEXT((a)->org_id), DB_TEXT((a)->draft.name),                              \
        DB_BYTES((a)->endpoint_url_sealed), DB_BYTES((a)->webhook_url_sealed),                     \
        DB_BYTES((a)->endpoint_key_sealed), DB_TEXT((a)->draft.endpoint_key_header),               \
        DB_TEXT((a)->draft.endpoint_key_scheme), DB_TEXT((a)->draft.version_header),               \
        DB_TEXT((a)->draft.version_value), DB_TEXT((a)->draft.version),                            \
        DB_TEXT((a)->draft.license), DB_TEXT((a)->draft.programming_language),                     \
        DB_TEXTS(&(a)->draft.languages), DB_TEXT((a)->draft.framework),                            \
        DB_TEXTS(&(a)->draft.capabilities.task_categories),                                        \
        DB_TEXTS(&(a)->draft.capabilities.input_formats),                                          \
        DB_TEXTS(&(a)->draft.capabilities.output_formats),                                         \
        DB_TEXTS(&(a)->draft.capabilities.models),                                                 \
        DB_INT((a)->draft.capabilities.requests_per_minute), DB_TEXT((a)->draft.metadata),         \
        DB_TEXT((a)->draft.fallback_agent_id), DB_BOOL((a)->draft.is_public)

static struct db_each
insert_args(const struct agent_new *fresh, struct arena *mem)
{
    const struct agent *agent = fresh->agent;
    const struct db_args args =
        DB_ARGS(DRAFT_ARGS(agent), DB_TEXT(agent->permanent_id), DB_BYTES(fresh->token_hash),
                DB_TEXT(agent->token_hint), STORE_EVENT_ARGS(fresh->event));

    return (struct db_each){ db_args_keep(args, mem), fresh->mem, NULL };
}

bool
store_agents_insert(struct db_tx *tx, struct agent_new *const *fresh, size_t n, struct arena *mem,
                    struct err *err)
{
    struct db_each *rows = arena_alloc(mem, n * sizeof *rows);

    for (size_t i = 0; i < n; i++)
        rows[i] = insert_args(fresh[i], mem);
    if (!db_each(tx, &store_agents_stmts[INSERT], rows, n, mem, err))
        return false;
    for (size_t i = 0; i < n; i++) {
        struct agent_row *inserted = rows[i].row;

        fresh[i]->row = inserted->agent.id == NULL ? NULL : inserted;
    }
    return true;
}

static struct agent_row *
one_of_org(struct db_tx *tx, int which, const char *org, struct agent_key key, struct arena *mem,
           struct err *err)
{
    return db_one(tx, &store_agents_stmts[which],
                  DB_ARGS(DB_TEXT(org), DB_TEXT(key.uuid), DB_TEXT(key.permanent_id)), mem, err);
}

struct agent_row *
store_agents_find(struct db_tx *tx, const char *org, struct agent_key key, struct arena *mem,
                  struct err *err)
{
    return one_of_org(tx, FIND, org, key, mem, err);
}

struct agent_row *
store_agents_lock(struct db_tx *tx, const char *org, struct agent_key key, struct arena *mem,
                  struct err *err)
{
    return one_of_org(tx, LOCK, org, key, mem, err);
}

struct agent_row *
store_agents_share(struct db_tx *tx, const char *org, struct agent_key key, struct arena *mem,
                   struct err *err)
{
    return one_of_org(tx, SHARE, org, key, mem, err);
}

bool
store_agents_plan_each(struct db_tx *tx, struct arena *mem, struct err *err)
{
    return db_exec(tx, &store_agents_stmts[PLAN_EACH], DB_NO_ARGS, mem, err) >= 0;
}

struct list *
store_agents_list(struct db_tx *tx, const char *org, const struct agent_after *after, int64_t limit,
                  struct arena *mem, struct err *err)
{
    return store_all(
        tx, &store_agents_stmts[LIST],
        DB_ARGS(DB_TEXT(org), DB_INT(after->created_us), DB_TEXT(after->id), DB_INT(limit)), mem,
        err);
}

/* $1–$10; q of the filter as a pattern, and as an id if it is one. */
#define SEARCH_ARGS(s, pattern, uuid)                                                              \
    DB_TEXT((s)->org), DB_INT((s)->after.created_us), DB_TEXT((s)->after.id),                      \
        DB_INT((s)->filter.life), DB_TEXT((s)->filter.task_category), DB_TEXT(pattern),            \
        DB_TEXT((s)->filter.q), DB_TEXT(uuid), DB_INT((s)->filter.status),                         \
        DB_INT((s)->filter.limit)

static const char *
pattern_of(const struct agent_search *s, struct arena *mem)
{
    return s->filter.q == NULL ? NULL : store_pattern(s->filter.q, mem);
}

static const char *
id_of(const struct agent_search *s)
{
    struct uuid uuid;

    return s->filter.q != NULL && ids_uuid_read(s->filter.q, &uuid) ? s->filter.q : NULL;
}

struct agent_walk *
store_agents_walk(struct db_tx *tx, const struct agent_search *s, const struct texts *words,
                  struct arena *mem, struct err *err)
{
    const struct texts patterns = store_patterns(words, mem);

    return db_one(tx, &store_agents_stmts[WALK],
                  DB_ARGS(SEARCH_ARGS(s, pattern_of(s, mem), id_of(s)), DB_TEXTS(&patterns)), mem,
                  err);
}

struct agent_walk *
store_agents_found(struct db_tx *tx, const struct agent_search *s, struct arena *mem,
                   struct err *err)
{
    return db_one(tx, &store_agents_stmts[FOUND],
                  DB_ARGS(SEARCH_ARGS(s, pattern_of(s, mem), id_of(s))), mem, err);
}

struct list *
store_agents_rows(struct db_tx *tx, const char *org, const struct texts *ids, struct arena *mem,
                  struct err *err)
{
    return store_all(tx, &store_agents_stmts[ROWS], DB_ARGS(DB_TEXT(org), DB_TEXTS(ids)), mem, err);
}

struct agent_row *
store_agents_update(struct db_tx *tx, const struct agent *agent, struct arena *mem, struct err *err)
{
    return db_one(tx, &store_agents_stmts[UPDATE], DB_ARGS(DRAFT_ARGS(agent)), mem, err);
}

struct agent_row *
store_agents_set_token(struct db_tx *tx, const struct agent *agent, struct bytes token_hash,
                       struct arena *mem, struct err *err)
{
    return db_one(tx, &store_agents_stmts[SET_TOKEN],
                  DB_ARGS(DB_TEXT(agent->id), DB_TEXT(agent->org_id), DB_BYTES(token_hash),
                          DB_TEXT(agent->token_hint)),
                  mem, err);
}

struct agent_row *
store_agents_set_life(struct db_tx *tx, const struct agent *agent, int life, struct arena *mem,
                      struct err *err)
{
    return db_one(tx, &store_agents_stmts[SET_LIFE],
                  DB_ARGS(DB_TEXT(agent->id), DB_TEXT(agent->org_id), DB_INT(life)), mem, err);
}

bool
store_agents_delete(struct db_tx *tx, const struct agent *agent, struct arena *mem, struct err *err)
{
    return db_exec(tx, &store_agents_stmts[DELETE],
                   DB_ARGS(DB_TEXT(agent->id), DB_TEXT(agent->org_id)), mem, err) >= 0;
}

struct agent_lane *
store_agents_lane(struct db_tx *tx, const struct uuid *id, struct arena *mem, struct err *err)
{
    return db_one(tx, &store_agents_stmts[LANE], DB_ARGS(DB_UUID(id)), mem, err);
}

struct agent_lane *
store_agents_lane_by_token(struct db_tx *tx, struct bytes token_hash, struct arena *mem,
                           struct err *err)
{
    return db_one(tx, &store_agents_stmts[LANE_BY_TOKEN], DB_ARGS(DB_BYTES(token_hash)), mem, err);
}

struct list *
store_agents_probes(struct db_tx *tx, int slot, const char *after, int64_t limit, struct arena *mem,
                    struct err *err)
{
    return store_all(tx, &store_agents_stmts[PROBES],
                     DB_ARGS(DB_INT(slot), DB_TEXT(after), DB_INT(limit)), mem, err);
}
