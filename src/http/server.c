/* One libmicrohttpd daemon, driven by its loop: the path of a request from its first line to its
 * end. The rules are those of docs/decisions/0001. */
#include "http/http_priv.h"

#include "base/clock.h"
#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
    CONNECTION_MEMORY = 16 * 1024,        /* heads are bounded by it                            */
    BODY_MAX = 64 * 1024,                 /* unless the row says otherwise                      */
    DISCARD_MAX = 256 * 1024,             /* of a refused chunked body before we cut            */
    EARLY_DISCARD_MAX = 64 * 1024 * 1024, /* of an upload that is answered before its end */
    EARLY_DEADLINE = 10 * 1000,           /* ms for that upload to end                          */
    TARGET_MAX = 4096,
    BUSY_LEAST = 3, /* requests in one run: more are likely to be answered in the next */
    LINGER_RUNS = 16,
    LINGER_MOST = 64, /* each of them is looked at in every run */
};

/* The request line is here: the request begins. */
static void *
begin_request(void *cls, const char *uri, struct MHD_Connection *mhd)
{
    struct http *http = cls;
    struct peer *peer =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    struct arena *mem = arena_new();
    struct request *rq = ARENA_NEW(mem, struct request);
    struct http_conn *conn = ARENA_NEW(mem, struct http_conn);
    int64_t now = clock_us();

    *conn = (struct http_conn){ .peer = peer, .mhd = mhd, .rq = rq, .stream_size = -2 };
    rq->mem = mem;
    rq->conn = conn;
    rq->started_us = now;
    ids_request(rq->id);
    conn->target = arena_textn(mem, uri, strnlen(uri, TARGET_MAX + 1));
    conn->target_end = uri + strlen(uri);
    conn->next = http->first;
    if (http->first != NULL)
        http->first->prev = conn;
    http->first = conn;
    http->count++;
    http->progress++;
    peer->rq = rq;
    /* On a kept connection the head of the next request has its own time. */
    int64_t due = now / 1000 + http->options.header_timeout;
    if (peer->deadline == 0 || peer->deadline > due)
        peer_deadline(peer, due);
    return rq;
}

static void
stop_lingering(struct http_conn *conn)
{
    conn->peer->http->lingering -= conn->lingering ? 1 : 0;
    conn->lingering = false;
}

static void
end_request(void *cls, struct MHD_Connection *mhd, void **context,
            enum MHD_RequestTerminationCode code)
{
    struct http *http = cls;
    struct request *rq = *context;

    (void)mhd;
    (void)code;
    if (rq == NULL)
        return;
    *context = NULL;
    struct http_conn *conn = rq->conn;
    stop_lingering(conn);
    if (conn->started)
        http->options.hooks->done(rq);
    upgrade_ended(conn);
    assert(!conn->waking);
    if (conn->prev != NULL)
        conn->prev->next = conn->next;
    else
        http->first = conn->next;
    if (conn->next != NULL)
        conn->next->prev = conn->prev;
    http->count--;
    conn->peer->rq = NULL;
    peer_deadline(conn->peer, clock_ms() + http->options.idle_timeout);
    buf_done(&conn->body);
    arena_free(rq->mem);
}

static enum MHD_Result
park(struct http_conn *conn)
{
    if (peer_has_left(conn))
        return MHD_NO;
    conn->suspended = true;
    MHD_suspend_connection(conn->mhd);
    return MHD_YES;
}

/* With the whole request here, libmicrohttpd asks again in each run until there is an answer. An
 * answer that comes while the loop is busy anyway saves the way out of its epoll and back, and a
 * receive that finds nothing. While somebody lingers the loop does not sleep: after a run in which
 * little happened, all who still linger are suspended. */
static enum MHD_Result
linger(struct http_conn *conn)
{
    struct http *http = conn->peer->http;

    if (!conn->soon || !http->busy || http->lingering >= LINGER_MOST ||
        conn->lingered >= LINGER_RUNS || conn->peer->hung)
        return park(conn);
    conn->lingered++;
    conn->lingering = true;
    http->lingering++;
    return MHD_YES;
}

/* Gives the request to the hook; it may answer at once. */
static void
start(struct http_conn *conn)
{
    struct request *rq = conn->rq;

    conn->started = true;
    conn->state = CONN_PARKED;
    rq->deadline_ms = clock_ms() + conn->peer->http->options.request_timeout;
    conn->peer->http->options.hooks->start(rq);
}

