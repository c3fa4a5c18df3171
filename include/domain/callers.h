/* Who is calling: from the Authorization header to a caller, from the cache or the database. */
#ifndef DOMAIN_CALLERS_H
#define DOMAIN_CALLERS_H

#include "crypto/token.h"
#include "domain/core.h"

/* Reads "Bearer …" with an agent token. Fails with UNAUTHORIZED (none, not Bearer, malformed) or
 * WRONG_CREDENTIAL, the reason saying what is expected and what this looks like. */
bool callers_read(const char *authorization, struct digest *hash, struct err *err) MUST_CHECK;

/* Whether the agent may act: fills caller, or fails with AGENT_REVOKED, AGENT_ARCHIVED or
 * AGENT_DISABLED. agent NULL: UNAUTHORIZED, the token is unknown. */
bool callers_from_agent(const struct cached_agent *agent, struct caller *caller,
                        struct err *err) MUST_CHECK;

/* Reads "Bearer …" with an API key or an access token: *token is the text of an access token, with
 * its hash, or NULL: the hash is of an API key. Fails as callers_read. */
bool callers_read_scoped(const char *authorization, const char **token, struct digest *hash,
                         struct err *err) MUST_CHECK;

/* Whether scopes has every one of need; what: "API key" and the like. INSUFFICIENT_SCOPE with the
 * fact scope. */
bool callers_have(unsigned scopes, unsigned need, const char *what, struct err *err) MUST_CHECK;

/* Whether the key has every scope of need: fills caller, or INSUFFICIENT_SCOPE with the fact
 * scope. key NULL: UNAUTHORIZED. FORBIDDEN when its organization is suspended. */
bool callers_from_key(const struct cached_key *key, unsigned need, struct caller *caller,
                      struct err *err) MUST_CHECK;

#endif
