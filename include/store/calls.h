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

/* At most filter->limit rows with an id below before (0: from the newest): a list of struct
 * call_record. */
struct list *store_calls_list(struct db_tx *tx, const char *org, const struct call_filter *filter,
                              int64_t before, struct arena *mem, struct err *err) MUST_CHECK;

/* Deletes at most limit of the oldest rows that are older than keep_ms; how many, or -1. */
long store_calls_clean(struct db_tx *tx, int64_t keep_ms, int64_t limit, struct arena *mem,
                       struct err *err) MUST_CHECK;

#endif
