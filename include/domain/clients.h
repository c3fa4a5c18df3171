/* Agents as OAuth clients: their secret proves them, and some scopes are not for everyone. */
#ifndef DOMAIN_CLIENTS_H
#define DOMAIN_CLIENTS_H

#include "domain/core.h"
#include "store/clients.h"

/* What a client says it is; texts as it sent them, NULL when not given. */
struct client_proof {
    const char *id, *secret;
};

/* The client, proved and active. INVALID_CLIENT: not known, or its secret is wrong, expired or
 * revoked, with the same work for each; UNAUTHORIZED_CLIENT: its agent or organization is not
 * active. Both leave an audit event auth.failed, of which there are only so many (see clients.c).
 */
const struct client_row *clients_prove(struct unit *u, const struct client_proof *proof,
                                       struct err *err) MUST_CHECK;

/* Writes an audit event auth.failed, unless there were as many just now as may be; agent: the
 * client, NULL when it is not known. */
bool clients_note_failure(struct unit *u, const char *org, const char *agent, const char *metadata,
                          struct err *err) MUST_CHECK;

/* Every scope that the client may have: admin:orgs only for an admin of its organization. */
unsigned clients_scopes(const struct client_row *client);

/* Who calls, when a client does so by its own secret: fills caller with every scope that it may
 * have. Fails as clients_prove, or with INSUFFICIENT_SCOPE when need is more than that. */
bool clients_call(struct unit *u, const struct client_proof *proof, unsigned need,
                  struct caller *caller, struct err *err) MUST_CHECK;

#endif
