/* SQL for the public catalogue. Lists are bounded inside, by a constant that the planner sees: so
 * they read the index of public agents in order and stop, whatever page is asked for. It has all
 * that decides who is shown; organizations that are not active are few, and are looked up once. */
#include "store/market.h"

#include "store_priv.h"

static const struct db_col columns[] = {
    { TEXT_AT(struct card, id) },           { ENUM_AT(struct card, type) },
    { TEXT_AT(struct card, version) },      { TEXTS_AT(struct card, capabilities) },
    { TEXT_AT(struct card, owner) },        { ENUM_AT(struct card, env) },
    { TIME_AT(struct card, published_at) }, { TEXT_AT(struct card, email) },
};

/* As store/identities.c draws agents that other dialects registered. */
#define COLUMNS                                                                                    \
    "a.id, coalesce(a.agent_type, 7), coalesce(a.version, '0.0.0'), a.scopes,"                     \
    " coalesce(a.owner, ''), coalesce(a.deployment_env, 2), ms(a.created_at),"                     \
    " coalesce(a.email, a.permanent_id || '@agents.invalid')"
#define PUBLIC                                                                                     \
    " FROM agents a WHERE a.is_public AND a.life = 0"                                              \
    " AND a.org_id NOT IN (SELECT id FROM organizations WHERE state <> 0)"
/* The same expression as the index agents_public_words has; $3 a pattern. */
#define WORDS   "market_words(a.agent_type, a.owner, a.scopes)"
#define MATCHES " AND " WORDS " ILIKE $3::text"
#define NEWEST  " ORDER BY a.created_at DESC, a.id DESC"
/* What a search finds (the CTE m): how many, and the ids of one page. */
#define FOUND                                                                                      \
    " SELECT (SELECT count(*) FROM m), ARRAY(SELECT a.id FROM m a" NEWEST                          \
    " LIMIT $1::bigint OFFSET $2::bigint)"

static const struct db_shape row = DB_SHAPE(struct card, columns);

static const struct db_col found_columns[] = {
    { INT_AT(struct market_found, total) },
    { TEXTS_AT(struct market_found, ids) },
};

static const struct db_shape found_row = DB_SHAPE(struct market_found, found_columns);

enum { GET, ROWS, LIKELY, FIND_ALL, FIND_RARE, FIND_LATE };

/* clang-format off */
const struct stmt store_market_stmts[] = {
    [GET] = { "market_get", "SELECT " COLUMNS PUBLIC " AND a.id = $1::uuid", &row },
    [ROWS] = { "market_rows", "SELECT " COLUMNS PUBLIC " AND a.id = ANY ($1::uuid[])" NEWEST,
        &row },
    [LIKELY] = { "market_likely",
        "SELECT count(*) FROM (SELECT a.*" PUBLIC NEWEST " LIMIT 500) a"
        " WHERE " WORDS " ILIKE ALL ($1::text[])",
        &store_number_row },
    [FIND_ALL] = { "market_find_all",
        "SELECT (SELECT count(*) FROM (SELECT" PUBLIC " LIMIT 10000) a),"
        " ARRAY(SELECT a.id FROM (SELECT a.id, a.created_at" PUBLIC NEWEST " LIMIT 10000) a" NEWEST
        " LIMIT $1::bigint OFFSET $2::bigint)",
        &found_row },
    /* All there is, by the index of words, and sorted then: what is frequent would take long. */
    [FIND_RARE] = { "market_find_rare",
        "WITH m AS MATERIALIZED (SELECT a.id, a.created_at" PUBLIC MATCHES " LIMIT 10000)" FOUND,
        &found_row },
    /* Among the newest only: no index knows where the others are, or it knows of too many. */
    [FIND_LATE] = { "market_find_late",
        "WITH m AS MATERIALIZED (SELECT a.id, a.created_at FROM (SELECT a.*" PUBLIC NEWEST
        " LIMIT 1000) a WHERE true" MATCHES ")" FOUND,
        &found_row },
    STMT_END,
};
/* clang-format on */

_Static_assert(MARKET_MAX == 10000 && MARKET_LATE == 1000 && MARKET_WALK == 500,
               "the statements have them as literals");

struct card *
store_market_get(struct db_tx *tx, const char *id, struct arena *mem, struct err *err)
{
    return db_one(tx, &store_market_stmts[GET], DB_ARGS(DB_TEXT(id)), mem, err);
}

int64_t
store_market_likely(struct db_tx *tx, const struct texts *words, struct arena *mem, struct err *err)
{
    const struct texts patterns = store_patterns(words, mem);

    return store_number(tx, &store_market_stmts[LIKELY], DB_ARGS(DB_TEXTS(&patterns)), mem, err);
}

struct market_found *
store_market_find(struct db_tx *tx, const struct card_filter *filter, bool rare, struct arena *mem,
                  struct err *err)
{
    bool all = filter->search == NULL;
    const struct db_arg args[] = { DB_INT(filter->limit),
                                   DB_INT(store_offset(filter->page, filter->limit, MARKET_MAX)),
                                   DB_TEXT(all ? NULL : store_pattern(filter->search, mem)) };
    int which = all ? FIND_ALL : rare ? FIND_RARE : FIND_LATE;

    return db_one(tx, &store_market_stmts[which], (struct db_args){ args, COUNT(args) - all }, mem,
                  err);
}

struct list *
store_market_rows(struct db_tx *tx, const struct texts *ids, struct arena *mem, struct err *err)
{
    return store_all(tx, &store_market_stmts[ROWS], DB_ARGS(DB_TEXTS(ids)), mem, err);
}
