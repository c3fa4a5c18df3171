/* The list of all statement tables (a new store adds its line), and what the stores share. */
#include "store/statements.h"

#include "store_priv.h"

#include "store/agents.h"
#include "store/api_keys.h"
#include "store/audit.h"
#include "store/audit_chain.h"
#include "store/calls.h"
#include "store/cards.h"
#include "store/clients.h"
#include "store/connections.h"
#include "store/credentials.h"
#include "store/fleet.h"
#include "store/hints.h"
#include "store/idempotency.h"
#include "store/identities.h"
#include "store/instances.h"
#include "store/market.h"
#include "store/master_keys.h"
#include "store/messages.h"
#include "store/networks.h"
#include "store/nodes.h"
#include "store/org_credentials.h"
#include "store/orgs.h"
#include "store/presence.h"
#include "store/revoked_tokens.h"
#include "store/service_state.h"
#include "store/sessions.h"
#include "store/signing_keys.h"
#include "store/token_counts.h"
#include "store/transitions.h"
#include "store/types.h"

#include <string.h>

/* clang-format off */
const struct stmt *const store_statements[] = {
    store_agents_stmts,
    store_api_keys_stmts,
    store_audit_chain_stmts,
    store_audit_stmts,
    store_calls_stmts,
    store_cards_stmts,
    store_clients_stmts,
    store_connections_stmts,
    store_credentials_stmts,
    store_fleet_stmts,
    store_hints_stmts,
    store_idempotency_stmts,
    store_identities_stmts,
    store_instances_stmts,
    store_market_stmts,
    store_master_keys_stmts,
    store_messages_stmts,
    store_networks_stmts,
    store_nodes_stmts,
    store_org_credentials_stmts,
    store_orgs_stmts,
    store_presence_stmts,
    store_revoked_tokens_stmts,
    store_service_state_stmts,
    store_sessions_stmts,
    store_signing_keys_stmts,
    store_token_counts_stmts,
    store_transitions_stmts,
    store_types_stmts,
    NULL,
};
/* clang-format on */

struct number {
    int64_t n;
};

static const struct db_col number_columns[] = {
    { INT_AT(struct number, n) },
};

const struct db_shape store_number_row = DB_SHAPE(struct number, number_columns);

int64_t
store_number(struct db_tx *tx, const struct stmt *stmt, struct db_args args, struct arena *mem,
             struct err *err)
{
    const struct number *found = db_one(tx, stmt, args, mem, err);

    return found == NULL ? -1 : found->n;
}

struct list *
store_all(struct db_tx *tx, const struct stmt *stmt, struct db_args args, struct arena *mem,
          struct err *err)
{
    struct list *rows = ARENA_NEW(mem, struct list);

    return db_all(tx, stmt, args, mem, rows, err) ? rows : NULL;
}

int64_t
store_offset(int64_t page, int64_t limit, int64_t most)
{
    int64_t offset = (page - 1) * limit;

    return offset < most ? offset : most;
}

char *
store_pattern(const char *part, struct arena *mem)
{
    char *pattern = arena_alloc(mem, 2 * strlen(part) + 3);
    char *to = pattern;

    *to++ = '%';
    for (; *part != '\0'; part++) {
        if (*part == '%' || *part == '_' || *part == '\\')
            *to++ = '\\';
        *to++ = *part;
    }
    *to++ = '%';
    *to = '\0';
    return pattern;
}

struct texts
store_patterns(const struct texts *parts, struct arena *mem)
{
    struct texts patterns = { arena_alloc(mem, (parts->n + 1) * sizeof(char *)), parts->n };

    for (size_t i = 0; i < parts->n; i++)
        patterns.v[i] = store_pattern(parts->v[i], mem);
    return patterns;
}
