/* The networks table: containers of connections. */
#ifndef STORE_NETWORKS_H
#define STORE_NETWORKS_H

#include "db/db.h"

extern const struct stmt store_networks_stmts[];

struct network_row {
    const char *id;
};

/* NULL with err unset when org has no such network. */
struct network_row *store_networks_find(struct db_tx *tx, const char *org, const char *id,
                                        struct arena *mem, struct err *err) MUST_CHECK;
struct network_row *store_networks_find_by_name(struct db_tx *tx, const char *org, const char *name,
                                                struct arena *mem, struct err *err) MUST_CHECK;

/* Inserts it unless org has one of that name already, even one that was committed just now. */
bool store_networks_insert(struct db_tx *tx, const char *id, const char *org, const char *name,
                           struct arena *mem, struct err *err) MUST_CHECK;

#endif
