/* The pool of workers: plain sequential code, one PostgreSQL connection each. */
#ifndef WORK_WORKERS_H
#define WORK_WORKERS_H

#include "work/service.h"

struct workers;

/* queue: the most requests that wait. */
struct workers *workers_open(struct service *service, int count, size_t queue,
                             struct err *err) MUST_CHECK;

/* Gives a request to a worker: rq->ask(rq, &rq->err) is called there, with rq->unit set; then the
 * request is posted back to its loop. When the queue is full it comes back at once with
 * OVERLOADED. */
void workers_post(struct workers *workers, struct request *rq);

/* How many requests wait for a worker. */
size_t workers_queued(struct workers *workers);

/* Ends the threads; nothing may be queued any more. */
void workers_close(struct workers *workers);

#endif
