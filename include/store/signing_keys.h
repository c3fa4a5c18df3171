/* The signing_keys table. */
#ifndef STORE_SIGNING_KEYS_H
#define STORE_SIGNING_KEYS_H

#include "db/db.h"

extern const struct stmt store_signing_keys_stmts[];

struct signing_key_row {
    const char *kid;
    int64_t alg; /* enum jwt_alg */
    const char *public_jwk;
    struct bytes private_sealed;
    int64_t created_at, signs_at, retires_at; /* ms since 1970; retires_at 0: not replaced */
    int64_t now;                              /* roster_now() of the statement             */
    bool is_uncommitted; /* inserted or changed by the transaction that reads it */
    int64_t number;      /* its own for ever                                     */
};

struct signing_key_new {
    const char *kid;
    int64_t alg;
    const char *public_jwk;
    struct bytes private_sealed;
    int64_t publish_ms; /* it signs from now on, or this much later */
};

/* Those that are believed now, or all: the one that signs last first. A list of struct
 * signing_key_row. */
struct list *store_signing_keys_list(struct db_tx *tx, bool all, struct arena *mem,
                                     struct err *err) MUST_CHECK;

/* Only one transaction at a time has this lock. */
bool store_signing_keys_lock(struct db_tx *tx, struct arena *mem, struct err *err) MUST_CHECK;

/* Inserts a key, as a row. */
struct signing_key_row *store_signing_keys_insert(struct db_tx *tx,
                                                  const struct signing_key_new *key,
                                                  struct arena *mem, struct err *err) MUST_CHECK;

/* All keys of alg but kid retire after_ms after kid begins to sign, unless they do so already. */
bool store_signing_keys_retire(struct db_tx *tx, const struct signing_key_new *key,
                               int64_t after_ms, struct arena *mem, struct err *err) MUST_CHECK;

#endif
