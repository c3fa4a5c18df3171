/* What a request goes through between the front end and its handler: who is calling, how often, is
 * the body right; on the loop for the data plane, on a worker for everything else. */
#ifndef WORK_PIPELINE_H
#define WORK_PIPELINE_H

#include "work/service.h"

/* For the front end of every loop. */
extern const struct http_hooks pipeline_hooks;

/* For handlers that run on the loop. Has a worker run ask(rq, err), with rq->unit set; then
 * then(rq) runs on the loop, with rq->err set when ask failed. A lane is not told meanwhile that
 * the client left; it asks before its answer begins, or from its read hook when that gives
 * nothing. */
void pipeline_work(struct request *rq, bool (*ask)(struct request *rq, struct err *err),
                   void (*then)(struct request *rq));

/* The same for what no cache holds: counted as a miss. */
void pipeline_ask(struct request *rq, bool (*ask)(struct request *rq, struct err *err),
                  void (*then)(struct request *rq));

/* On a worker: who calls a row with a key, a token or a client's secret, may they, and not too
 * often. For rows with ROUTE_LATE_CALLER; done before the handler for all others. */
bool pipeline_check_caller(struct request *rq, struct err *err) MUST_CHECK;

/* For handlers that run on a worker and do not honour Idempotency-Key: the answer comes later,
 * then(rq) runs on the loop when the handler has returned. */
void pipeline_go_on(struct request *rq, void (*then)(struct request *rq));

/* Ends a parked request: draws rq->out, or rq->err when it is set. */
void pipeline_finish(struct request *rq);

/* Draining is out of patience: ends what waits for a target. */
void pipeline_hurry(struct request *rq);

/* The lane of a streaming route, kept in rq->lane by its handler; its struct begins with this. */
struct lane {
    size_t (*upload)(struct request *rq, const char *bytes, size_t n);
    void (*uploaded)(struct request *rq);
    ssize_t (*read)(struct request *rq, char *to, size_t most);
    void (*gone)(struct request *rq);
    void (*hurry)(struct request *rq);
    void (*done)(struct request *rq); /* frees the lane */
};

#endif
