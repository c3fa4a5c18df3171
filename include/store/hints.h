/* The cache_hints table: what nodes must forget. */
#ifndef STORE_HINTS_H
#define STORE_HINTS_H

#include "db/db.h"

extern const struct stmt store_hints_stmts[];

/* One hint; kind -1: there is none, only the mark. */
struct hint_row {
    int64_t mark; /* hints behind it may be new at the next reading */
    int kind;     /* enum hint_kind of domain/cache.h               */
    struct uuid id;
};

/* Writes a hint that every node reads, and wakes them when the transaction commits. */
bool store_hints_insert(struct db_tx *tx, int kind, const struct uuid *ids, size_t n,
                        struct arena *mem, struct err *err) MUST_CHECK;

/* At least one row (struct hint_row), at most limit: the hints from mark on, of transactions that
 * are committed, except those that node need not read. */
struct list *store_hints_list(struct db_tx *tx, int64_t mark, int64_t node, int64_t limit,
                              struct arena *mem, struct err *err) MUST_CHECK;

/* Deletes at most limit that are older than keep_ms; how many, or -1. */
long store_hints_clean(struct db_tx *tx, int64_t keep_ms, int64_t limit, struct arena *mem,
                       struct err *err) MUST_CHECK;

#endif
