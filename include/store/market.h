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

/* How many there are on all pages, at most MARKET_MAX; -1 on failure. A search must be planned each
 * time: store_agents_plan_each. */
int64_t store_market_count(struct db_tx *tx, const struct card_filter *filter, struct arena *mem,
                           struct err *err) MUST_CHECK;

/* One page, newest first, none beyond the first MARKET_MAX: a list of struct card; NULL on
 * failure. total: as counted before; it decides how a search is made. */
struct list *store_market_list(struct db_tx *tx, const struct card_filter *filter, int64_t total,
                               struct arena *mem, struct err *err) MUST_CHECK;

#endif
