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

/* How many there are on all pages, at most MARKET_MAX; -1 on failure. What is searched for is
 * looked for among all if it is rare, by an index, else among the newest MARKET_MAX. A search must
 * be planned each time: store_agents_plan_each. */
int64_t store_market_count(struct db_tx *tx, const struct card_filter *filter, bool rare,
                           struct arena *mem, struct err *err) MUST_CHECK;

/* One page of these, newest first: a list of struct card; NULL on failure. */
struct list *store_market_list(struct db_tx *tx, const struct card_filter *filter, bool rare,
                               struct arena *mem, struct err *err) MUST_CHECK;

#endif
