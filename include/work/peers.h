/* Dispatches that another daemon of the same database asks us to send down a socket of ours. */
#ifndef WORK_PEERS_H
#define WORK_PEERS_H

#include "http/request.h"
#include "json/spec.h"

struct peers_visit {
    const char *dispatch_id, *instance; /* UUIDs                        */
    int64_t fence, timeout_ms;
    const char *frame; /* JSON text of the whole frame */
};

struct peers_answer {
    bool sent;
    const char *code, *result, *agent_code, *agent_message;
};

extern const struct spec peers_visit_spec, peers_answer_spec;

/* Handler of the row: UNAUTHORIZED unless it is a node that asks; else parks, and answers how it
 * ended. */
bool peers_accept(struct request *rq, struct err *err) MUST_CHECK;

#endif