/* The reply is final: queue it, or cut. */
static enum MHD_Result
send_reply(struct http_conn *conn)
{
    const struct http_options *options = &conn->peer->http->options;

    conn->state = CONN_SENDING;
    conn->peer->http->progress++;
    /* A reply from memory must be read in a bounded time; a stream has the lane's deadlines. */
    peer_deadline(conn->peer, conn->stream_size != -2 ? 0 : clock_ms() + options->body_timeout);
    return reply_queue(conn) ? MHD_YES : MHD_NO;
}

/* Checks the head, finds the row, decides whether the body may come. */
static void
read_head(struct http_conn *conn, const char *method, const char *version, int64_t *body_size)
{
    const struct http *http = conn->peer->http;
    struct request *rq = conn->rq;
    const char *allow = NULL;

    rq->method = arena_text(rq->mem, method);
    conn->old = strcmp(version, "HTTP/1.0") == 0;
    origin_read(rq, conn->peer, http->options.trusted);
    if (!framing_check(conn->mhd, version, body_size, &rq->err) ||
        !framing_check_raw(conn->mhd, conn->target_end, version, &rq->err)) {
        conn->closing = true;
        /* Which dialect draws it is told by the path, if it can be told at all. */
        struct err ignored = { 0 };
        if (!router_match(http->options.router, method, conn->target, rq, &allow, &ignored))
            rq->route = NULL;
        return;
    }
    if (strlen(conn->target) > TARGET_MAX) {
        /* The path, or the beginning of it, still tells which dialect draws the error. */
        err_set(&rq->err, ERR_URI_TOO_LONG, NULL, NULL);
        size_t size = strcspn(conn->target, "?");
        conn->target = arena_textn(rq->mem, conn->target, size < TARGET_MAX ? size : TARGET_MAX);
    }
    struct err *err = &rq->err, unmatched = { 0 };
    if (!router_match(http->options.router, method, conn->target, rq, &allow,
                      err->code == ERR_NONE ? err : &unmatched)) {
        if (allow != NULL)
            reply_header(rq, "Allow", allow);
        return;
    }
    conn->stream = err->code == ERR_NONE && (rq->route->flags & ROUTE_STREAM) != 0;
    size_t most = rq->route->body_max != 0 ? rq->route->body_max : BODY_MAX;
    buf_init(&conn->body, most);
    if (err->code == ERR_NONE && !conn->stream && *body_size > (int64_t)most) {
        err_set(err, ERR_PAYLOAD_TOO_LARGE, NULL, NULL);
        err_fact_number(err, "limit", (long long)most);
    }
}

/* A streaming lane decides on the head alone whether it wants the body: until then the body, and
 * "100 Continue", wait. */
static enum MHD_Result
head_parked(struct http_conn *conn)
{
    if (conn->cut)
        return MHD_NO;
    if (conn->answered) {
        conn->closing = conn->rq->upload_size != 0;
        return send_reply(conn);
    }
    if (!conn->accepting) {
        conn->state = CONN_PARKED;
        return park(conn);
    }
    conn->in_body = true;
    conn->state = CONN_BODY;
    return MHD_YES;
}

/* The first call of the access handler for a request: its head is here. */
static enum MHD_Result
head_came(struct http_conn *conn, const char *method, const char *version)
{
    int64_t body_size;
    const struct http_options *options = &conn->peer->http->options;

    read_head(conn, method, version, &body_size);
    conn->state = CONN_BODY;
    conn->rq->upload_size = body_size;
    peer_deadline(conn->peer, conn->stream ? 0 : clock_ms() + options->body_timeout);
    if (conn->rq->err.code != ERR_NONE && (body_size != 0 || conn->closing)) {
        /* Refused with a body on its way: answering in this call closes the connection, and no
         * "100 Continue" invites the body. */
        conn->closing = true;
        start(conn);
        return conn->answered ? send_reply(conn) : park(conn);
    }
    if (!conn->stream)
        return MHD_YES;
    start(conn);
    return head_parked(conn);
}

static enum MHD_Result
collect(struct http_conn *conn, const char *bytes, size_t *n)
{
    struct request *rq = conn->rq;

    if (rq->err.code == ERR_NONE && !buf_put(&conn->body, bytes, *n)) {
        err_set(&rq->err, ERR_PAYLOAD_TOO_LARGE, NULL, NULL);
        err_fact_number(&rq->err, "limit", (long long)conn->body.limit);
    }
    if (rq->err.code != ERR_NONE) {
        /* A reply may only be queued when the body has ended: let a little of it pass. */
        conn->closing = true;
        conn->discarded += *n;
    }
    *n = 0;
    return conn->discarded > DISCARD_MAX ? MHD_NO : MHD_YES;
}

