/* One connection: its socket, or the TLS on it, without ever waiting. */
#include "out/out_priv.h"

#include "base/must.h"

#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

struct conn *
conn_new(struct out *out, struct place *lane)
{
    struct conn *conn = must(calloc(1, sizeof *conn));

    conn->out = out;
    conn->lane = lane;
    conn->fd = -1;
    ring_put(&out->conns, &conn->all);
    ring_init(&conn->in_lane);
    ring_init(&conn->in_origin);
    ring_init(&conn->in_age);
    lane->refs++;
    lane->origin->open++;
    out->stats.connections++;
    return conn;
}

void
conn_close(struct conn *conn)
{
    struct out *out = conn->out;

    if (conn->state == CONN_KEPT)
        pool_forget(conn);
    if (conn->call != NULL)
        conn->call->conn = NULL;
    poll_remove(&conn->watch);
    dial_drop(conn);
    if (conn->ssl != NULL) {
        ERR_clear_error();
        if (!conn->lost && conn->state != CONN_SHAKING)
            SSL_shutdown(conn->ssl);
        SSL_free(conn->ssl);
        ERR_clear_error();
    }
    if (conn->fd >= 0)
        close(conn->fd);
    ring_take(&conn->all);
    out->stats.connections--;
    conn->lane->origin->open--;
    pool_drop(out, conn->lane);
    free(conn);
}

static void
shake(struct conn *conn)
{
    bool done = false;
    const char *note = "";
    enum err_code code = tls_step(conn, &done, &note);

    if (code == ERR_NONE && !conn_watch(conn, EPOLLIN | (conn->blocked ? EPOLLOUT : 0u)))
        code = ERR_CONNECTION_LIMIT;
    if (code != ERR_NONE) {
        call_is_lost(conn->call, code, note);
    } else if (done) {
        conn->state = CONN_OPEN;
        call_is_connected(conn->call);
    }
}

static void
on_ready(struct watch *watch, uint32_t events)
{
    struct conn *conn = RING_OF(struct conn, watch, watch);

    switch (conn->state) {
    case CONN_DIALING:
        dial_ready(conn);
        break;
    case CONN_SHAKING:
        shake(conn);
        break;
    case CONN_OPEN:
        exchange_ready(conn->call, events);
        break;
    case CONN_KEPT:
        if (!conn_is_quiet(conn))
            conn_close(conn);
        break;
    }
}

bool
conn_watch(struct conn *conn, uint32_t events)
{
    if (conn->watch.poll == NULL)
        return poll_add(conn->out->poll, &conn->watch, conn->fd, events, on_ready);
    poll_change(&conn->watch, events);
    return true;
}

void
conn_is_dialled(struct conn *conn, int fd)
{
    struct call *call = conn->call;

    conn->fd = fd;
    if (call == NULL) {
        conn_close(conn);
        return;
    }
    if (!call->url->https) {
        conn->state = CONN_OPEN;
        if (conn_watch(conn, EPOLLIN))
            call_is_connected(call);
        else
            call_is_lost(call, ERR_CONNECTION_LIMIT, "the kernel refuses to watch the socket");
        return;
    }
    conn->state = CONN_SHAKING;
    if (conn->out->tls != NULL)
        conn->ssl = tls_begin(conn->out->tls, call->url->host, fd);
    if (conn->ssl == NULL) {
        call_is_lost(call, ERR_TLS_CERTIFICATE_ERROR, "there is nothing to verify against");
        return;
    }
    call_arm(call);
    shake(conn);
}

/* What a failed TLS read or write means. */
static ssize_t
tls_outcome(struct conn *conn, int rc)
{
    switch (SSL_get_error(conn->ssl, rc)) {
    case SSL_ERROR_WANT_WRITE:
        conn->blocked = true;
        return CONN_AGAIN;
    case SSL_ERROR_WANT_READ:
        return CONN_AGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return CONN_END;
    default:
        conn->lost = true;
        ERR_clear_error();
        return CONN_LOST;
    }
}

ssize_t
conn_read(struct conn *conn, void *bytes, size_t n)
{
    assert(n <= INT_MAX);
    if (conn->ssl != NULL) {
        ERR_clear_error();
        int got = SSL_read(conn->ssl, bytes, (int)n);
        return got > 0 ? got : tls_outcome(conn, got);
    }
    ssize_t got = recv(conn->fd, bytes, n, MSG_DONTWAIT);
    if (got >= 0)
        return got;
    if (errno == EAGAIN || errno == EINTR)
        return CONN_AGAIN;
    conn->lost = true;
    return CONN_LOST;
}

ssize_t
conn_write(struct conn *conn, const void *bytes, size_t n)
{
    conn->blocked = false;
    if (conn->ssl != NULL) {
        ERR_clear_error();
        int put = SSL_write(conn->ssl, bytes, (int)(n < INT_MAX ? n : INT_MAX));
        ssize_t outcome = put > 0 ? put : tls_outcome(conn, put);
        conn->blocked = outcome == CONN_AGAIN;
        return outcome == CONN_END ? CONN_LOST : outcome;
    }
    ssize_t put = send(conn->fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (put >= 0)
        return put;
    if (errno == EAGAIN || errno == EINTR || errno == ENOBUFS) {
        conn->blocked = true;
        return CONN_AGAIN;
    }
    return CONN_LOST;
}

bool
conn_holds_bytes(const struct conn *conn)
{
    return conn->ssl != NULL && SSL_has_pending(conn->ssl);
}

bool
conn_is_quiet(struct conn *conn)
{
    char byte;
    ssize_t n = recv(conn->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

    /* TLS 1.3 sends tickets whenever it likes: reading on finds them, and nothing else. */
    if (n > 0 && conn->ssl != NULL)
        return conn_read(conn, &byte, 1) == CONN_AGAIN;
    return n < 0 && (errno == EAGAIN || errno == EINTR);
}
