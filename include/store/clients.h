/* Agents as clients of the token endpoint: a row of agents with what its organization allows. */
#ifndef STORE_CLIENTS_H
#define STORE_CLIENTS_H

#include "db/db.h"

extern const struct stmt store_clients_stmts[];

struct client_row {
    const char *id, *org_id, *permanent_id;
    int life;            /* enum agent_life                                        */
    int org_state;       /* enum org_state                                         */
    bool is_admin;       /* a member of its organization with role admin           */
    int64_t tokens_most; /* a month                                                */
    bool proved;         /* one of its credentials in force has the hash asked for */
};

/* The client of any organization, and whether one of its credentials in force has this hash; NULL
 * with err unset when there is none. Does the same work for known and unknown clients and secrets.
 */
struct client_row *store_clients_find(struct db_tx *tx, const struct uuid *id, struct bytes hash,
                                      struct arena *mem, struct err *err) MUST_CHECK;

/* The same, its agent held against changes until the transaction ends. */
struct client_row *store_clients_lock(struct db_tx *tx, const struct uuid *id, struct arena *mem,
                                      struct err *err) MUST_CHECK;

#endif
