/* The portal dialect as the http room needs it. */
#include "api/portal/dialect.h"

#include "api/portal/agents.h"
#include "api/portal/calls.h"
#include "api/portal/errors.h"
#include "api/portal/heartbeats.h"
#include "api/portal/links.h"
#include "api/portal/proxy.h"
#include "api/portal/transitions.h"
#include "domain/keys.h"

static const char *const prefixes[] = { "/api", NULL };

static const struct route *const routes[] = {
    portal_agents_routes,
    portal_heartbeats_routes,
    portal_links_routes,
    portal_proxy_routes,
    portal_calls_routes,
    portal_transitions_routes,
    NULL,
};

const struct dialect portal_dialect = {
    .name = "portal",
    .prefixes = prefixes,
    .routes = routes,
    .error = portal_error,
    .error_spec = &portal_error_spec,
    .scopes = scope_names,
    .doc = "Agents, the connections between them, and their calls.",
};
