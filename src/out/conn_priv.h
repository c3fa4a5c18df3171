/* One connection of a loop, from the dial to its end, and the pool of those that are kept. */
#ifndef OUT_CONN_PRIV_H
#define OUT_CONN_PRIV_H

#include "out/call.h"

#include <curl/curl.h>
#include <openssl/ssl.h>

/* Things of one kind in a ring, by what is embedded in each; the head is no thing. */
struct ring {
    struct ring *next, *prev;
};

#define RING_OF(type, member, part) ((type *)(void *)((char *)(part)-offsetof(type, member)))

static inline void
ring_init(struct ring *ring)
{
    ring->next = ring->prev = ring;
}

static inline bool
ring_is_alone(const struct ring *ring)
{
    return ring->next == ring;
}

/* Becomes the first behind the head. */
static inline void
ring_put(struct ring *head, struct ring *part)
{
    part->prev = head;
    part->next = head->next;
    head->next->prev = part;
    head->next = part;
}

/* Fine when it is in no ring, as long as it was initialised. */
static inline void
ring_take(struct ring *part)
{
    part->prev->next = part->next;
    part->next->prev = part->prev;
    ring_init(part);
}

/* Where connections go: an origin (scheme, host, port) or, in an origin, a lane: one pool key. */
struct place {
    struct place *next;   /* in its bucket                         */
    struct place *origin; /* NULL: this is one                     */
    struct ring kept;     /* its unused connections, newest first  */
    size_t refs;          /* lanes, connections, calls that begin  */
    size_t open;          /* of an origin: its connections         */
    uint64_t hash;
    size_t key_size;
    char key[];
};

enum conn_state { CONN_DIALING, CONN_SHAKING, CONN_OPEN, CONN_KEPT };

struct conn {
    struct out *out;
    struct place *lane;
    struct call *call; /* NULL: kept, or dialled for a call that is gone */
    enum conn_state state;
    int fd;                /* -1 while libcurl has it, or the socket            */
    bool blocked;          /* the socket must become writable first             */
    bool readable;         /* it became so while the call was paused            */
    bool lost;             /* broken: not even TLS's good-bye is sent           */
    enum err_code refused; /* why no socket was made for some address           */
    const char *why;       /* the address is not one to dial                    */
    CURL *easy;            /* while dialling by name                            */
    SSL *ssl;
    struct watch watch;
    struct ring all;
    struct ring in_lane, in_origin, in_age; /* while kept */
    int64_t kept_until;
};

/* conn.c. A new one in a lane, not dialled yet. conn_close forgets its call, frees it. */
struct conn *conn_new(struct out *out, struct place *lane);
void conn_close(struct conn *conn);

/* The socket is connected: TLS begins, or the call is told. */
void conn_is_dialled(struct conn *conn, int fd);

/* Changes what the poll looks for; false when the kernel refuses. */
bool conn_watch(struct conn *conn, uint32_t events);

/* Both return how many bytes, or one of these. LOST is also an end of TLS without its good-bye. */
enum { CONN_END = 0, CONN_AGAIN = -1, CONN_LOST = -2 };
ssize_t conn_read(struct conn *conn, void *bytes, size_t n);
ssize_t conn_write(struct conn *conn, const void *bytes, size_t n);

/* Bytes are here already that the poll does not know of. */
bool conn_holds_bytes(const struct conn *conn);

/* Open, and nothing to read: fit for a request. */
bool conn_is_quiet(struct conn *conn);

/* dial.c: the name (by libcurl), the check of the address, and TCP. False: refused and why may say
 * more, and nothing is under way. */
bool dial_begin(struct conn *conn, const struct out_url *url);
void dial_ready(struct conn *conn); /* the socket that was dialled without libcurl is */
void dial_drop(struct conn *conn);
void dial_finish(CURL *easy, CURLcode result); /* what the multi calls */

/* tls.c */
struct trust {
    SSL_CTX *tls; /* NULL: the authorities could not be read */
};

SSL *tls_begin(SSL_CTX *tls, const char *host, int fd);

/* One step of the handshake; ERR_NONE and *done false: wait for the socket. */
enum err_code tls_step(struct conn *conn, bool *done, const char **note);

/* pool.c. A lane is held until pool_drop. */
struct place *pool_lane(struct out *out, const struct call_request *request);
void pool_drop(struct out *out, struct place *place);

/* A kept connection that is quiet, or NULL. */
struct conn *pool_take(struct out *out, struct place *lane);
void pool_keep(struct conn *conn);

/* Takes a kept connection out of the pool. */
void pool_forget(struct conn *conn);

/* Whether one more may be opened, closing the oldest kept one if need be. */
bool pool_has_room(struct out *out, struct place *lane);
void pool_age(struct timer *timer);

#endif
