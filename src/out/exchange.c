/* The exchange on a connection: sends what is queued, reads the answer, hands it on. Bytes of a
 * request are never sent a second time, whatever happens to the connection. */
#include "out/out_priv.h"

#include "base/clock.h"

#include <string.h>
#include <sys/epoll.h>

enum {
    INFORMATIONAL_MAX = 8,
    FIRST_READ = 16 * 1024, /* with the head: what comes with it is copied once more */
};

static const char cut_off[] = "closed in the middle of the answer";
static const char cannot_watch[] = "the kernel refuses to watch the socket";

static void
settle_request(struct call *call)
{
    call->sent = true;
    call->sent_at = call->moved;
    buf_done(&call->request);
    call_arm(call);
}

/* Nothing more goes out: the answer may still come, and says why. */
static void
stop_sending(struct call *call)
{
    call->discard = true;
    call->keep = false;
    call->conn->blocked = false;
    if (!call->sent)
        settle_request(call);
}

void
exchange_flush(struct call *call)
{
    while (buf_size(&call->request) > 0 && !call->sent) {
        ssize_t n = conn_write(call->conn, buf_bytes(&call->request), buf_size(&call->request));

        if (n == CONN_AGAIN)
            return;
        call->moved = clock_ms();
        if (n < 0) {
            stop_sending(call);
            return;
        }
        buf_drop(&call->request, (size_t)n);
    }
    if (call->body_given && !call->sent)
        settle_request(call);
}

static void
begin_body(struct call *call, const struct head *head)
{
    bool no_body = call->is_head || head->status == 204 || head->status == 304;
    struct call_head told = { head->status, &head->headers, head->length, no_body };

    if (!no_body && head->chunked)
        told.body_size = -1;
    frame_begin(&call->frame, head, no_body, call->out->limits->head_max);
    call->got_head = true;
    call->keep = !head->close && !call->discard;
    /* A target that refuses will not read on; one that agrees may answer while it reads. */
    if (!call->sent && head->status >= 400)
        stop_sending(call);
    if (call->events.head != NULL)
        call->events.head(call->arg, &told);
}

/* Returns how many bytes were used; 0: the head goes on, or the call failed. */
static size_t
take_head(struct call *call, char *bytes, size_t n)
{
    size_t most = call->out->limits->head_max;
    ssize_t size = head_find(bytes, n, &call->scanned);
    struct head head;

    if (size < 0) {
        call_fail(call, ERR_HTTP_PROTOCOL_ERROR, "the answer does not begin like HTTP/1.1");
        return 0;
    }
    if ((size_t)size > most || (size == 0 && n >= most)) {
        call_fail(call, ERR_RESPONSE_HEADERS_TOO_LARGE, "the head of the answer is too large");
        return 0;
    }
    if (size == 0)
        return 0;
    call->scanned = 0;
    enum err_code code = head_parse(bytes, (size_t)size, call->out->fields, &head);
    if (code != ERR_NONE)
        call_fail(call, code, head.fault);
    else if (head.status == 101 || (head.status < 200 && ++call->informational > INFORMATIONAL_MAX))
        call_fail(call, ERR_HTTP_PROTOCOL_ERROR, "an upgrade, or too many interim answers");
    else if (head.status >= 200)
        begin_body(call, &head);
    return call->dead ? 0 : (size_t)size;
}

/* Hands on what n bytes mean, until the caller pauses or ends the call; how many were used. */
static size_t
take(struct call *call, char *bytes, size_t n)
{
    size_t done = 0;

    while (!call->got_head) {
        size_t size = take_head(call, bytes + done, n - done);

        done += size;
        if (size == 0 || call->dead)
            return done;
    }
    while (!call->dead && !call->paused && !call->complete) {
        struct piece piece;
        size_t used;

        switch (frame_next(&call->frame, bytes + done, n - done, &used, &piece)) {
        case FRAME_MORE:
            return done + used;
        case FRAME_PIECE:
            done += used;
            if (call->events.body != NULL)
                call->events.body(call->arg, piece.bytes, piece.n);
            break;
        case FRAME_END:
            done += used;
            call->complete = true;
            break;
        case FRAME_BAD:
            call_fail(call, ERR_HTTP_PROTOCOL_ERROR, "the chunks of the answer are broken");
            return done;
        }
    }
    return done;
}

/* The bytes and what an earlier turn left of the answer; the rest is left for a later one. */
static void
digest(struct call *call, char *bytes, size_t n)
{
    struct buf *rest = &call->answer;
    size_t used = 0;

    if (buf_size(rest) == 0) {
        used = take(call, bytes, n);
        if (!call->dead && used < n)
            buf_put(rest, bytes + used, n - used);
    } else {
        buf_put(rest, bytes, n);
        used = take(call, rest->data + rest->start, buf_size(rest));
        if (!call->dead)
            buf_drop(rest, used);
    }
    if (call->dead)
        return;
    if (call->complete)
        call_end(call);
    else if (buf_size(rest) == 0)
        buf_done(rest);
}

