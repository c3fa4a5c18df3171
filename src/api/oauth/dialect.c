/* The OAuth endpoints as the http room needs them. */
#include "api/oauth/dialect.h"

#include "api/oauth/discovery.h"
#include "api/oauth/errors.h"
#include "api/oauth/token.h"
#include "domain/keys.h"

static const char *const prefixes[] = { "/api/v1/token", "/api/v1/authorize", "/.well-known",
                                        "/agent-info", NULL };

static const struct route *const routes[] = {
    oauth_token_routes,
    oauth_discovery_routes,
    NULL,
};

const struct dialect oauth_dialect = {
    .name = "oauth",
    .prefixes = prefixes,
    .routes = routes,
    .error = oauth_error,
    .error_spec = &oauth_error_spec,
    .word = oauth_word,
    .scopes = scope_names,
    .doc = "Access tokens, the keys that they are verified with, and discovery.",
};
