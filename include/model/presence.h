/* Presence: whether an agent is there, why we think so and what comes next. */
#ifndef MODEL_PRESENCE_H
#define MODEL_PRESENCE_H

#include "base/ids.h"

#include <stdint.h>

/* Stored as numbers: never renumber. */
enum presence_state {
    PRESENCE_ONLINE,
    PRESENCE_IDLE,
    PRESENCE_OFFLINE,
};

/* Stored as numbers: never renumber. */
enum presence_reason {
    REASON_NEVER_SEEN,
    REASON_HEARTBEAT,    /* a heartbeat "online"                                */
    REASON_TOLD_OFFLINE, /* a heartbeat "offline"                               */
    REASON_TRAFFIC,      /* a call to it succeeded                              */
    REASON_SILENCE,      /* nothing heard for the window                        */
    REASON_PROBE_SUCCEEDED,
    REASON_PROBE_FAILED,
    REASON_ARCHIVED,
    REASON_REVOKED,
    REASON_DISCONNECTED, /* its last socket has ended                          */
};

struct presence {
    int state;              /* enum presence_state                                 */
    int reason;             /* enum presence_reason                                */
    int64_t since;          /* ms since 1970, as all here                          */
    int64_t last_activity;  /* 0: never seen                                       */
    int64_t last_heartbeat; /* 0: none                                             */
    int64_t last_probe;     /* 0: none                                             */
    int64_t next_due;       /* when it changes if nothing is heard; 0: no change   */
    int becomes;            /* enum presence_state at next_due; itself when none   */
};

/* How many agents an organization has in service. */
struct org_agents {
    struct uuid org;
    int64_t agents;
};

struct transition {
    int64_t id;
    int64_t at;
    const char *agent_id, *permanent_id, *agent_name;
    int old_state, new_state;
    int reason;
    int64_t http_status; /* 0: none    */
    int64_t latency_ms;  /* -1: none   */
    const char *error;
};

#endif