static enum MHD_Result
stream_in(struct http_conn *conn, const char *bytes, size_t *n)
{
    if (conn->answered) {
        /* An early answer: the rest of the upload is of no use, but it must pass first. */
        conn->closing = true;
        conn->discarded += *n;
        *n = 0;
        return conn->discarded > EARLY_DISCARD_MAX ? MHD_NO : MHD_YES;
    }
    size_t taken = conn->peer->http->options.hooks->upload(conn->rq, bytes, *n);
    *n -= taken;
    if (conn->cut)
        return MHD_NO;
    return *n > 0 && !conn->answered ? park(conn) : MHD_YES;
}

static enum MHD_Result
body_ended(struct http_conn *conn)
{
    struct request *rq = conn->rq;

    if (conn->stream) {
        if (!conn->uploaded) {
            conn->uploaded = true;
            if (!conn->answered)
                conn->peer->http->options.hooks->uploaded(rq);
        }
    } else if (!conn->started) {
        rq->body = buf_cstr(&conn->body);
        rq->body_size = buf_size(&conn->body);
        start(conn);
    }
    if (conn->cut)
        return MHD_NO;
    return conn->answered ? send_reply(conn) : linger(conn);
}

static enum MHD_Result
handle(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
       const char *version, const char *bytes, size_t *n, void **context)
{
    struct request *rq = *context;
    struct http_conn *conn = rq->conn;
    enum MHD_Result result;

    (void)cls;
    (void)mhd;
    (void)url;
    stop_lingering(conn);
    if (conn->cut || conn->gone)
        return MHD_NO;
    conn->in_handler = true;
    if (conn->state == CONN_HEAD)
        result = head_came(conn, method, version);
    else if (conn->stream && !conn->in_body)
        result = head_parked(conn);
    else if (conn->closing && conn->answered && *n == 0)
        result = send_reply(conn);
    else if (*n > 0)
        result = conn->stream ? stream_in(conn, bytes, n) : collect(conn, bytes, n);
    else
        result = body_ended(conn);
    conn->in_handler = false;
    return result;
}

void
http_answer(struct request *rq)
{
    struct http_conn *conn = rq->conn;

    assert(!conn->answered);
    conn->answered = true;
    conn->state = CONN_READY;
    if (conn->stream && conn->accepting && !conn->uploaded)
        peer_deadline(conn->peer, clock_ms() + EARLY_DEADLINE);
    peer_wake(conn);
}

void
http_accept(struct request *rq)
{
    rq->conn->accepting = true;
    peer_wake(rq->conn);
}

void
http_expect(struct request *rq)
{
    rq->conn->soon = true;
}

void
http_answer_stream(struct request *rq, int64_t size)
{
    rq->conn->stream_size = size;
    http_answer(rq);
}

bool
http_answer_whole(struct request *rq, const char *bytes, size_t size)
{
    if (rq->conn->state != CONN_READY)
        return false;
    rq->conn->stream_size = -2;
    rq->reply.bytes = bytes;
    rq->reply.size = size;
    return true;
}

bool
http_can_upgrade(const struct request *rq)
{
    return !rq->conn->old && rq->upload_size == 0 && !rq->conn->closing &&
           strcmp(rq->method, "GET") == 0;
}

void
http_answer_upgrade(struct request *rq,
                    void (*take)(void *arg, int fd, const char *extra, size_t n), void *arg)
{
    assert(rq->conn->upgrade == NULL);
    rq->conn->upgrade = upgrade_new(take, arg);
    rq->reply.status = MHD_HTTP_SWITCHING_PROTOCOLS;
    http_answer(rq);
}

void
http_wake(struct request *rq)
{
    peer_wake(rq->conn);
}

void
http_cut(struct request *rq)
{
    rq->conn->cut = true;
    peer_wake(rq->conn);
}

void
http_hold(struct request *rq)
{
    rq->conn->held = true;
}

void
http_release(struct request *rq)
{
    struct http_conn *conn = rq->conn;

    conn->held = false;
    if (conn->late || conn->peer->hung)
        peer_wake(conn);
    conn->late = false;
}

void *
http_owner(const struct request *rq)
{
    return rq->conn->peer->http->options.owner;
}

