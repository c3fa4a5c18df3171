/* Idempotency-Key: the answer to a creating request is kept for a day and given again. */
#ifndef DOMAIN_REPLAY_H
#define DOMAIN_REPLAY_H

#include "domain/core.h"

struct replay_key {
    const char *operation; /* the route's name                  */
    const char *key;       /* the header's value, 1–255 visible ASCII characters */
    const void *body;      /* what was sent                     */
    size_t body_size;
};

struct replay_answer {
    int64_t status;
    const char *location; /* or NULL                                                 */
    const char *body;     /* JSON; whole for ten minutes, then with null for a secret */
};

/* Inside the transaction of the creation: takes an advisory lock on the key. Returns true with
 * *answer NULL when this is the first time, or the kept answer. Fails with VALIDATION_ERROR (the
 * key's form), IDEMPOTENCY_RUNNING, IDEMPOTENCY_MISMATCH. */
bool replay_find(struct unit *u, struct db_tx *tx, const struct replay_key *key,
                 struct replay_answer **answer, struct err *err) MUST_CHECK;

/* An answer to be kept: full as it was sent (sealed, ten minutes), kept without one-time secrets (a
 * day). */
struct replay_given {
    int status;
    const char *location; /* or NULL */
    const char *full, *kept;
};
bool replay_keep(struct unit *u, struct db_tx *tx, const struct replay_key *key,
                 const struct replay_given *given, struct err *err) MUST_CHECK;

#endif
