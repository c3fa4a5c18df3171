/* One request, from its first line to its access line: what the pipeline knows and a handler uses.
 */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include "base/arena.h"
#include "base/err.h"
#include "base/field.h"
#include "base/ids.h"
#include "base/mailbox.h"
#include "http/client.h"
#include "model/caller.h"

#include <jansson.h>

struct route;
struct dialect;
struct unit;         /* domain's; the pipeline only carries it */
struct cached_agent; /* likewise                               */
struct lane;         /* likewise                               */
struct http_conn;    /* the server's own side of the request   */

enum { REQUEST_ARGS_MAX = 4, REQUEST_HEADERS_MAX = 40 };

struct reply {
    int status;        /* 0: the route's own                                   */
    const char *type;  /* media type; NULL: application/json                   */
    const char *bytes; /* in the request's arena or static; NULL: drawn from rq->out */
    size_t size;
    struct param headers[REQUEST_HEADERS_MAX];
    size_t nheaders;
};

/* How far the limit of its row is used up; limit 0: not counted. */
struct rate_state {
    long long limit, remaining;
    int64_t reset_s; /* when the window ends, Unix time */
};

struct request {
    struct arena *mem;
    char id[REQUEST_ID_SIZE];
    const struct route *route; /* NULL while none matched                           */
    const struct dialect *dialect;
    const char *method;                 /* as sent; "HEAD" has the route of GET              */
    const char *path;                   /* raw, without the query                            */
    const char *rest;                   /* what stood for a trailing {path*}, or NULL: raw   */
    const char *args[REQUEST_ARGS_MAX]; /* decoded path segments, in the order of {names} */
    const char *raw_query;              /* as sent, behind the "?"; NULL: none             */
    struct params query;                /* decoded                                           */
    int64_t upload_size;                /* as announced; -1: chunked                         */
    const char *body;                   /* collected; NULL on streaming routes               */
    size_t body_size;
    json_t *json;               /* the body of a ROUTE_FORM row, parsed; NULL: not, or faulty */
    struct client_claim client; /* of a ROUTE_FORM row: what the client says it is   */
    const void *in;             /* filled struct of the route's in spec              */
    const void *params;         /* filled struct of the route's query spec           */
    const void *out;            /* set by the handler: struct of the route's out spec */
    struct reply reply;
    struct caller caller;
    struct rate_state rate;
    char client_ip[46];  /* after trusted proxies                             */
    char trace_id[33];   /* of traceparent, or fresh                          */
    int64_t started_us;  /* clock_us                                          */
    int64_t deadline_ms; /* clock_ms: parked work must be back by then        */
    struct unit *unit;   /* set on a worker                                   */
    struct http_conn *conn;
    const char *issuer;         /* our public address; NULL: none                    */
    struct err err;             /* why it failed, when it did                        */
    int64_t etag;               /* set by the handler: row version; 0: no ETag       */
    bool parked;                /* set by a ROUTE_LOOP handler that answers later    */
    struct cached_agent *agent; /* the calling agent, held until the end             */
    struct lane *lane;          /* of a streaming route; work's                      */
    void *task;                 /* what a parked handler waits for                   */
    /* What a worker is to do for it, and what the loop does afterwards. */
    bool (*ask)(struct request *rq, struct err *err);
    void (*then)(struct request *rq);
    struct letter letter; /* for mailboxes                                     */
};

/* A header of the request, by name in any case; NULL when absent. */
const char *request_header(const struct request *rq, const char *name);

/* Calls each(arg, name, value) for every header. */
void request_headers(const struct request *rq,
                     void (*each)(void *arg, const char *name, const char *value), void *arg);

/* Adds a header to the reply; name and value must live as long as rq. A value that could not be
 * sent (CR, LF, NUL) is a programming error (asserted). */
void reply_header(struct request *rq, const char *name, const char *value);

#endif
