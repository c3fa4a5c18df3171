/* SQL for the public catalogue. Lists are bounded inside, by a constant that the planner sees: so
 * they read the index of public agents in order and stop, whatever page is asked for. */
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
    " FROM agents a JOIN organizations o ON o.id = a.org_id"                                       \
    " WHERE a.is_public AND a.life = 0 AND o.state = 0"
/* The same expression as the index agents_public_words has. */
#define MATCHES(n)                                                                                 \
    " AND market_words(a.agent_type, a.owner, a.scopes) ILIKE"                                     \
    " '%' || regexp_replace($" #n "::text, '([\\\\%_])', '\\\\\\1', 'g') || '%'"
#define NEWEST " ORDER BY a.created_at DESC, a.id DESC"
#define FIRST  NEWEST " LIMIT 10000"

static const struct db_shape row = DB_SHAPE(struct card, columns);

enum { GET, LIST, SEARCH_RARE, SEARCH, LIKELY, COUNT_ALL, COUNT_RARE, COUNT_FOUND };

/* clang-format off */
const struct stmt store_market_stmts[] = {
    [GET] = { "market_get", "SELECT " COLUMNS PUBLIC " AND a.id = $1::uuid", &row },
    [LIST] = { "market_list",
        "SELECT " COLUMNS " FROM (SELECT a.*" PUBLIC FIRST ") a" NEWEST
        " LIMIT $1::bigint OFFSET $2::bigint",
        &row },
    /* All there is, by the index of words, and sorted then: what is frequent would take long. */
    [SEARCH_RARE] = { "market_search_rare",
        "SELECT " COLUMNS " FROM (SELECT a.*" PUBLIC MATCHES(3) " LIMIT 10000) a" NEWEST
        " LIMIT $1::bigint OFFSET $2::bigint",
        &row },
    /* Among the newest only: no index knows where the others are, or it knows of too many. */
    [SEARCH] = { "market_search",
        "SELECT " COLUMNS " FROM (SELECT a.*" PUBLIC FIRST ") a WHERE true" MATCHES(3) NEWEST
        " LIMIT $1::bigint OFFSET $2::bigint",
        &row },
    [LIKELY] = { "market_likely",
        "SELECT count(*) FROM (SELECT a.*" PUBLIC NEWEST " LIMIT 1000) a"
        " WHERE market_words(a.agent_type, a.owner, a.scopes)"
        " ILIKE ALL (SELECT '%' || word || '%' FROM unnest($1::text[]) word)", /* letters, digits */
        &store_number_row },
    [COUNT_ALL] = { "market_count",
        "SELECT count(*) FROM (SELECT" PUBLIC " LIMIT 10000) a", &store_number_row },
    [COUNT_RARE] = { "market_count_rare",
        "SELECT count(*) FROM (SELECT" PUBLIC MATCHES(1) " LIMIT 10000) a", &store_number_row },
    [COUNT_FOUND] = { "market_count_found",
        "SELECT count(*) FROM (SELECT a.*" PUBLIC FIRST ") a WHERE true" MATCHES(1),
        &store_number_row },
    STMT_END,
};
/* clang-format on */

_Static_assert(MARKET_MAX == 10000 && MARKET_WALK == 1000, "the statements have them as literals");

struct card *
store_market_get(struct db_tx *tx, const char *id, struct arena *mem, struct err *err)
{
    return db_one(tx, &store_market_stmts[GET], DB_ARGS(DB_TEXT(id)), mem, err);
}

static int64_t
counted(struct db_tx *tx, int which, struct db_args args, struct arena *mem, struct err *err)
{
    return store_number(tx, &store_market_stmts[which], args, mem, err);
}

int64_t
store_market_likely(struct db_tx *tx, const struct texts *words, struct arena *mem, struct err *err)
{
    return counted(tx, LIKELY, DB_ARGS(DB_TEXTS(words)), mem, err);
}

int64_t
store_market_count(struct db_tx *tx, const struct card_filter *filter, bool rare, struct arena *mem,
                   struct err *err)
{
    if (filter->search == NULL)
        return counted(tx, COUNT_ALL, DB_NO_ARGS, mem, err);
    return counted(tx, rare ? COUNT_RARE : COUNT_FOUND, DB_ARGS(DB_TEXT(filter->search)), mem, err);
}

struct list *
store_market_list(struct db_tx *tx, const struct card_filter *filter, bool rare, struct arena *mem,
                  struct err *err)
{
    int64_t offset = (filter->page - 1) * filter->limit;
    bool all = filter->search == NULL;
    const struct db_arg args[] = { DB_INT(filter->limit),
                                   DB_INT(offset < MARKET_MAX ? offset : MARKET_MAX),
                                   DB_TEXT(filter->search) };
    int which = all ? LIST : rare ? SEARCH_RARE : SEARCH;

    return store_all(tx, &store_market_stmts[which], (struct db_args){ args, all ? 2 : 3 }, mem,
                     err);
}