/* Routing is done on the raw target, so nothing is decoded here. */
static size_t
keep_raw(void *cls, struct MHD_Connection *mhd, char *text)
{
    (void)cls;
    (void)mhd;
    return strlen(text);
}

static void
log_library(void *cls, const char *format, va_list args)
{
    char text[256];

    (void)cls;
    if (!log_wants(LOG_DEBUG))
        return;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    vsnprintf(text, sizeof text, format, args);
#pragma GCC diagnostic pop
    text[strcspn(text, "\r\n")] = '\0';
    log_event(LOG_DEBUG, "libmicrohttpd", LOG_T("text", text));
}

static void
daemon_ready(struct watch *watch, uint32_t events)
{
    struct http *http = (struct http *)((char *)watch - offsetof(struct http, watch));

    (void)events;
    http->need_run = true;
}

struct http *
http_open(const struct http_options *options, struct err *err)
{
    struct http *http = must(calloc(1, sizeof *http));

    http->options = *options;
    http->upgrades_end = &http->upgrades;
    http->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_ALLOW_UPGRADE | MHD_USE_ERROR_LOG, 0, NULL,
        NULL, handle, http, MHD_OPTION_EXTERNAL_LOGGER, log_library, http, MHD_OPTION_LISTEN_SOCKET,
        options->listen_fd, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
        MHD_OPTION_CONNECTION_LIMIT, options->connections, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)((options->idle_timeout + 999) / 1000), MHD_OPTION_STRICT_FOR_CLIENT, 0,
        MHD_OPTION_UNESCAPE_CALLBACK, keep_raw, NULL, MHD_OPTION_URI_LOG_CALLBACK, begin_request,
        http, MHD_OPTION_NOTIFY_COMPLETED, end_request, http, MHD_OPTION_NOTIFY_CONNECTION,
        peer_notify, http, MHD_OPTION_END);
    if (http->daemon == NULL) {
        err_fault(err, ERR_INTERNAL_ERROR, "libmicrohttpd did not start");
        goto no_daemon;
    }
    int fd = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    if (!poll_add(options->poll, &http->watch, fd, EPOLLIN, daemon_ready)) {
        err_fault(err, ERR_INTERNAL_ERROR, "epoll refused libmicrohttpd's: %s", strerror(errno));
        goto no_watch;
    }
    return http;

no_watch:
    MHD_stop_daemon(http->daemon);
no_daemon:
    free(http);
    return NULL;
}

void
http_run(struct http *http)
{
    while (http->waking != NULL) {
        struct http_conn *conn = http->waking;

        http->waking = conn->next_waking;
        conn->waking = false;
        /* libmicrohttpd would end a connection that hung up, and with it what another thread has.
         */
        conn->late = conn->held;
        if (conn->held)
            continue;
        conn->suspended = false;
        MHD_resume_connection(conn->mhd);
        http->need_run = true;
    }
    MHD_UNSIGNED_LONG_LONG due;
    if (!http->need_run && (MHD_get_timeout(http->daemon, &due) != MHD_YES || due > 0))
        return;
    http->need_run = false;
    http->busy = http->progress >= BUSY_LEAST;
    http->progress = 0;
    MHD_run(http->daemon);
    upgrade_give(http);
}

int
http_wait(struct http *http, int most)
{
    MHD_UNSIGNED_LONG_LONG due;

    if (http->waking != NULL || http->need_run)
        return 0;
    if (MHD_get_timeout(http->daemon, &due) == MHD_YES && due < (unsigned)most)
        return (int)due;
    return most;
}

void
http_quiesce(struct http *http)
{
    int fd = MHD_quiesce_daemon(http->daemon);

    if (fd >= 0)
        close(fd);
    http->need_run = true;
}

void
http_hurry(struct http *http, int64_t latest)
{
    http->latest = latest;
    for (struct http_conn *conn = http->first; conn != NULL; conn = conn->next)
        peer_deadline(conn->peer, conn->peer->deadline);
}

size_t
http_count(const struct http *http)
{
    return http->count;
}

size_t
http_connections(const struct http *http)
{
    return http->connections;
}

void
http_each(struct http *http, void (*each)(struct request *rq))
{
    for (struct http_conn *conn = http->first, *next; conn != NULL; conn = next) {
        next = conn->next;
        each(conn->rq);
    }
}

void
http_close(struct http *http)
{
    poll_remove(&http->watch);
    MHD_stop_daemon(http->daemon);
    upgrade_give(http);
    free(http);
}
