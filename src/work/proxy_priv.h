/* One proxied call, as the files of the proxy see it. */
#ifndef WORK_PROXY_PRIV_H
#define WORK_PROXY_PRIV_H

#include "base/buf.h"
#include "work/dispatch.h"
#include "work/pipeline.h"

enum { FORWARD_HEADERS_MAX = 64, HOPS_MAX = 8 };

struct proxied {
    struct lane lane; /* first: rq->lane points here              */
    struct request *rq;
    struct cached_connection *connection;
    struct cached_agent *target;  /* as the connection says                   */
    struct cached_agent *answers; /* who is called: the target or its fallback */
    struct uuid missing;          /* what a worker is asked for               */
    struct call *call;            /* NULL: not begun, or over                 */
    struct buf answer;            /* came, not sent on yet                    */
    bool answering;               /* the head of the answer was handed on     */
    bool ended, broken, paused, left;
    bool pulled;            /* the answer is not gathered here, but read as it is sent on */
    const char *protocol;   /* X-Tragentics-Protocol, or NULL           */
    const char *outcome;    /* for the record; a literal                */
    int status;             /* what the caller is told; 0: nothing yet  */
    int64_t sent, received; /* bytes of the bodies                      */
    int64_t expected;       /* of the answer; -1: not known             */
    int64_t head_us;        /* clock_us of the answer's head; 0: none   */
    struct param headers[FORWARD_HEADERS_MAX];
    size_t nheaders;
    /* When the target is called through its instances: */
    bool dispatching; /* the body is collected, then sent as a dispatch */
    bool in_dispatch; /* that is under way                              */
    struct buf upload;
    struct dispatch_want want;
};

/* Fills p->headers with what goes to the target: an allow-list of the caller's headers, what we
 * say about the call, and the target's key. They live as long as p->answers is held. */
bool proxy_headers(struct proxied *p, struct err *err) MUST_CHECK;

/* Puts the headers of an answer that the caller may see into the reply. */
void proxy_reply_headers(struct request *rq, const struct params *headers);

/* Nothing was handed on yet: the caller gets an error of ours. In proxy.c. */
void proxy_refuse(struct proxied *p, enum err_code code, const char *note);

/* proxy_dispatch.c: the target is an agent of the mesh. begin: its body may come; upload: takes all
 * of it, up to a bound; uploaded: it is here. */
void proxy_dispatch_begin(struct proxied *p);
void proxy_dispatch_upload(struct proxied *p, const char *bytes, size_t n);
void proxy_dispatch_uploaded(struct proxied *p);

/* Writes the record of a call, and the sign of life of who answered. */
void proxy_record(struct proxied *p);

#endif
