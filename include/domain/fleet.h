/* What happens to instances: signs of life, sockets that come and go, how dispatches end; and which
 * instance is called next. */
#ifndef DOMAIN_FLEET_H
#define DOMAIN_FLEET_H

#include "domain/core.h"
#include "model/fleet.h"

/* Applies a batch, all or nothing; rows of one instance may occur once only (it sorts them by
 * name). Presence of the agents follows, in a transaction of its own: a sign of life makes an agent
 * online, and one that has lost its last socket offline unless it has another instance. False:
 * either failed; what is missing comes with the next sign of life. */
bool fleet_apply(struct unit *u, struct fleet_row *rows, size_t n, struct err *err) MUST_CHECK;

/* --- who may connect --- */

/* The instance of that name, for a socket of the caller. In this order: INSTANCE_NOT_FOUND when it
 * is of another organization and isolation is strict, else TENANT_MISMATCH; INSTANCE_NOT_FOUND;
 * DEPLOYMENT_MODE_MISMATCH when it is hosted. */
struct fleet_seat *fleet_find_seat(struct unit *u, const char *instance_id,
                                   struct err *err) MUST_CHECK;

/* --- who is called --- */

enum { FLEET_CANDIDATES = 16 };

/* The instances that may be called, the best first: at most FLEET_CANDIDATES of struct
 * fleet_target. INSTANCE_NOT_FOUND, AGENT_NOT_FOUND, SESSION_NOT_FOUND, SESSION_CLOSED,
 * NO_AVAILABLE_INSTANCE (never an empty list). */
struct list *fleet_candidates(struct unit *u, const struct fleet_want *want,
                              struct err *err) MUST_CHECK;

/* Binds the session of want to the target that was chosen. */
bool fleet_bind(struct unit *u, const struct fleet_want *want, const struct fleet_target *target,
                struct err *err) MUST_CHECK;

/* --- nodes --- */

/* Says that this node lives, for lease_ms more. */
bool fleet_node_lives(struct unit *u, int64_t lease_ms, struct err *err) MUST_CHECK;

/* This node ends: its sockets are nobody's. */
bool fleet_node_ends(struct unit *u, struct err *err) MUST_CHECK;

/* Frees the sockets that this node should have for a minute and more, and has not: their end was
 * not written, or it was not known whether their beginning was. *dropped: how many. */
bool fleet_drop_lost(struct unit *u, bool (*has)(void *arg, const struct uuid *instance), void *arg,
                     long *dropped, struct err *err) MUST_CHECK;

/* Frees the sockets of nodes whose lease is over; marks silent instances as unhealthy; removes
 * those of no use any more; folds the counts. mark_ms as in presence_sweep: silence is not counted
 * from a time at which no node was up. In steps of bounded size; several nodes may do so at once.
 */
bool fleet_sweep(struct unit *u, const struct fleet_sweep *rules, int64_t mark_ms, bool *more,
                 struct err *err) MUST_CHECK;

#endif
