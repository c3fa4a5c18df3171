/* What happens to instances: signs of life, sockets that come and go, how dispatches end; and which
 * instance is called next. */
#ifndef DOMAIN_FLEET_H
#define DOMAIN_FLEET_H

#include "domain/core.h"
#include "model/instance.h"

/* What happened to one instance, for a batch: merged where it happened twice. Zeroed (but for
 * status, sessions, max_sessions, reported_failures: -1) it says nothing. */
struct fleet_row {
    struct uuid org;         /* whose caller says so: an instance of another is not there    */
    const char *instance_id; /* borrowed                                                     */
    bool seen;               /* a heartbeat, a pong, an answer                               */
    int status;              /* enum instance_status as it reports; -1: as before             */
    int64_t sessions, max_sessions, reported_failures; /* -1: as before                       */
    bool connect;              /* its socket is here, on this node, and newer than any other    */
    int64_t gone;              /* the fence of a socket here that ended; 0: none                */
    bool left;                 /* with gone: the agent closed it, or was not heard of           */
    int64_t succeeded, failed; /* dispatches that ended                                       */
    const char *error;         /* code of the last, when that failed; else NULL                 */
    /* Filled in by fleet_apply: */
    bool applied;      /* false: there is no such instance (any more)                  */
    int64_t fence;     /* with connect: of the socket                                   */
    struct uuid agent; /* whose instance it is                                          */
};

/* Applies a batch in one transaction; rows of one instance may occur once only. Presence of the
 * agents follows: a sign of life makes an agent online, and one that has lost its last socket
 * offline unless it has another instance. All or nothing. */
bool fleet_apply(struct unit *u, struct fleet_row *rows, size_t n, struct err *err) MUST_CHECK;

/* --- who is called --- */

struct fleet_want {
    struct uuid org;
    const struct uuid *agent; /* one of the three is set: whose instances              */
    const char *agent_type;   /* (or a permanent id agt-…)                             */
    const char *instance_id;  /* this one and no other                                 */
    const char *session_id;   /* UUID; NULL: none. Its instance of that type, else the chosen
                                 one is bound to it: SESSION_NOT_FOUND, SESSION_CLOSED  */
};

/* An instance that may be called. */
struct fleet_target {
    struct uuid id, org, agent;
    const char *instance_id, *agent_type; /* agent_type: the permanent id when it has none */
    int mode, scheme;
    bool auth_required;
    struct bytes url_sealed, dispatch_url_sealed, secret_sealed;
    struct uuid owner; /* node that holds its socket; zero: hosted */
    const char *owner_url;
    int64_t fence, sessions;
};

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

/* Says that this node lives, for lease_ms more. url: where other nodes reach it. */
bool fleet_node_lives(struct unit *u, const struct uuid *node, const char *url, int64_t lease_ms,
                      struct err *err) MUST_CHECK;

/* This node ends: its sockets are nobody's. */
bool fleet_node_ends(struct unit *u, const struct uuid *node, struct err *err) MUST_CHECK;

/* Frees the sockets of nodes whose lease is over; marks instances that were silent for lost_ms as
 * unhealthy; removes those of no use any more (0: never): connected ones without a socket for
 * gone_connected_ms, hosted ones that failed fails times and were silent for gone_hosted_ms. Folds
 * the counts. In steps of bounded size; several nodes may do so at once. */
struct fleet_sweep {
    int64_t lost_ms, gone_connected_ms, gone_hosted_ms, fails;
};
bool fleet_sweep(struct unit *u, const struct fleet_sweep *rules, bool *more,
                 struct err *err) MUST_CHECK;

#endif