/* The connection ended: good for a body that lasts until then, bad for everything else. */
static void
lose(struct call *call, bool cleanly)
{
    if (!call->got_head && call->scanned == 0)
        call_fail(call, ERR_CONNECTION_TERMINATED, "closed before the answer");
    else if (!call->got_head || call->frame.kind != FRAME_CLOSE)
        call_fail(call, ERR_RESPONSE_INCOMPLETE, cut_off);
    else if (!cleanly)
        call_fail(call, ERR_RESPONSE_INCOMPLETE, "broken, or TLS ended without saying so");
    else
        call_end(call);
}

/* Looks away only if more comes before somebody reads. */
static void
tell_ready(struct call *call)
{
    if (!call->conn->readable)
        return;
    call->conn->readable = false;
    call->paused = true;
    if (call->events.ready != NULL)
        call->events.ready(call->arg);
}

/* Waits for more of a pulled body. */
static void
await(struct call *call)
{
    struct conn *conn = call->conn;

    call->paused = conn->readable = false;
    call->moved = clock_ms();
    call_arm(call);
    if (!conn_watch(conn, EPOLLIN | (conn->blocked ? EPOLLOUT : 0u)))
        call_fail_later(call, ERR_CONNECTION_TERMINATED, cannot_watch);
}

/* TLS gives one record at a time. */
static ssize_t
fill(struct conn *conn, char *to, size_t most)
{
    size_t n = 0;
    ssize_t got;

    do {
        got = conn_read(conn, to + n, most - n);
        n += got > 0 ? (size_t)got : 0;
    } while (conn->ssl != NULL && got == SSL3_RT_MAX_PLAIN_LENGTH && n < most);
    return n > 0 ? (ssize_t)n : got;
}

size_t
exchange_pull(struct call *call, char *to, size_t most)
{
    struct buf *rest = &call->answer;
    size_t n = call->frame.left < most ? (size_t)call->frame.left : most;

    if (buf_size(rest) > 0) {
        n = n < buf_size(rest) ? n : buf_size(rest);
        memcpy(to, buf_bytes(rest), n);
        buf_drop(rest, n);
    } else {
        ssize_t got = fill(call->conn, to, n);

        if (got == CONN_AGAIN)
            await(call);
        else if (got <= 0)
            call_fail_later(call, ERR_RESPONSE_INCOMPLETE, cut_off);
        n = got > 0 ? (size_t)got : 0;
    }
    call->frame.left -= n;
    call->complete = call->frame.left == 0;
    return n;
}

static void
read_answer(struct call *call)
{
    struct out *out = call->out;

    call->conn->readable = false;
    for (size_t round = 0; round < OUT_ROUND;) {
        size_t most = call->got_head ? sizeof out->scratch : FIRST_READ;
        ssize_t n = conn_read(call->conn, out->scratch, most);

        if (n == CONN_AGAIN)
            return;
        if (n <= 0) {
            lose(call, n == CONN_END);
            return;
        }
        round += (size_t)n;
        call->moved = clock_ms();
        digest(call, out->scratch, (size_t)n);
        if (call->dead || call->paused)
            return;
        /* A short read has emptied the socket; a full record of TLS rarely comes alone. */
        if ((size_t)n < most && !conn_holds_bytes(call->conn) &&
            (call->conn->ssl == NULL || n < SSL3_RT_MAX_PLAIN_LENGTH))
            return;
    }
    if (conn_holds_bytes(call->conn))
        call_later(call);
}

/* What a pause has left comes first: the end of the connection may be all there is to read. */
static void
take_answer(struct call *call)
{
    char none[1];

    if (call->pulled) {
        tell_ready(call);
        return;
    }
    digest(call, none, 0);
    if (!call->dead && !call->paused && (call->conn->readable || conn_holds_bytes(call->conn)))
        read_answer(call);
}

static void
watch(struct call *call)
{
    struct conn *conn = call->conn;
    uint32_t events = call->paused && conn->readable ? 0 : EPOLLIN;

    if (call->paused && conn->watch.poll == NULL)
        return;
    if (conn->blocked)
        events |= EPOLLOUT;
    if (!conn_watch(conn, events))
        call_fail(call, ERR_CONNECTION_TERMINATED, cannot_watch);
}

static void
give_room(struct call *call)
{
    if (!call->wants_room || (!call->discard && buf_size(&call->request) > OUT_QUEUE / 2))
        return;
    call->wants_room = false;
    if (call->events.room != NULL)
        call->events.room(call->arg);
}

void
exchange_run(struct call *call)
{
    if (!call->conn->blocked)
        exchange_flush(call);
    if (!call->paused)
        take_answer(call);
    if (!call->dead)
        give_room(call);
    if (!call->dead)
        watch(call);
}

void
exchange_ready(struct call *call, uint32_t events)
{
    struct conn *conn = call->conn;
    bool broken = (events & (EPOLLERR | EPOLLHUP)) != 0;

    call_enter(call);
    if (broken || events & EPOLLOUT) {
        conn->blocked = false;
        exchange_flush(call);
    }
    conn->readable = conn->readable || broken || events & EPOLLIN || conn->ssl != NULL;
    if (call->paused) {
        /* Errors cannot be masked and would be told without end: look away until the resume. */
        if (broken)
            poll_remove(&conn->watch);
    } else {
        take_answer(call);
    }
    if (!call->dead)
        give_room(call);
    if (!call->dead)
        watch(call);
    call_leave(call);
}
