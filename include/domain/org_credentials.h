/* Client ids and secrets of organizations: the mesh's credentials, of no agent. */
#ifndef DOMAIN_ORG_CREDENTIALS_H
#define DOMAIN_ORG_CREDENTIALS_H

#include "domain/clients.h"
#include "domain/core.h"
#include "model/org.h"
#include "store/org_credentials.h"

enum { ORG_CREDENTIALS_LISTED = 1000 };

/* Creates one; org: a slug or a UUID (NOT_FOUND on org). The secret is in the answer, this once. */
struct org_credential *org_credentials_create(struct unit *u, const char *org, const char *name,
                                              unsigned scopes, struct err *err) MUST_CHECK;

/* The newest ORG_CREDENTIALS_LISTED, the revoked ones too, of org as above, or NULL: of all. */
struct list *org_credentials_list(struct unit *u, const char *org, struct err *err) MUST_CHECK;

/* Ends one for good, and with it the tokens that it got: here at once, on other nodes within
 * seconds. VALIDATION_ERROR (no UUID), CREDENTIAL_NOT_FOUND (revoked ones too). */
bool org_credentials_revoke(struct unit *u, const char *id, struct err *err) MUST_CHECK;

/* Whether the client is a credential of an organization: *found NULL when there is none of its id.
 * Else as clients_prove: INVALID_CLIENT, UNAUTHORIZED_CLIENT, both with an audit event. */
bool org_credentials_prove(struct unit *u, const struct client_proof *proof,
                           const struct org_credential_proof **found, struct err *err) MUST_CHECK;

#endif
