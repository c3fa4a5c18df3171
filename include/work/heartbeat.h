/* Heartbeats: taken on the loop, committed by the writer, acknowledged afterwards. */
#ifndef WORK_HEARTBEAT_H
#define WORK_HEARTBEAT_H

#include "domain/presence.h"
#include "http/request.h"
#include "work/frames.h"

/* What a heartbeat is answered with. */
struct heartbeat_agent {
    const char *id;
    int status;             /* enum presence_state */
    int64_t last_heartbeat; /* ms since 1970       */
};

struct heartbeat_answer {
    const char *heartbeat; /* "accepted" */
    struct heartbeat_agent agent;
    int64_t next_due_in; /* seconds until the agent would become idle; 0 when offline */
};

/* Handler of the row: rq->args[0] is the agent of the path, online what the body said. Parks. Fails
 * with TOKEN_MISMATCH, AGENT_NOT_FOUND, AGENT_UNAVAILABLE, DATABASE_UNAVAILABLE or OVERLOADED. */
bool heartbeat_accept(struct request *rq, bool online, struct err *err) MUST_CHECK;

/* Handler of the row of instances: one of the caller's organization says how it is. Parks, and is
 * answered with out. Fails with INSTANCE_NOT_FOUND, DATABASE_UNAVAILABLE or OVERLOADED. */
bool heartbeat_of_instance(struct request *rq, const struct frame_heartbeat *beat, const void *out,
                           struct err *err) MUST_CHECK;

#endif
