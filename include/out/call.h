/* One HTTP/1.1 exchange with a target, on the loop that owns it: libcurl dials names, OpenSSL
 * verifies, the exchange on the connection is ours, kept alive in a pool. Nothing is ever sent
 * twice. All functions and callbacks run on the thread of the loop. */
#ifndef OUT_CALL_H
#define OUT_CALL_H

#include "base/err.h"
#include "base/field.h"
#include "base/poll.h"
#include "base/timers.h"
#include "out/guard.h"
#include "out/trust.h"

struct out;
struct call;

struct out_limits {
    int connect_ms;  /* name, TCP and TLS together                                     */
    int response_ms; /* from the whole request sent to the head of the answer          */
    int idle_ms;     /* between two pieces of the answer, or of the request; a target that
                        waits on us (paused) is not idle                               */
    int total_ms;    /* of one call; 0: none                                           */
    int keep_ms;     /* how long an unused connection is kept                          */
    int connections; /* most open at once, kept ones included                          */
    int per_origin;  /* of these to one scheme, host and port                          */
    size_t head_max; /* bytes of the head of an answer                                 */
    int names_s;     /* how long the addresses of a name are remembered; each lookup walks
                        over all that are                                              */
};

/* One per loop. guard, limits and trust (NULL: no https call is made) are borrowed and must outlive
 * it. */
struct out *out_new(struct poll *poll, struct timers *timers, const struct guard *guard,
                    const struct out_limits *limits, const struct trust *trust);

/* Cancels what is under way (no callbacks) and closes all. */
void out_free(struct out *out);

/* The head of an answer; borrowed for the time of the callback. */
struct call_head {
    int status;                   /* 200–599; 1xx are swallowed, 101 is an HTTP_PROTOCOL_ERROR */
    const struct params *headers; /* names in lower case, values trimmed; framing and
                                     hop-by-hop ones (RFC 9110 7.6.1, and those that Connection
                                     names) left out                                     */
    int64_t body_size;            /* -1: not known                                             */
    bool no_body;                 /* HEAD, 204, 304                                            */
};

struct call_events {
    /* The head came. Not called when fail is. */
    void (*head)(void *arg, const struct call_head *head);
    /* A piece of the body; never while paused. */
    void (*body)(void *arg, const char *bytes, size_t n);
    /* The answer is complete; the call is freed on return. Not after call_pull. */
    void (*end)(void *arg);
    /* It failed, before or after the head, perhaps while paused; the call is freed on return. The
     * code is one of the RFC 9209 family; note is for the log. */
    void (*fail)(void *arg, enum err_code code, const char *note);
    /* More of the request body may be given (after call_send took less than all). */
    void (*room)(void *arg);
    /* More of the answer may be read (after call_read found none); only after call_pull. */
    void (*ready)(void *arg);
};

struct call_request {
    const struct out_url *url; /* borrowed until end or fail                            */
    const char *target;        /* request target; NULL: that of the url                 */
    const char *method;
    const struct params *headers; /* NULL: none; without Host, framing and hop-by-hop ones; all is
                                     checked again: one of these, a name that is no token or a
                                     value with a control character fails the call with
                                     HTTP_PROTOCOL_ERROR before anything is sent             */
    int64_t body_size;            /* -1: chunked; 0: none                                  */
    const void *pool_key;         /* connections are shared only among calls with equal keys: */
    size_t pool_key_size;         /* the identity that is injected; at most 64 bytes       */
};

/* Begins a call; never NULL. Callbacks come later, never from within. The headers are copied. */
struct call *call_begin(struct out *out, const struct call_request *request,
                        const struct call_events *events, void *arg);

/* Gives body bytes; how many were taken (less than n: wait for room). The sum may not pass
 * body_size. call_send_end: the body is complete. An answer that comes before the body is
 * complete is handed on; when it is a refusal (400 and up), or the target takes no more, the rest
 * of the body is taken and thrown away. */
size_t call_send(struct call *call, const void *bytes, size_t n);
void call_send_end(struct call *call);

/* Backpressure on the answer: no head, body or end callback between the two; the socket is not
 * read. */
void call_pause(struct call *call);
void call_resume(struct call *call);

/* Instead of body callbacks, from the head callback of an answer whose size is known on: the body
 * is read by call_read, straight from the socket, when there is somewhere to put it. What call_read
 * does not ask for holds the target back, and no deadline runs meanwhile. */
void call_pull(struct call *call);

/* How many bytes were read; 0: none are here, and ready or fail will be called. With the last ones
 * the answer is complete: *over, the call is freed, and end is not called. */
size_t call_read(struct call *call, char *to, size_t most, bool *over);

/* Ends it at once, without callbacks; its connection is closed. */
void call_cancel(struct call *call);

/* For the metrics. */
struct out_stats {
    size_t connections, kept, calls;
    unsigned long long dials, reuses;
};
struct out_stats out_stats(const struct out *out);

#endif
