/* The one row that says since when heartbeats could be taken. */
#ifndef STORE_SERVICE_STATE_H
#define STORE_SERVICE_STATE_H

#include "db/db.h"

extern const struct stmt store_service_state_stmts[];

struct service_state {
    int64_t up_since_us;
};

/* Marks that a node is alive; when the last mark is older than gap_ms, a new run begins now. */
struct service_state *store_service_state_mark(struct db_tx *tx, int64_t gap_ms, struct arena *mem,
                                               struct err *err) MUST_CHECK;

/* Takes the session's lock on the health check, if nobody has it; whether this session holds it. It
 * goes with the connection. */
struct service_lead {
    bool leads;
};
struct service_lead *store_service_state_lead(struct db_tx *tx, struct arena *mem,
                                              struct err *err) MUST_CHECK;

/* Whether the database answers: reads a row and throws it away. */
bool store_service_state_ping(struct db_tx *tx, struct arena *mem, struct err *err) MUST_CHECK;

#endif
