/* The token_counts table: how many access tokens each agent got in each month. */
#ifndef STORE_TOKEN_COUNTS_H
#define STORE_TOKEN_COUNTS_H

#include "db/db.h"

extern const struct stmt store_token_counts_stmts[];

/* Counts one more in this month (UTC) unless there were most already: how many there are now, 0
 * when there were most, -1 on failure. */
int64_t store_token_counts_add(struct db_tx *tx, const char *agent, int64_t most, struct arena *mem,
                               struct err *err) MUST_CHECK;

/* How many there are in this month; -1 on failure. */
int64_t store_token_counts_get(struct db_tx *tx, const char *agent, struct arena *mem,
                               struct err *err) MUST_CHECK;

#endif
