/* Dispatches: one call of a skill of an agent, sent down the socket of one of its instances, or to
 * the URL of a hosted one; by whatever route it was asked for. At most once: nothing is sent again.
 */
#ifndef WORK_DISPATCH_H
#define WORK_DISPATCH_H

#include "base/must.h"
#include "http/request.h"

struct loop;

struct dispatch_want {
    const struct uuid *agent; /* one of the three is set                                 */
    const char *agent_type;
    const char *instance_id;
    const char *skill_id;   /* not empty                                               */
    const char *args;       /* text of a JSON object; NULL: {}                         */
    const char *session_id; /* UUID, or NULL                                           */
    int64_t timeout_ms;     /* 0: the setting                                          */
};

struct dispatch_done {
    const char *dispatch_id; /* UUID                                                    */
    const char *instance_id; /* who had it; NULL: it was not sent                       */
    const char *agent_type;
    const char *result; /* JSON text of any kind; NULL when rq->err is set         */
    const char *agent_code, *agent_message; /* of HANDLER_ERROR, else NULL         */
};

/* On the loop, in a handler of a ROUTE_LOOP or ROUTE_STREAM row, for the organization of
 * rq->caller: parks rq; then(rq) runs on the loop when it has ended, with rq->task a struct
 * dispatch_done in rq->mem, and rq->err set when it failed: AGENT_NOT_FOUND, INSTANCE_NOT_FOUND,
 * SESSION_NOT_FOUND, SESSION_CLOSED (nothing was sent), NO_AVAILABLE_INSTANCE, AGENT_BUSY,
 * AGENT_DISCONNECTED, DISPATCH_TIMEOUT, HANDLER_ERROR (with the agent's own code and message as
 * facts), DISPATCH_AUTH_UNAVAILABLE, DATABASE_UNAVAILABLE, OVERLOADED. want is borrowed until then.
 */
void dispatch_begin(struct request *rq, const struct dispatch_want *want,
                    void (*then)(struct request *rq));

/* The caller does not want it any more: then(rq) is not called; an answer is dropped. On the loop,
 * between dispatch_begin and then. */
void dispatch_cancel(struct request *rq);

/* Draining is out of patience: what waits for a hosted agent or another node ends with DRAINING. */
void dispatch_hurry(struct loop *loop);

#endif
