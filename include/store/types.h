/* Agent types of the mesh: agents by the type that they registered as, the types that an
 * organization admits, and how it does so. */
#ifndef STORE_TYPES_H
#define STORE_TYPES_H

#include "db/db.h"
#include "model/instance.h"

extern const struct stmt store_types_stmts[];

/* An agent as a type. */
struct type_row {
    const char *id;
    const char *name; /* its type; the permanent id when it has none */
    int life;         /* enum agent_life                             */
};

/* What names it: one is set. */
struct type_key {
    const char *uuid, *permanent_id, *type;
};

/* How the row is held until the transaction ends. */
enum type_hold {
    TYPE_READ,
    TYPE_SHARE, /* its life stays as it is   */
    TYPE_LOCK,  /* nobody else changes it    */
};

/* NULL with err unset when the organization has none; a revoked agent is not found by its type. */
struct type_row *store_types_find(struct db_tx *tx, const char *org, const struct type_key *key,
                                  enum type_hold hold, struct arena *mem,
                                  struct err *err) MUST_CHECK;

/* An agent that is a type from the first on. */
struct type_new {
    const char *id, *org_id, *permanent_id, *type, *token_hint;
    struct bytes token_hash;
    int64_t max_agents;
};

/* Inserts it and its presence, as store_identities_insert. */
struct type_row *store_types_insert(struct db_tx *tx, const struct type_new *fresh,
                                    struct arena *mem, struct err *err) MUST_CHECK;

/* Replaces its MCP servers; what is the same stays. */
bool store_types_set_mcp(struct db_tx *tx, const char *id, const char *mcp_servers,
                         struct arena *mem, struct err *err) MUST_CHECK;

/* enum policy_mode of an organization; -1 with err unset: there is none. */
int store_types_policy(struct db_tx *tx, const char *org, struct arena *mem,
                       struct err *err) MUST_CHECK;
bool store_types_set_policy(struct db_tx *tx, const char *org, int mode, struct arena *mem,
                            struct err *err) MUST_CHECK;

/* Whether the type is on the list, which it then stays until the transaction ends. */
bool store_types_is_allowed(struct db_tx *tx, const char *org, const char *type, bool *allowed,
                            struct arena *mem, struct err *err) MUST_CHECK;

/* Puts it there, or takes it off; 1 when that changed the list, 0 when not, -1 on failure. */
long store_types_allow(struct db_tx *tx, const char *org, const char *type, struct arena *mem,
                       struct err *err) MUST_CHECK;
long store_types_disallow(struct db_tx *tx, const char *org, const char *type, struct arena *mem,
                          struct err *err) MUST_CHECK;

#endif
