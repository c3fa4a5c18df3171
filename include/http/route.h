/* Route rows: the same row dispatches, checks and documents. */
#ifndef HTTP_ROUTE_H
#define HTTP_ROUTE_H

#include "http/request.h"
#include "json/spec.h"

enum route_who {
    WHO_ANYONE,
    WHO_AGENT,  /* an agent token tk_…                       */
    WHO_KEY,    /* an API key rk_… with the row's scope      */
    WHO_CLIENT, /* as WHO_KEY, or an OAuth client that may have the scope, by its own secret */
};

enum route_flag {
    ROUTE_LOOP = 1 << 0,         /* the handler runs on the loop and may park; no database   */
    ROUTE_STREAM = 1 << 1,       /* the lane takes the body; without out_type it relays */
    ROUTE_CREATES = 1 << 2,      /* honours Idempotency-Key                                  */
    ROUTE_LAX_BODY = 1 << 3,     /* a missing or unreadable body counts as {}                */
    ROUTE_ETAG = 1 << 4,         /* answers carry ETag; If-Match / If-None-Match are honoured */
    ROUTE_QUIET = 1 << 5,        /* successes are not in the access log                      */
    ROUTE_PAGE = 1 << 6,         /* not part of the API document (pages for people)          */
    ROUTE_CSV = 1 << 7,          /* also answers text/csv, by Accept or a .csv path          */
    ROUTE_EMPTY_BODY = 1 << 8,   /* a missing body counts as {}                            */
    ROUTE_LATE_CALLER = 1 << 10, /* its handler has the caller checked (rows on the loop)  */
    ROUTE_FORM = 1 << 9,         /* the body may be a form (application/x-www-form-urlencoded) */
};

/* Limits a client can meet, by row; the settings are in "limits". */
enum route_limit {
    LIMIT_NONE,
    LIMIT_RUNTIME,   /* per calling agent and address, and per organization              */
    LIMIT_HEARTBEAT, /* per agent, and per address                                       */
    LIMIT_SELF,      /* per agent                                                        */
    LIMIT_OWNER,     /* per API key                                                      */
    LIMIT_CLIENT,    /* per client_id as given and address; per client once it is proved */
    LIMIT_VERIFY,    /* per caller                                                       */
    LIMIT_PUBLIC,    /* per address                                                      */
    LIMIT_MESH,      /* per API key or credential: many instances share one              */
};

enum { ROUTE_FAILS_MAX = 32 };

typedef bool handler_fn(struct request *rq, struct err *err);

struct route {
    const char *method, *path; /* "/api/agents/{id}"; a last "{path*}" takes the rest   */
    handler_fn *handler;
    const char *name, *summary; /* operationId; one line                                 */
    enum route_who who;
    unsigned scope;           /* bits of enum scope, all needed                        */
    const struct spec *in;    /* NULL: no body                                         */
    const struct spec *query; /* NULL: no parameters                                   */
    const struct spec *out;   /* NULL: no body, or a stream                            */
    int ok;                   /* success status; 0: it always fails                    */
    enum route_limit limit;
    unsigned flags;
    size_t body_max;            /* 0: 64 KiB                                             */
    size_t in_size;             /* size of the struct, when larger than in->size; 0: in->size */
    const void *defaults;       /* what the in struct begins as; NULL: zeroes            */
    const void *query_defaults; /* the same for query                                    */
    enum spec_mode mode;        /* SPEC_PATCH for PATCH                                  */
    enum err_code fails[ROUTE_FAILS_MAX]; /* besides what follows from the other cells    */
    const char *doc;             /* more for the manual, or NULL                          */
    const char *out_type;        /* media type of an answer that is not drawn from out    */
    const struct field *args;    /* what the {names} are, for the document; or NULL       */
    const struct field *headers; /* request headers that it reads, likewise               */
};

#define ROUTE_LAST                                                                                 \
    {                                                                                              \
        .method = NULL                                                                             \
    }

/* A dialect: words and an error shape over the one model. */
struct dialect {
    const char *name;
    const char *const *prefixes;       /* of the paths it owns, NULL-terminated      */
    const struct route *const *routes; /* tables, NULL-terminated                    */
    json_t *(*error)(const struct err *err, const char *request_id); /* new reference      */
    const struct spec *error_spec;           /* how that looks, for the document           */
    const char *(*word)(enum err_code code); /* its words for codes; NULL: err_name        */
    const char *const *scopes;               /* names of the bits of route.scope           */
    const char *doc;                         /* what it is for, in one sentence            */
};

struct router;

/* Builds the table. Ends the process when two rows have the same method and matching paths. */
struct router *router_new(const struct dialect *const *dialects);
void router_free(struct router *router);

/* Finds the row for a raw target and fills rq->route, dialect, path, args, rest, query. Every
 * segment is decoded by itself; %00, %2f, %5c, dot segments, an absolute target and bytes outside
 * printable ASCII are MALFORMED_REQUEST; then NOT_FOUND, or METHOD_NOT_ALLOWED with *allow set to
 * the value of the Allow header (also for OPTIONS, which has no rows). rq->dialect is set even
 * when it fails: to that of a row with this path, else to the owner of the longest prefix. */
bool router_match(const struct router *router, const char *method, const char *target,
                  struct request *rq, const char **allow, struct err *err) MUST_CHECK;

/* What router_new was given. */
const struct dialect *const *router_dialects(const struct router *router);

/* The word that a dialect has for a code. */
const char *route_word(const struct dialect *dialect, enum err_code code);

/* Every failure a row may answer: its own, and those that follow from its other cells. Sorted by
 * status; ends with ERR_NONE. */
void route_failures(const struct route *route, enum err_code fails[ERR_COUNT]);

#endif
