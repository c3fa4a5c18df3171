/* The identity-provider dialect as the http room needs it. */
#include "api/idp/dialect.h"

#include "api/idp/agents.h"
#include "api/idp/credentials.h"
#include "api/idp/audit.h"
#include "api/idp/dids.h"
#include "api/idp/errors.h"
#include "api/idp/market.h"
#include "api/idp/orgs.h"
#include "domain/keys.h"

static const char *const prefixes[] = { "/api/v1", "/.well-known/did.json", NULL };

static const struct route *const routes[] = {
    idp_agents_routes,
    idp_credentials_routes,
    idp_orgs_routes,
    idp_audit_routes,
    idp_market_routes,
    idp_dids_routes,
    NULL,
};

const struct dialect idp_dialect = {
    .name = "identity",
    .prefixes = prefixes,
    .routes = routes,
    .error = idp_error,
    .error_spec = &idp_error_spec,
    .word = idp_word,
    .scopes = scope_names,
    .doc = "Agents as identities: their credentials, organizations and the audit log.",
};
