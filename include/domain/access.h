/* Access tokens as a proof of who calls: read, checked against revocation and the life of their
 * agent, kept in the cache. */
#ifndef DOMAIN_ACCESS_H
#define DOMAIN_ACCESS_H

#include "crypto/jwt.h"
#include "domain/core.h"

/* The typ of an access token (RFC 9068, section 2.1). */
#define ACCESS_TYPE "at+jwt"

/* What makes a token the operator's first one, or one of a credential of an organization (which is
 * its subject): it is of no agent. */
#define ACCESS_BOOTSTRAP  "bootstrap"
#define ACCESS_CREDENTIAL "credential"

/* The claims of an access token, in the order in which they are written. */
struct access_claims {
    const char *iss, *aud, *sub, *client_id, *scope, *jti, *organization_id;
    const char *token_use; /* ACCESS_…, or NULL: of an agent   */
    int64_t iat, exp, nbf; /* Unix seconds; nbf 0: not given   */
};

extern const struct jwt_claim access_table[];

/* Whether an audience is our own address, or one below it (RFC 8707). */
bool access_is_ours(const struct unit *u, const char *address);

/* Reads a token of ours that is in force now: signature, typ, issuer, audience, times, and every
 * claim there. Whether it was revoked, and what its agent is, is not looked at. UNAUTHORIZED, why
 * in the note. */
struct access_claims *access_read(struct unit *u, const char *token, struct err *err) MUST_CHECK;

/* Whether the subject is no agent. */
bool access_is_of_none(const struct access_claims *claims);

/* The same, refused when it, or the credential that it is of, was revoked, or its organization is
 * gone; for the cache (with a ticket
 * taken before); the caller gives it back with cache_done_access. */
struct cached_access *access_load(struct unit *u, const char *token, const struct digest *hash,
                                  struct err *err) MUST_CHECK;

/* Whether the credential that the token is of, if it is of one, was revoked. */
bool access_credential_holds(struct unit *u, struct db_tx *tx, const struct access_claims *claims,
                             bool *revoked, struct err *err) MUST_CHECK;

/* Whether the token may act now: it has not expired, its agent is active (agent NULL: there is no
 * such agent), its organization is not suspended, and it has every scope of need. Fills caller, or
 * UNAUTHORIZED, FORBIDDEN, INSUFFICIENT_SCOPE with the fact scope. */
bool access_check(const struct cached_access *access, const struct cached_agent *agent,
                  unsigned need, struct caller *caller, struct err *err) MUST_CHECK;

/* The operator's first token: of no agent, in the organization org (slug or UUID; NOT_FOUND), for
 * an hour. The token, in mem (wiped with it). */
char *access_bootstrap(struct unit *u, const char *org, unsigned scopes,
                       struct err *err) MUST_CHECK;

#endif
