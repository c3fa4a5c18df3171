/* Who is calling: from the Authorization header to a caller, from the cache or the database. */
#ifndef DOMAIN_CALLERS_H
#define DOMAIN_CALLERS_H

#include "crypto/token.h"
#include "domain/core.h"

/* Reads "Bearer …". want: TOKEN_AGENT or TOKEN_KEY. Fails with UNAUTHORIZED (none, not Bearer,
 * malformed) or WRONG_CREDENTIAL, the reason saying what is expected and what this looks like. */
bool callers_read(const char *authorization, enum token_kind want, struct digest *hash,
                  struct err *err) MUST_CHECK;

/* Whether the agent may act: fills caller, or fails with AGENT_REVOKED, AGENT_ARCHIVED or
 * AGENT_DISABLED. agent NULL: UNAUTHORIZED, the token is unknown. */
bool callers_from_agent(const struct cached_agent *agent, struct caller *caller,
                        struct err *err) MUST_CHECK;

/* Whether the key has every scope of need: fills caller, or INSUFFICIENT_SCOPE with the fact
 * scope. key NULL: UNAUTHORIZED. */
bool callers_from_key(const struct cached_key *key, unsigned need, struct caller *caller,
                      struct err *err) MUST_CHECK;

#endif
