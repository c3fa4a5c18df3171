/* The idempotency table: answers kept for a repeat. */
#ifndef STORE_IDEMPOTENCY_H
#define STORE_IDEMPOTENCY_H

#include "db/db.h"

extern const struct stmt store_idempotency_stmts[];

/* Whose answer. */
struct idempotency_id {
    const char *org, *subject, *operation;
    struct bytes key_hash;
};

struct idempotency_row {
    struct bytes fingerprint;
    int64_t status;
    const char *location, *body;
    struct bytes full_sealed; /* v NULL: none, or too old */
};

/* Tries to lock a number until the transaction ends: *locked says whether it is ours. */
bool store_idempotency_lock(struct db_tx *tx, int64_t number, bool *locked, struct arena *mem,
                            struct err *err) MUST_CHECK;

/* NULL with err unset when there is none that is younger than keep_ms. The sealed answer is given
 * only while it is younger than full_ms. */
struct idempotency_row *store_idempotency_find(struct db_tx *tx, const struct idempotency_id *id,
                                               int64_t keep_ms, int64_t full_ms, struct arena *mem,
                                               struct err *err) MUST_CHECK;

/* Keeps an answer; one that is there (too old to be found) gives way. */
bool store_idempotency_insert(struct db_tx *tx, const struct idempotency_id *id,
                              const struct idempotency_row *row, struct arena *mem,
                              struct err *err) MUST_CHECK;

/* Wipes sealed answers older than full_ms; deletes rows older than keep_ms; at most limit each:
 * how many, or -1. */
long store_idempotency_wipe(struct db_tx *tx, int64_t full_ms, int64_t limit, struct arena *mem,
                            struct err *err) MUST_CHECK;
long store_idempotency_clean(struct db_tx *tx, int64_t keep_ms, int64_t limit, struct arena *mem,
                             struct err *err) MUST_CHECK;

#endif
