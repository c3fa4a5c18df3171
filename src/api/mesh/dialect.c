/* The mesh dialect as the http room needs it. */
#include "api/mesh/dialect.h"

#include "api/mesh/cards.h"
#include "api/mesh/dispatch.h"
#include "api/mesh/errors.h"
#include "api/mesh/instances.h"
#include "api/mesh/messages.h"
#include "api/mesh/register.h"
#include "api/mesh/secrets.h"
#include "api/mesh/send.h"
#include "api/mesh/sessions.h"
#include "api/mesh/tokens.h"
#include "api/mesh/types.h"
#include "domain/keys.h"

static const char *const prefixes[] = { "/agents",   "/auth", "/sessions",
                                        "/messages", "/send", "/.well-known/agent-card.json",
                                        "/internal", NULL };

static const struct route *const routes[] = {
    mesh_dispatch_routes,
    mesh_token_routes,
    mesh_register_routes,
    mesh_instance_routes,
    mesh_types_routes,
    mesh_sessions_routes,
    mesh_messages_routes,
    mesh_cards_routes,
    mesh_send_routes,
    mesh_secrets_routes,
    NULL,
};

const struct dialect mesh_dialect = {
    .name = "mesh",
    .prefixes = prefixes,
    .routes = routes,
    .error = mesh_error,
    .error_spec = &mesh_error_spec,
    .word = mesh_word,
    .scopes = scope_names,
    .doc =
        "Agents as types with many instances, which dial in by WebSocket or are called at a URL.",
};
