/* The states of instances: what happened to them, and which of them may be called. */
#ifndef STORE_FLEET_H
#define STORE_FLEET_H

#include "db/db.h"
#include "model/fleet.h"

extern const struct stmt store_fleet_stmts[];

/* An instance after a change. */
struct fleet_now {
    struct uuid id, agent;
    const char *name;
    int64_t fence;
    bool refused; /* the caller of its row has lost its rights */
    bool alone;   /* the agent has no other instance that could be called, after all of the batch */
    struct uuid org;
};

/* Applies rows in the order of the instances; node: this one. A socket that
 * moves here from another node leaves a hint for it. A list of struct fleet_now, those of one agent
 * next to each other. */
struct list *store_fleet_apply(struct db_tx *tx, const struct fleet_row *rows, size_t n,
                               const struct fleet_node *node, struct arena *mem,
                               struct err *err) MUST_CHECK;

/* Keeps what agents said of themselves when they connected. */
bool store_fleet_hello(struct db_tx *tx, const struct uuid *ids, const struct texts *versions,
                       const struct texts *cards, struct arena *mem, struct err *err) MUST_CHECK;

/* Whose instances are asked for. */
struct fleet_agent {
    struct uuid id;
    int life; /* enum agent_life */
};

/* By id, or by agent_type or permanent id; NULL with err unset when there is none. */
struct fleet_agent *store_fleet_agent(struct db_tx *tx, const struct fleet_want *want,
                                      struct arena *mem, struct err *err) MUST_CHECK;

/* The routable instances of an agent that are not full: fewest sessions first, then the one whose
 * last dispatch is longest ago. Of a large fleet those behind a place are looked at. */
struct list *store_fleet_routable(struct db_tx *tx, const struct uuid *agent,
                                  const struct uuid *place, struct arena *mem,
                                  struct err *err) MUST_CHECK;

/* One instance of an organization, whatever its state: as struct fleet_target; by its name, or by
 * its id when that is given. NULL with err unset when there is none. */
struct fleet_found {
    struct fleet_target target;
    bool routable, full;
};
struct fleet_found *store_fleet_find(struct db_tx *tx, const struct fleet_want *want,
                                     const struct uuid *id, struct arena *mem,
                                     struct err *err) MUST_CHECK;

/* The instance of that name, of whatever organization; NULL with err unset when there is none. */
struct fleet_seat *store_fleet_seat(struct db_tx *tx, const char *instance_id, struct arena *mem,
                                    struct err *err) MUST_CHECK;

/* The session of want, and the instance that is bound to it for an agent (zero: none). */
struct fleet_session {
    int status; /* enum session_status */
    struct uuid instance;
};
struct fleet_session *store_fleet_session(struct db_tx *tx, const struct fleet_want *want,
                                          const struct uuid *agent, struct arena *mem,
                                          struct err *err) MUST_CHECK;

/* Binds, unless another is bound already, and counts a turn. */
bool store_fleet_bind(struct db_tx *tx, const char *session, const struct fleet_target *target,
                      struct arena *mem, struct err *err) MUST_CHECK;

#endif
