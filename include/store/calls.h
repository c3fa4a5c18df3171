/* The calls table: one row of metadata for each proxied call. */
#ifndef STORE_CALLS_H
#define STORE_CALLS_H

#include "base/buf.h"
#include "db/db.h"
#include "model/link.h"

extern const struct stmt store_calls_stmts[];

/* Appends a record as a row for store_calls_insert; its id is given by the database. */
void store_calls_row(const struct call_record *record, struct buf *rows);

/* Inserts the rows, all or none. */
bool store_calls_insert(struct db_tx *tx, const struct buf *rows, struct err *err) MUST_CHECK;

enum { CALLS_WALK = 10000 }; /* rows that are looked at for one page of a filtered list */

/* The last of the CALLS_WALK newest rows with an id below before (0: of all); NULL with err unset
 * when there are fewer. */
struct call_edge {
    int64_t id;
    int64_t ended; /* the call; ms since 1970 */
};
struct call_edge *store_calls_edge(struct db_tx *tx, const char *org, int64_t before,
                                   struct arena *mem, struct err *err) MUST_CHECK;

/* At most filter->limit rows of the range, newest first: a list of struct call_record. */
struct call_range {
    int64_t from, before; /* ids; before 0: no bound */
};
struct list *store_calls_list(struct db_tx *tx, const char *org, const struct call_filter *filter,
                              struct call_range range, struct arena *mem,
                              struct err *err) MUST_CHECK;

/* Deletes at most limit of the oldest rows that are older than keep_ms; how many, or -1. */
long store_calls_clean(struct db_tx *tx, int64_t keep_ms, int64_t limit, struct arena *mem,
                       struct err *err) MUST_CHECK;

#endif
