/* The agents table as anyone may see it: those that are public and active, of active
 * organizations. */
#ifndef STORE_MARKET_H
#define STORE_MARKET_H

#include "db/db.h"
#include "model/market.h"

extern const struct stmt store_market_stmts[];

/* NULL with err unset when there is none that is public. */
struct card *store_market_get(struct db_tx *tx, const char *id, struct arena *mem,
                              struct err *err) MUST_CHECK;

/* How many of the newest MARKET_WALK have all these words, wherever; -1 on failure. */
int64_t store_market_likely(struct db_tx *tx, const struct texts *words, struct arena *mem,
                            struct err *err) MUST_CHECK;

/* A page, before it is read. */
struct market_found {
    int64_t total;    /* on all pages, at most MARKET_MAX */
    struct texts ids; /* of those on this page            */
};

/* What is searched for is looked for among all if it is rare, by an index, else among the newest
 * MARKET_LATE; no search (rare false) finds all. A search must be planned each time:
 * store_agents_plan_each. NULL on failure. */
struct market_found *store_market_find(struct db_tx *tx, const struct card_filter *filter,
                                       bool rare, struct arena *mem, struct err *err) MUST_CHECK;

/* Those of ids that are public, newest first: a list of struct card; NULL on failure. */
struct list *store_market_rows(struct db_tx *tx, const struct texts *ids, struct arena *mem,
                               struct err *err) MUST_CHECK;

#endif
