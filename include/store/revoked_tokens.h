/* The revoked_tokens table: access tokens that ended before their time. */
#ifndef STORE_REVOKED_TOKENS_H
#define STORE_REVOKED_TOKENS_H

#include "db/db.h"

extern const struct stmt store_revoked_tokens_stmts[];

/* How many were not revoked before: 1 or 0; -1 on failure. */
long store_revoked_tokens_insert(struct db_tx *tx, const char *jti, int64_t expires_at,
                                 struct arena *mem, struct err *err) MUST_CHECK;

/* *revoked: whether this token was. */
bool store_revoked_tokens_has(struct db_tx *tx, const char *jti, bool *revoked, struct arena *mem,
                              struct err *err) MUST_CHECK;

/* Deletes at most limit of tokens that have expired; how many, or -1. */
long store_revoked_tokens_clean(struct db_tx *tx, int64_t limit, struct arena *mem,
                                struct err *err) MUST_CHECK;

#endif
