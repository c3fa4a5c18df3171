/* JSON-RPC answers of A2A, 0.3 and 1.0: whole responses as text in mem, with the caller's id. */
#ifndef API_MESH_RPC_DRAW_H
#define API_MESH_RPC_DRAW_H

#include "api/mesh/rpc.h"
#include "base/err.h"
#include "model/session.h"

/* A task as it stands. */
struct rpc_task {
    const char *id;         /* of the message                              */
    const char *context_id; /* as the caller gave it; NULL: the task's own */
    int state;              /* enum message_state                          */
    int64_t at;             /* since when, ms                              */
    const char *result;     /* JSON text; NULL: none                       */
    const char *problem;    /* a sentence for a state of failure; NULL: none */
};

/* The answer to each method, and the first event of a stream. */
char *rpc_draw_task(const struct rpc_call *call, const struct rpc_task *task, struct arena *mem);

/* An event of a stream: what the agent answered. task->result is set. */
char *rpc_draw_artifact(const struct rpc_call *call, const struct rpc_task *task,
                        struct arena *mem);

/* An event of a stream: the state; the last one when it is final. */
char *rpc_draw_status(const struct rpc_call *call, const struct rpc_task *task, struct arena *mem);

/* What is wrong with a request. */
char *rpc_draw_fault(const struct rpc_call *call, const struct rpc_fault *fault, struct arena *mem);

/* An error of ours, with its facts; word: what this dialect calls its code. task_id NULL: there is
 * no task. */
char *rpc_draw_error(const struct rpc_call *call, const struct err *err, const char *word,
                     const char *task_id, struct arena *mem);

#endif
