/* Rate limits: so many in a window of 60 s for each key, in a table of fixed size. Thread-safe. */
#ifndef HTTP_LIMIT_H
#define HTTP_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct limiter;

enum { LIMIT_WINDOW_MS = 60 * 1000 };

/* buckets: how many keys are remembered; beyond that the one whose window ends first among a few
 * candidates makes room, so memory is fixed and a flood of keys can only make limits laxer. */
struct limiter *limiter_new(size_t buckets);
void limiter_free(struct limiter *limiter);

/* Where a key stands in its window. */
struct limit_state {
    int64_t remaining; /* how many more there may be     */
    int64_t ends_ms;   /* clock_ms: then it begins anew  */
};

/* Counts one for key (any bytes; hashed with a key of this process); 0. When most were counted in
 * this window already: the seconds until it ends, at least 1. */
unsigned limiter_take(struct limiter *limiter, const void *key, size_t size, int64_t most,
                      int64_t now_ms);

/* Where key stands, without counting. */
struct limit_state limiter_look(struct limiter *limiter, const void *key, size_t size, int64_t most,
                                int64_t now_ms);

#endif
