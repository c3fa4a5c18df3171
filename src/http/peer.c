/* One client connection: its deadlines, and noticing that a suspended caller hung up. The rules are
 * those of docs/decisions/0001. */
#include "http/http_priv.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/* The deadline moves often; the timer is only moved when it would fire too late. */
void
peer_deadline(struct peer *peer, int64_t due)
{
    int64_t latest = peer->http->latest;

    if (peer->let_go)
        return;
    if (latest != 0 && (due == 0 || due > latest))
        due = latest;
    peer->deadline = due;
    if (due != 0 && (peer->timer.slot == 0 || peer->timer.due > due))
        timers_set(peer->http->options.timers, &peer->timer, due);
}

void
peer_let_go(struct peer *peer)
{
    poll_remove(&peer->watch);
    timers_stop(peer->http->options.timers, &peer->timer);
    peer->let_go = true;
}

static void
deadline_passed(struct timer *timer)
{
    struct peer *peer = (struct peer *)((char *)timer - offsetof(struct peer, timer));

    if (peer->deadline == 0)
        return;
    if (peer->deadline > clock_ms()) {
        timers_set(peer->http->options.timers, timer, peer->deadline);
        return;
    }
    /* Never close(): the descriptor is libmicrohttpd's, which finds the end by itself. */
    shutdown(peer->fd, SHUT_RDWR);
    peer->http->need_run = true;
}

void
peer_wake(struct http_conn *conn)
{
    struct http *http = conn->peer->http;

    if (conn->lingering)
        http->need_run = true;
    if (conn->waking || !conn->suspended)
        return;
    conn->waking = true;
    conn->next_waking = http->waking;
    http->waking = conn;
}

/* True when the caller of a streamed call has left and nobody else would notice. An upload under
 * way may still lie in the socket before the end, so it is let finish. */
bool
peer_has_left(struct http_conn *conn)
{
    if (!conn->peer->hung || !conn->stream || !conn->started || !conn->uploaded || conn->gone ||
        conn->held)
        return false;
    conn->gone = true;
    conn->peer->http->options.hooks->gone(conn->rq);
    return true;
}

/* The caller's socket hung up. Only one who waits needs us: libmicrohttpd sees the others. */
static void
peer_hung_up(struct watch *watch, uint32_t events)
{
    struct peer *peer = (struct peer *)((char *)watch - offsetof(struct peer, watch));
    struct http_conn *conn = peer->rq == NULL ? NULL : peer->rq->conn;

    (void)events;
    peer->hung = true;
    if (conn != NULL && (conn->suspended || conn->lingering) && peer_has_left(conn))
        peer_wake(conn);
}

static void
peer_begin(struct http *http, struct MHD_Connection *mhd, void **context)
{
    struct peer *peer = must(calloc(1, sizeof *peer));
    const union MHD_ConnectionInfo *info;

    info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    peer->http = http;
    peer->fd = info->connect_fd;
    peer->timer.fire = deadline_passed;
    info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    memcpy(&peer->address, info->client_addr,
           info->client_addr->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                                    : sizeof(struct sockaddr_in));
    origin_of_peer(peer);
    poll_add(http->options.poll, &peer->watch, peer->fd, EPOLLRDHUP | EPOLLET, peer_hung_up);
    peer_deadline(peer, clock_ms() + http->options.header_timeout);
    http->connections++;
    *context = peer;
}

void
peer_notify(void *cls, struct MHD_Connection *mhd, void **context,
            enum MHD_ConnectionNotificationCode code)
{
    struct http *http = cls;
    struct peer *peer = *context;

    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        peer_begin(http, mhd, context);
    } else if (peer != NULL) {
        poll_remove(&peer->watch);
        timers_stop(http->options.timers, &peer->timer);
        http->connections--;
        if (peer->upgrade != NULL)
            upgrade_push(http, peer->upgrade);
        free(peer);
        *context = NULL;
    }
}
