/* One event loop: a thread that owns its listening socket, its client connections, its upstream
 * connections and its timers. */
#ifndef WORK_LOOP_H
#define WORK_LOOP_H

#include "work/service.h"

struct loop;
struct sockets; /* work/sockets.h */

struct loop_options {
    struct service *service;
    int listen_fd;
    int64_t header_timeout, body_timeout, idle_timeout, request_timeout; /* ms */
    unsigned connections;
};

/* Makes the loop and starts its thread. */
struct loop *loop_open(const struct loop_options *options, struct err *err) MUST_CHECK;

/* Asks the thread to stop accepting. */
void loop_quiesce(struct loop *loop);

/* Asks the thread to end what is still parked on a target, with DRAINING or a cut stream, and to
 * cut, a few seconds later, the callers that do not take their answer. */
void loop_hurry(struct loop *loop);

/* Requests under way, as of the last round. */
size_t loop_count(const struct loop *loop);

/* Ends the thread (its requests must be over) and frees. */
void loop_close(struct loop *loop);

/* What the loop belongs to; its upstream sides: for proxied calls and for dispatches to agents, for
 * calls to other nodes; its poll and its timers; the sockets of agents that it holds. */
struct service *loop_service(struct loop *loop);
struct out *loop_out(struct loop *loop);
struct out *loop_hosted(struct loop *loop);
struct out *loop_peers(struct loop *loop);
struct poll *loop_poll(struct loop *loop);
struct timers *loop_timers(struct loop *loop);
struct sockets *loop_sockets(struct loop *loop);

/* Something for a loop, embedded in what is sent: read(mail) runs on its thread. What is sent is
 * bounded by its senders; all of it must have been read before the loop is closed. */
struct loop_mail {
    struct letter letter;
    void (*read)(struct loop_mail *mail);
};
void loop_send(struct loop *loop, struct loop_mail *mail);

/* Posts a request back to its loop, from any thread: rq->then(rq) is called there. */
void loop_post(struct request *rq);

#endif
