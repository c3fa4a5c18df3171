/* SQL for agent cards. */
#include "store/cards.h"

#include "store_priv.h"

static const struct db_col columns[] = {
    { TEXT_AT(struct card_type, agent_type) },
    { TEXT_AT(struct card_type, name) },
    { INT_AT(struct card_type, instances) },
    { JSON_AT(struct card_type, card) },
};

static const struct db_shape row = DB_SHAPE(struct card_type, columns);

enum { PUBLIC, FIND, OF_ORG };

/* Types of one name in several organizations: the oldest stands for all. */
#define PUBLIC_TYPES "a.is_public AND a.life = 0 AND a.mesh_type IS NOT NULL"
#define OLDEST       " ORDER BY a.mesh_type, a.created_at, a.id LIMIT "
#define LIVE                                                                                       \
    " (SELECT count(*) FROM (SELECT 1 FROM instance_states s WHERE s.agent_id = t.id"              \
    " AND s.status IN (0, 5) AND (s.mode = 1 OR s.owner IS NOT NULL) LIMIT 1000) l)"
#define NEWEST_CARD                                                                                \
    " LEFT JOIN LATERAL (SELECT i.card FROM instances i WHERE i.agent_id = t.id"                   \
    " AND i.card IS NOT NULL ORDER BY i.registered_at DESC, i.id LIMIT 1) c ON true"

/* clang-format off */
const struct stmt store_cards_stmts[] = {
    [PUBLIC] = { "cards_public",
        "WITH t AS (SELECT DISTINCT ON (a.mesh_type) a.id, a.mesh_type, a.name FROM agents a"
        " WHERE " PUBLIC_TYPES OLDEST "$1::bigint)"
        " SELECT t.mesh_type, t.name," LIVE ","
        " CASE WHEN sum(octet_length(c.card::text)) OVER (ORDER BY t.mesh_type) <= $2::bigint"
        " THEN c.card END"
        " FROM t" NEWEST_CARD " ORDER BY t.mesh_type",
        &row },
    [FIND] = { "cards_find",
        "WITH t AS (SELECT a.id, a.mesh_type, a.name FROM agents a"
        " WHERE " PUBLIC_TYPES " AND a.mesh_type = $1::text" OLDEST "1)"
        " SELECT t.mesh_type, t.name," LIVE ", c.card FROM t" NEWEST_CARD,
        &row },
    [OF_ORG] = { "cards_of_org",
        "WITH t AS (SELECT a.id, coalesce(a.mesh_type, a.permanent_id) AS mesh_type, a.name"
        " FROM agents a WHERE a.org_id = $1::uuid AND a.life = 0"
        " AND (a.mesh_type = $2::text OR a.permanent_id = $2::text) LIMIT 1)"
        " SELECT t.mesh_type, t.name," LIVE ", c.card FROM t" NEWEST_CARD,
        &row },
    STMT_END,
};
/* clang-format on */

struct list *
store_cards_public(struct db_tx *tx, int64_t limit, int64_t most, struct arena *mem,
                   struct err *err)
{
    return store_all(tx, &store_cards_stmts[PUBLIC], DB_ARGS(DB_INT(limit), DB_INT(most)), mem,
                     err);
}

struct card_type *
store_cards_find(struct db_tx *tx, const char *agent_type, struct arena *mem, struct err *err)
{
    return db_one(tx, &store_cards_stmts[FIND], DB_ARGS(DB_TEXT(agent_type)), mem, err);
}

struct card_type *
store_cards_of_org(struct db_tx *tx, const char *org, const char *agent_type, struct arena *mem,
                   struct err *err)
{
    return db_one(tx, &store_cards_stmts[OF_ORG], DB_ARGS(DB_TEXT(org), DB_TEXT(agent_type)), mem,
                  err);
}
