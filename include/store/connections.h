/* The connections table. */
#ifndef STORE_CONNECTIONS_H
#define STORE_CONNECTIONS_H

#include "db/db.h"
#include "model/link.h"

extern const struct stmt store_connections_stmts[];

struct connection_row {
    struct connection connection; /* first: a row is a connection             */
    int64_t created_us;           /* connection.created_at, not rounded       */
};

struct connection_lane {
    struct uuid id, org, source, target;
    bool allow_paths;
};

struct connection_id {
    struct uuid id;
};

/* Which rows a page begins behind: created_us 0 is the newest. */
struct connection_after {
    int64_t created_us;
    const char *id;
};

/* Inserts connection (ids, group_name, allow_paths). VALIDATION_ERROR when an end or the network
 * is gone. */
struct connection_row *store_connections_insert(struct db_tx *tx,
                                                const struct connection *connection,
                                                struct arena *mem, struct err *err) MUST_CHECK;

/* NULL with err unset when org has no such connection. */
struct connection_row *store_connections_find(struct db_tx *tx, const char *org, const char *id,
                                              struct arena *mem, struct err *err) MUST_CHECK;

/* One page, newest first: a list of struct connection_row. */
struct list *store_connections_list(struct db_tx *tx, const char *org,
                                    const struct connection_filter *filter,
                                    const struct connection_after *after, struct arena *mem,
                                    struct err *err) MUST_CHECK;

/* How many were deleted, or -1. */
long store_connections_delete(struct db_tx *tx, const char *org, const char *id, struct arena *mem,
                              struct err *err) MUST_CHECK;

/* Deletes all connections that begin or end at an agent: a list of struct connection_id. */
struct list *store_connections_delete_of_agent(struct db_tx *tx, const char *org, const char *agent,
                                               struct arena *mem, struct err *err) MUST_CHECK;

/* Of any organization; NULL with err unset when there is none. */
struct connection_lane *store_connections_lane(struct db_tx *tx, const struct uuid *id,
                                               struct arena *mem, struct err *err) MUST_CHECK;

#endif
