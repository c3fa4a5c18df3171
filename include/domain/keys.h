/* API keys and organizations, and the check of the master key. */
#ifndef DOMAIN_KEYS_H
#define DOMAIN_KEYS_H

#include "domain/core.h"

/* Names of the scopes, in the order of their bits; NULL-terminated. */
extern const char *const scope_names[];

/* Reads "agents:read,agents:write" or the words read, admin, full (contract decision 3) to bits;
 * VALIDATION_ERROR on scope. */
bool scopes_read(const char *text, unsigned *scopes, struct err *err) MUST_CHECK;

/* The scopes as a space-separated list, in mem. */
char *scopes_text(unsigned scopes, struct arena *mem);

/* Which of the words read, admin, full are wholly in scopes, in mem. */
struct texts scopes_words(unsigned scopes, struct arena *mem);

struct api_key {
    const char *id, *org_id, *name, *token, *hint;
    int64_t scopes;
    int64_t created_at;
};

/* Creates an API key; org: a slug or a UUID (NOT_FOUND). The token is in the answer, this once. */
struct api_key *keys_create(struct unit *u, const char *org, const char *name, unsigned scopes,
                            struct err *err) MUST_CHECK;

/* For the cache; NULL with err unset when there is none, or it is revoked. */
struct cached_key *keys_load(struct unit *u, const struct digest *hash, struct err *err) MUST_CHECK;

/* Checks every master key recorded in the database against the ring, and records the first of the
 * ring when it is new. INTERNAL_ERROR with a reason for the operator when a recorded key is
 * missing or wrong. */
bool keys_check_master(struct unit *u, struct err *err) MUST_CHECK;

/* What changed elsewhere in the last seconds: forgets it here. Runs once a second and on NOTIFY. */
bool keys_apply_hints(struct unit *u, struct err *err) MUST_CHECK;

/* Clean-up, in small steps: old hints, idempotency rows, call records, transitions, revoked tokens
 * that have ended anyway. *more: again at once. */
struct retention {
    int64_t calls_ms, transitions_ms;
};
bool keys_clean(struct unit *u, const struct retention *keep, bool *more,
                struct err *err) MUST_CHECK;

#endif
