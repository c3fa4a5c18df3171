/* The public catalogue. */
#include "domain/market.h"

#include "domain/dids.h"
#include "domain_priv.h"
#include "store/market.h"

static struct card *
draw(struct unit *u, struct card *card)
{
    card->did = dids_name(u->core, card->id, u->mem);
    return card;
}

/* Whether an index finds little for these words, as far as the newest agents tell; 1, 0, or -1. */
static int
is_rare(struct unit *u, struct db_tx *tx, const struct card_filter *filter, struct err *err)
{
    const struct texts words = search_words(filter->search, u->mem);

    if (words.n == 0)
        return 0;
    int64_t likely = store_market_likely(tx, &words, u->mem, err);
    return likely < 0 ? -1 : likely <= SEARCH_LIKELY_MOST;
}

/* A search is planned each time anew: see find_some in agents.c. */
static struct market_found *
find(struct unit *u, const struct card_filter *filter, struct err *err)
{
    struct db_tx *tx DB_SCOPED = db_begin(u->db, err);

    if (tx == NULL || (filter->search != NULL && !store_agents_plan_each(tx, u->mem, err)))
        return NULL;

    int rare = filter->search == NULL ? 0 : is_rare(u, tx, filter, err);
    struct market_found *found =
        rare < 0 ? NULL : store_market_find(tx, filter, rare == 1, u->mem, err);
    return found != NULL && db_commit(tx, err) ? found : NULL;
}

struct numbered_page *
market_list(struct unit *u, const struct card_filter *filter, struct err *err)
{
    struct numbered_page *page = ARENA_NEW(u->mem, struct numbered_page);
    const struct market_found *found = find(u, filter, err);

    if (found == NULL)
        return NULL;
    const struct list *rows = store_market_rows(db_single(u->db), &found->ids, u->mem, err);
    if (rows == NULL)
        return NULL;
    *page = (struct numbered_page){ *rows, found->total, filter->page, filter->limit };
    for (size_t i = 0; i < rows->n; i++)
        draw(u, rows->v[i]);
    return page;
}

struct card *
market_get(struct unit *u, const char *id, struct err *err)
{
    struct uuid uuid;
    struct card *card = NULL;

    if (!ids_uuid_read(id, &uuid)) {
        err_set(err, ERR_VALIDATION_ERROR, "agentId", "agentId must be a UUID.");
        return NULL;
    }
    card = store_market_get(db_single(u->db), id, u->mem, err);
    if (card == NULL && err->code == ERR_NONE) {
        err_set(err, ERR_AGENT_NOT_FOUND, NULL, NULL);
        err_fact_text(err, "agentId", id);
    }
    return card == NULL ? NULL : draw(u, card);
}
