/* Client secrets of agents: made, listed, replaced, revoked. */
#ifndef DOMAIN_CREDENTIALS_H
#define DOMAIN_CREDENTIALS_H

#include "domain/core.h"
#include "model/identity.h"

enum { CREDENTIALS_MAX = 10 }; /* in force at once, per agent */

/* Which credential of which agent; texts as the client sent them. */
struct credential_ref {
    const char *agent_id, *credential_id;
};

/* status -1: all. page counts from 1. */
struct credential_filter {
    int status;
    int64_t page, limit;
};

/* Until when a secret is good: ms since 1970; 0: for ever; -1 (of a rotation): as before, or for
 * ever when that is past. */
struct credential_terms {
    int64_t expires_at;
};

/* All of these fail with VALIDATION_ERROR on agentId or credentialId (no UUID), AGENT_NOT_FOUND,
 * CREDENTIAL_NOT_FOUND (both with the id as a fact), and FORBIDDEN for an agent of another
 * organization (AGENT_NOT_FOUND with server.strict_isolation), unless the caller has
 * SCOPE_ADMIN_ORGS. Each change leaves its audit event. */

/* A new secret, in the answer this once. VALIDATION_ERROR on expiresAt when that is past,
 * AGENT_NOT_ACTIVE (fact status), CREDENTIAL_LIMIT (fact limit) also under concurrency. */
struct credential *credentials_create(struct unit *u, const char *agent_id,
                                      const struct credential_terms *terms,
                                      struct err *err) MUST_CHECK;

/* One page, newest first, of struct credential. */
struct numbered_page *credentials_list(struct unit *u, const char *agent_id,
                                       const struct credential_filter *filter,
                                       struct err *err) MUST_CHECK;

/* Another secret for the same credential; the old one is refused at once. As credentials_create,
 * and CREDENTIAL_ALREADY_REVOKED (fact credentialId). */
struct credential *credentials_rotate(struct unit *u, const struct credential_ref *ref,
                                      const struct credential_terms *terms,
                                      struct err *err) MUST_CHECK;

/* Ends it for good. CREDENTIAL_ALREADY_REVOKED. */
bool credentials_revoke(struct unit *u, const struct credential_ref *ref,
                        struct err *err) MUST_CHECK;

#endif
