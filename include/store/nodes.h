/* Nodes and their leases, and the sweep over instances that nobody hears of. */
#ifndef STORE_NODES_H
#define STORE_NODES_H

#include "db/db.h"
#include "model/fleet.h"

extern const struct stmt store_nodes_stmts[];

/* A node lives for lease_ms more: inserted, or its lease moved. */
bool store_nodes_lives(struct db_tx *tx, const struct uuid *id, const char *url, int64_t lease_ms,
                       struct arena *mem, struct err *err) MUST_CHECK;

/* Takes it out; its sockets are nobody's. */
bool store_nodes_ends(struct db_tx *tx, const struct uuid *id, struct arena *mem,
                      struct err *err) MUST_CHECK;

/* Each does at most limit rows and says how many; -1: failed. Rows that someone else holds are left
 * for the next time. up_since_us: silence is not counted from before. */
long store_nodes_free(struct db_tx *tx, int64_t limit, struct arena *mem,
                      struct err *err) MUST_CHECK;
long store_nodes_forget(struct db_tx *tx, struct arena *mem, struct err *err) MUST_CHECK;
long store_nodes_silent(struct db_tx *tx, int64_t up_since_us, int64_t lost_ms, int64_t limit,
                        struct arena *mem, struct err *err) MUST_CHECK;
long store_nodes_fold(struct db_tx *tx, int64_t limit, struct arena *mem,
                      struct err *err) MUST_CHECK;

/* The instances whose sockets a node has had for longer than old_ms, as struct fleet_now with its
 * id alone; and of these, those that it turns out not to have. */
struct list *store_nodes_owned(struct db_tx *tx, const struct uuid *id, int64_t old_ms,
                               struct arena *mem, struct err *err) MUST_CHECK;
long store_nodes_drop(struct db_tx *tx, const struct uuid *id, int64_t old_ms,
                      const struct uuid *instances, size_t n, struct arena *mem,
                      struct err *err) MUST_CHECK;

/* Instances of no use any more: removed; a list of struct fleet_now (store/fleet.h). */
struct list *store_nodes_remove(struct db_tx *tx, int64_t up_since_us,
                                const struct fleet_sweep *rules, int64_t limit, struct arena *mem,
                                struct err *err) MUST_CHECK;

#endif
