/* One loop's calls, and one call: what call.c, exchange.c and out.c share. */
#ifndef OUT_PRIV_H
#define OUT_PRIV_H

#include "out/conn_priv.h"
#include "out/multi_priv.h"

#include "base/buf.h"
#include "out/frame.h"

enum {
    OUT_SCRATCH = 65536,         /* read at once                                    */
    OUT_ROUND = 4 * OUT_SCRATCH, /* most that is read from one connection in a turn */
    OUT_QUEUE = 65536,           /* request bytes that wait for the socket          */
    OUT_BUCKETS = 1024,
};

struct out {
    struct poll *poll;
    struct timers *timers;
    const struct guard *guard;
    const struct out_limits *limits;
    struct multi multi; /* dials, and does nothing else */
    SSL_CTX *tls;       /* NULL: no authorities could be read */
    struct place *buckets[OUT_BUCKETS];
    uint64_t seed;
    struct ring conns, calls;
    struct ring age; /* kept connections, newest first */
    struct timer age_timer;
    struct ring due; /* calls that want a turn */
    struct timer due_timer;
    struct out_stats stats;
    struct param fields[HEAD_FIELDS_MAX];
    char scratch[OUT_SCRATCH];
};

struct call {
    struct out *out;
    struct call_events events;
    void *arg;
    const struct out_url *url;
    struct conn *conn;
    struct ring all, due;
    struct timer timer;
    int64_t begun, moved, sent_at;

    struct buf request; /* what still has to be sent                            */
    int64_t body_left;  /* of the announced body; -1: chunked                   */
    bool is_head;       /* the method                                           */
    bool body_given;    /* no more will come from the caller                    */
    bool sent;          /* all went out, or no more shall                       */
    bool discard;       /* the target takes no more: the rest is thrown away    */
    bool wants_room;

    struct buf answer; /* read, not yet handed on */
    size_t scanned;
    int informational;
    struct frame frame;
    bool got_head, keep, complete, paused;
    bool pulled; /* the body is read by call_read; paused from ready until nothing is there */

    enum err_code code; /* fails with it at its next turn */
    const char *note;
    int inside; /* turns of it on the stack              */
    bool dead;  /* ended; freed when inside is 0         */
};

/* request.c: writes the head; NULL, or what is wrong with the request. */
const char *request_write(struct buf *buf, const struct call_request *request);

/* call.c. A turn encloses all that may call back; the call may be gone after call_leave. */
void call_enter(struct call *call);
void call_leave(struct call *call);

/* Gives it a turn soon, from the timers; sets its timer to its nearest deadline. */
void call_later(struct call *call);
void call_arm(struct call *call);

/* Fails at its next turn. */
void call_fail_later(struct call *call, enum err_code code, const char *note);

/* Ends of a call, within a turn. */
void call_fail(struct call *call, enum err_code code, const char *note);
void call_end(struct call *call);

/* Turns that a connection brings about. */
void call_is_connected(struct call *call);
void call_is_lost(struct call *call, enum err_code code, const char *note);

/* exchange.c. Both without calling back: sends what waits; reads what is here of a pulled body. */
void exchange_flush(struct call *call);
size_t exchange_pull(struct call *call, char *to, size_t most);

/* Inside a turn: goes on after a pause or a begin; after an event of the socket. */
void exchange_run(struct call *call);
void exchange_ready(struct call *call, uint32_t events);

#endif
