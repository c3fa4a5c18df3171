/* One dispatch, as the files of dispatches see it. */
#ifndef WORK_DISPATCH_PRIV_H
#define WORK_DISPATCH_PRIV_H

#include "base/buf.h"
#include "model/fleet.h"
#include "work/dispatch.h"
#include "work/loop.h"
#include "work/pipeline.h"
#include "work/sockets.h"

enum { FLIGHT_ANSWER_MAX = 4 * 1024 * 1024 };

struct flight;

/* In the memory of a request that has no lane of its own: what is left to do when it ends. */
struct dispatch_watch {
    struct lane lane;
    struct flight *flight; /* NULL: it has ended */
};

struct flight {
    struct request *rq; /* NULL: the caller does not want it any more      */
    struct dispatch_watch *watch;
    struct loop *loop;
    const struct dispatch_want *want;
    void (*then)(struct request *rq);
    struct uuid id;
    char id_text[UUID_TEXT_SIZE];
    int64_t due_ms;
    struct flight *next, *prev;        /* of the loop                                            */
    struct arena *mem;                 /* what outlives the caller                               */
    bool asking;                       /* a worker has it                                        */
    const struct fleet_target *target; /* NULL: none was chosen                                  */
    const char *text;                  /* the frame, or the body for a hosted agent              */
    const struct out_url *url;         /* of a hosted agent, or of the node with the socket     */
    const char *body, *proof;          /* of the call; what it says of the node that sends it   */
    size_t given;                      /* of the body                                           */
    bool sent;                         /* the agent may have got it                             */
    bool in_delivery;
    struct delivery delivery;
    struct call *call;
    struct timer timer;
    struct buf answer;
    int status;
    bool too_large;
};

/* How it ended: result, or why is set; of HANDLER_ERROR what the agent said. */
struct outcome {
    const char *result;
    struct err why;
    const char *agent_code, *agent_message;
};

/* A lane that is told nothing but the end. */
struct lane dispatch_lane(void (*done)(struct request *rq));

/* Ends a flight: the caller is told, and it is freed. */
void flight_end(struct flight *f, const struct outcome *outcome);
void flight_fail(struct flight *f, enum err_code code, const char *note);

/* The agent itself has refused. */
void flight_refused(struct flight *f, const char *code, const char *message);

/* Posts f->body to f->url until f->due_ms; ends in hosted_answered or peers_answered, or a failure.
 */
void flight_call(struct flight *f, struct out *out, const struct params *headers);
void hosted_answered(struct flight *f);

/* --- peers.c --- */

/* On a worker: where the node is that holds the target's socket, and what we show there. */
bool peers_address(struct unit *u, const struct guard *guard, struct flight *f,
                   struct err *err) MUST_CHECK;

/* Sends it there; what came back. */
void peers_call(struct flight *f);
void peers_answered(struct flight *f);

static inline struct flight *
flight_of(const struct request *rq)
{
    return rq->task;
}

#endif
