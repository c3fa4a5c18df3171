/* What the files of this room share: one client connection, one request's side of it. */
#ifndef HTTP_PRIV_H
#define HTTP_PRIV_H

#include "base/buf.h"
#include "http/server.h"

#include <microhttpd.h>
#include <netinet/in.h>

enum conn_state {
    CONN_HEAD,    /* the request line came; headers are awaited          */
    CONN_BODY,    /* collecting, or streaming, the body                  */
    CONN_PARKED,  /* given to the hook; suspended unless inside a callback */
    CONN_READY,   /* the reply is final; not queued yet                  */
    CONN_SENDING, /* queued                                              */
};

/* One client connection, for as long as libmicrohttpd has it. */
struct peer {
    struct http *http;
    int fd;
    struct watch watch;      /* only for the hang-up of a suspended caller  */
    struct timer timer;      /* fires no later than the deadline            */
    int64_t deadline;        /* clock_ms; 0: none                           */
    struct request *rq;      /* the one under way, or NULL                  */
    bool hung;               /* the client has closed its side              */
    bool let_go;             /* it is somebody else's: hands off            */
    struct upgrade *upgrade; /* to be given away once this has ended      */
    struct sockaddr_storage address;
    char address_text[46]; /* the same; a v6 address that stands for a v4 one as that */
};

/* One request's side of a connection. */
struct http_conn {
    struct peer *peer;
    struct MHD_Connection *mhd;
    struct request *rq;
    enum conn_state state;
    const char *target;     /* raw, in the arena                          */
    const char *target_end; /* where it ended in libmicrohttpd's buffer   */
    struct buf body;
    size_t discarded;       /* bytes of a refused body that were let pass */
    bool in_handler;        /* inside the access handler or the reader    */
    bool suspended, waking; /* waking: in the list of those to be resumed */
    bool soon, lingering;   /* the answer is likely to come soon; waits unsuspended */
    unsigned lingered;      /* runs                                                 */
    bool cut;               /* end it without an answer                   */
    bool gone;              /* the client hung up                         */
    bool stream, started;
    bool accepting, in_body, uploaded; /* a stream: its body is wanted; may come; is here */
    bool answered;                     /* http_answer was called                     */
    bool closing;                      /* the connection must end with this reply    */
    bool old;                          /* HTTP/1.0                                   */
    struct upgrade *upgrade;           /* the answer is 101, and the connection goes */
    int64_t stream_size;               /* -1: not known; -2: not a stream            */
    uint64_t sent;                     /* bytes of a streamed answer so far          */
    bool held;                         /* another thread has the request             */
    bool late;                         /* was to wake meanwhile                      */
    struct http_conn *next_waking;
    struct http_conn *prev, *next; /* all under way                           */
};

struct http {
    struct http_options options;
    struct MHD_Daemon *daemon;
    struct watch watch; /* of libmicrohttpd's epoll                   */
    bool need_run;
    bool busy;         /* much happened in the last run: others may linger   */
    unsigned progress; /* requests begun and replies queued in this run      */
    size_t lingering;  /* requests                                           */
    struct http_conn *waking;
    struct http_conn *first; /* all requests under way                     */
    size_t count, connections;
    struct upgrade *upgrades, **upgrades_end; /* to be given away at the end of the round */
    int64_t latest; /* no deadline may be later (clock_ms); 0: any       */
};

struct http_net {
    unsigned char address[16];
    int bits;
};

struct http_nets {
    const struct http_net *v;
    size_t n;
};

/* peer.c. libmicrohttpd's callback at the begin and end of a connection; cls: struct http. */
void peer_notify(void *cls, struct MHD_Connection *mhd, void **context,
                 enum MHD_ConnectionNotificationCode code);

/* The connection is shut down at this time (clock_ms) unless it is moved; 0: never. It moves often:
 * the timer is only moved when it would fire too late. */
void peer_deadline(struct peer *peer, int64_t due);

/* The connection is somebody else's from now on: no deadline, no watch. */
void peer_let_go(struct peer *peer);

/* Has the request resumed at the end of the round; nothing happens when it is not suspended. */
void peer_wake(struct http_conn *conn);

/* True, once, when the caller of a streamed call has left and nobody else would notice: the gone
 * hook was called. */
bool peer_has_left(struct http_conn *conn);

/* Refuses a head that holds bytes which libmicrohttpd 0.9.75 hides from us: a NUL in the target or
 * a value, a folded line, a bare LF. It parses in place, so they show as gaps between what it gives
 * us. Other versions refuse these themselves: true for them. target_end: where the target ended in
 * its buffer. MALFORMED_REQUEST. */
bool framing_check_raw(struct MHD_Connection *mhd, const char *target_end, const char *version,
                       struct err *err) MUST_CHECK;

/* Refuses what libmicrohttpd lets pass although two readers could understand it differently
 * (RFC 9112, sections 3 and 6). MALFORMED_REQUEST. *body_size: -1 chunked, else the length. */
bool framing_check(struct MHD_Connection *mhd, const char *version, int64_t *body_size,
                   struct err *err) MUST_CHECK;

/* Fills rq->client_ip and rq->trace_id from the connection and its headers. */
void origin_read(struct request *rq, const struct peer *peer, const struct http_nets *trusted);

/* Fills peer->address_text. */
void origin_of_peer(struct peer *peer);

/* upgrade.c. What a request has whose connection will be handed over. */
struct upgrade *upgrade_new(void (*take)(void *arg, int fd, const char *extra, size_t n),
                            void *arg);

/* The response of an answer that hands the connection over; NULL when libmicrohttpd has
 * none. */
struct MHD_Response *upgrade_response(struct http_conn *conn);

/* The request is over; whether it was one that hands the connection over is seen here. */
void upgrade_ended(struct http_conn *conn);

/* In line to be given away. */
void upgrade_push(struct http *http, struct upgrade *upgrade);

/* Gives away what is in line. */
void upgrade_give(struct http *http);

/* Queues the final reply; false when libmicrohttpd refuses it. */
bool reply_queue(struct http_conn *conn);

#endif
