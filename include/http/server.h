/* The front end of one loop: a libmicrohttpd daemon on its own epoll, driven by the loop's thread.
 * It reads requests, checks their framing, matches them, collects bodies and sends replies; what a
 * request means is behind the hooks. Every function and hook runs on the loop's thread. */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include "base/must.h"
#include "base/poll.h"
#include "base/timers.h"
#include "http/route.h"

#include <sys/types.h>

struct http;

enum {
    HTTP_READ_END = -1,   /* the body is complete                                       */
    HTTP_READ_ABORT = -2, /* it broke off: the connection is cut, so that the client sees it */
};

struct http_hooks {
    /* The request is here: with its body, or only its head on a ROUTE_STREAM row. Must lead to one
     * http_answer (or, for a stream, http_answer_stream), now or later. rq->err may be set already:
     * then the hook only draws it. */
    void (*start)(struct request *rq);
    /* It is over; frees what the lane holds. rq ends after this. */
    void (*done)(struct request *rq);
    /* Streaming rows only; the body waits until http_accept. upload: takes up to n bytes of the
     * body, says how many; when it took fewer, http_wake offers the rest again. uploaded: the body
     * is complete. read: gives bytes of the answer, HTTP_READ_END or HTTP_READ_ABORT, or 0:
     * http_wake asks again. gone: the client hung up; the request will end without an answer. */
    size_t (*upload)(struct request *rq, const char *bytes, size_t n);
    void (*uploaded)(struct request *rq);
    ssize_t (*read)(struct request *rq, char *to, size_t most);
    void (*gone)(struct request *rq);
};

struct http_options {
    struct poll *poll;
    struct timers *timers;
    const struct router *router;
    const struct http_hooks *hooks;
    void *owner;          /* for the hooks: http_owner(rq)              */
    int listen_fd;        /* taken over                                 */
    unsigned connections; /* most at once                               */
    int64_t header_timeout, body_timeout, idle_timeout; /* ms, absolute        */
    int64_t request_timeout;         /* ms: sets rq->deadline_ms                   */
    const struct http_nets *trusted; /* whose X-Forwarded-For counts; or NULL  */
};

/* Opens HOST:PORT count times with SO_REUSEPORT, one socket for each loop; port 0 is chosen by the
 * kernel. Refuses a port that anyone else has. *port says which. INTERNAL_ERROR with a reason. */
bool http_listen(const char *address, int *fds, int count, int *port, struct err *err) MUST_CHECK;

struct http *http_open(const struct http_options *options, struct err *err) MUST_CHECK;

/* What must happen after each round of the loop: resumes what is ready and lets libmicrohttpd work
 * when it has something to do. */
void http_run(struct http *http);

/* How long the loop may sleep, at most `most` ms. */
int http_wait(struct http *http, int most);

/* The reply in rq->reply (and rq->out, already drawn) is final: sends it. */
void http_answer(struct request *rq);

/* The same for a streamed answer: rq->reply.status and headers are final, the body comes by the
 * read hook. size -1: not known. */
void http_answer_stream(struct request *rq, int64_t size);

/* After http_answer_stream, when the whole body is known before anything was sent: the answer goes
 * out from rq->reply.bytes and size at once. False when sending has begun: the read hook goes on.
 */
bool http_answer_whole(struct request *rq, const char *bytes, size_t size);

/* Whether the connection of a request could be handed over: HTTP/1.1, GET, no body. */
bool http_can_upgrade(const struct request *rq);

/* Instead of an answer: 101 with rq->reply.headers ("Connection: Upgrade" and
 * "Upgrade: websocket" are added), and then the
 * connection is no longer ours: take gets the descriptor (non-blocking, its own from now on) and
 * the n bytes that were read behind the head (borrowed). It costs this front end nothing from then
 * on. fd -1: it did not come to that, because the client has gone. Called once, on the loop, after
 * the request is over, and not from inside this function. Needs http_can_upgrade. */
void http_answer_upgrade(struct request *rq,
                         void (*take)(void *arg, int fd, const char *extra, size_t n), void *arg);

/* A streaming row: the body may come. */
void http_accept(struct request *rq);

/* A streaming row: the answer is likely to come soon, and until it does no other thread gets the
 * request. While the loop has other things to do, it is not suspended, which is dear. */
void http_expect(struct request *rq);

/* Another thread has the request until http_release: a caller that hangs up is noticed afterwards.
 */
void http_hold(struct request *rq);
void http_release(struct request *rq);

/* A stream can go on: there is room for the upload, or something to read. */
void http_wake(struct request *rq);

/* Cuts the connection without an answer, or in the middle of one. */
void http_cut(struct request *rq);

/* The owner given with the options. */
void *http_owner(const struct request *rq);

/* Stops accepting; afterwards http_count falls to 0 as requests end. http_close needs it to be 0.
 */
void http_quiesce(struct http *http);
size_t http_count(const struct http *http);       /* requests under way  */
size_t http_connections(const struct http *http); /* open connections    */
/* From now on no request lasts longer than until latest (clock_ms): its connection is shut down. */
void http_hurry(struct http *http, int64_t latest);
/* Calls each for every request under way. */
void http_each(struct http *http, void (*each)(struct request *rq));
void http_close(struct http *http);

/* Nets of trusted proxies: "10.0.0.0/8, ::1/128"; VALIDATION_ERROR. In mem. */
struct http_nets *http_nets_read(const char *text, struct arena *mem, struct err *err) MUST_CHECK;

#endif
