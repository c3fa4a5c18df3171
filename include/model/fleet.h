/* What happens to instances, for batches; and which of them may be called. */
#ifndef MODEL_FLEET_H
#define MODEL_FLEET_H

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
    int64_t holds;             /* the fence of a socket that lives here; 0: none              */
    int64_t succeeded, failed; /* dispatches that ended                                       */
    const char *error;         /* code of the last, when that failed; else NULL                 */
    /* Filled in by fleet_apply: */
    bool applied;      /* false: there is no such instance (any more)                  */
    int64_t fence;     /* with connect: of the socket                                   */
    struct uuid agent; /* whose instance it is                                          */
};

/* This node, as the others know it. */
struct fleet_node {
    struct uuid id;
    const char *url;
    int64_t cache; /* cache_node: whose hints it need not read */
};

/* Whose instances are asked for. */
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
    struct bytes url_sealed, dispatch_url_sealed, secret_sealed;
    struct uuid owner; /* node that holds its socket; zero: hosted */
    const char *owner_url;
    int64_t fence, sessions;
};

/* An instance as a handshake needs it. */
struct fleet_seat {
    struct uuid id, org;
    const char *instance_id, *agent_type;
    int mode;
};

/* When instances are given up; milliseconds, 0: never. */
struct fleet_sweep {
    int64_t lost_ms;           /* without a heartbeat: unhealthy                   */
    int64_t gone_connected_ms; /* without socket and heartbeat: removed            */
    int64_t gone_hosted_ms;    /* after so many failures in a row, and silent: removed */
    int64_t fails;
};

#endif
