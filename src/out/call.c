/* The life of a call: begin, body, pause, deadlines, end. Nothing calls back from within the
 * functions of the header: what they find out waits for a turn from the timers. */
#include "out/out_priv.h"

#include "base/clock.h"
#include "base/must.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_OVERHEAD = 24 };

void
call_enter(struct call *call)
{
    call->inside++;
}

void
call_leave(struct call *call)
{
    if (--call->inside > 0 || !call->dead)
        return;
    buf_done(&call->request);
    buf_done(&call->answer);
    free(call);
}

void
call_later(struct call *call)
{
    struct out *out = call->out;

    if (ring_is_alone(&call->due))
        ring_put(&out->due, &call->due);
    if (out->due_timer.slot == 0)
        timers_set(out->timers, &out->due_timer, clock_ms());
}

static bool
is_dialled_by_name(const struct conn *conn)
{
    return conn->state == CONN_DIALING && conn->easy != NULL;
}

static bool
is_connecting(const struct conn *conn)
{
    return conn->state == CONN_DIALING || conn->state == CONN_SHAKING;
}

/* The nearest deadline, and what passing it means; INT64_MAX: nobody has to hurry. While libcurl
 * dials, it keeps the time. */
static int64_t
deadline_of(const struct call *call, enum err_code *code)
{
    const struct out_limits *limits = call->out->limits;
    int64_t due = INT64_MAX;

    *code = ERR_RESPONSE_TIMEOUT;
    if (call->conn != NULL && is_connecting(call->conn) && !is_dialled_by_name(call->conn)) {
        *code = ERR_CONNECTION_TIMEOUT;
        due = call->begun + limits->connect_ms;
    } else if (call->conn != NULL && call->conn->state == CONN_OPEN) {
        if (call->got_head)
            due = call->paused ? INT64_MAX : call->moved + limits->idle_ms;
        else if (call->sent)
            due = call->sent_at + limits->response_ms;
        else if (buf_size(&call->request) > 0)
            due = call->moved + limits->idle_ms;
    }
    if (limits->total_ms > 0 && call->begun + limits->total_ms < due) {
        *code = ERR_RESPONSE_TIMEOUT;
        due = call->begun + limits->total_ms;
    }
    return due;
}

/* Progress moves a deadline without touching the timer; the timer finds out when it fires. */
void
call_arm(struct call *call)
{
    enum err_code code;
    int64_t due = deadline_of(call, &code);

    if (due != INT64_MAX && (call->timer.slot == 0 || due < call->timer.due))
        timers_set(call->out->timers, &call->timer, due);
}

static void
on_time(struct timer *timer)
{
    struct call *call = RING_OF(struct call, timer, timer);
    enum err_code code;

    call_enter(call);
    if (deadline_of(call, &code) <= clock_ms())
        call_fail(call, code, "a deadline passed");
    else
        call_arm(call);
    call_leave(call);
}

/* Takes the call out of everything; its connection stays with the caller of this. */
static void
retire(struct call *call)
{
    assert(!call->dead);
    call->dead = true;
    timers_stop(call->out->timers, &call->timer);
    ring_take(&call->all);
    ring_take(&call->due);
    call->out->stats.calls--;
}

/* A dial goes on without the call, as libcurl may not be able to let go of a resolver at once. */
static void
abandon_connection(struct call *call)
{
    struct conn *conn = call->conn;

    if (conn == NULL)
        return;
    call->conn = NULL;
    conn->call = NULL;
    if (!is_dialled_by_name(conn))
        conn_close(conn);
}

void
call_fail(struct call *call, enum err_code code, const char *note)
{
    assert(call->inside > 0);
    retire(call);
    abandon_connection(call);
    if (call->events.fail != NULL)
        call->events.fail(call->arg, code, note);
}

/* The answer is complete: the connection is kept if it is good for another. */
static void
finish(struct call *call)
{
    struct conn *conn = call->conn;

    retire(call);
    call->conn = NULL;
    conn->call = NULL;
    /* Bytes behind the answer are nobody's; half a request leaves the target waiting. */
    if (call->complete && call->keep && call->sent && buf_size(&call->answer) == 0)
        pool_keep(conn);
    else
        conn_close(conn);
}

void
call_end(struct call *call)
{
    assert(call->inside > 0);
    finish(call);
    if (call->events.end != NULL)
        call->events.end(call->arg);
}

void
call_is_connected(struct call *call)
{
    call_enter(call);
    call->moved = clock_ms();
    call_arm(call);
    exchange_run(call);
    call_leave(call);
}

void
call_is_lost(struct call *call, enum err_code code, const char *note)
{
    call_enter(call);
    call_fail(call, code, note);
    call_leave(call);
}

void
call_fail_later(struct call *call, enum err_code code, const char *note)
{
    call->code = code;
    call->note = note;
    call->discard = true;
    buf_done(&call->request);
    call_later(call);
}

static void
find_connection(struct call *call, const struct call_request *request)
{
    struct out *out = call->out;
    struct place *lane = pool_lane(out, request);
    struct conn *conn = pool_take(out, lane);

    if (conn == NULL && pool_has_room(out, lane)) {
        conn = conn_new(out, lane);
        if (!dial_begin(conn, request->url)) {
            call_fail_later(call,
                            conn->refused != ERR_NONE ? conn->refused : ERR_CONNECTION_REFUSED,
                            conn->why != NULL ? conn->why : "it cannot be dialled");
            conn_close(conn);
            conn = NULL;
        }
    } else if (conn == NULL) {
        call_fail_later(call, ERR_CONNECTION_LIMIT, "no connection is free");
    }
    pool_drop(out, lane);
    if (conn == NULL)
        return;
    call->conn = conn;
    conn->call = call;
    conn->readable = conn->blocked = false;
}

struct call *
call_begin(struct out *out, const struct call_request *request, const struct call_events *events,
           void *arg)
{
    struct call *call = must(calloc(1, sizeof *call));

    call->out = out;
    call->events = *events;
    call->arg = arg;
    call->url = request->url;
    call->timer.fire = on_time;
    call->begun = call->moved = clock_ms();
    call->is_head = strcmp(request->method, "HEAD") == 0;
    call->body_left = request->body_size;
    call->body_given = request->body_size == 0;
    ring_init(&call->due);
    ring_put(&out->calls, &call->all);
    out->stats.calls++;
    const char *fault = request_write(&call->request, request);
    if (fault != NULL)
        call_fail_later(call, ERR_HTTP_PROTOCOL_ERROR, fault);
    else
        find_connection(call, request);
    call_arm(call);
    if (call->conn != NULL && call->conn->state == CONN_OPEN) {
        /* With a body to come, the head waits to leave together with its first bytes. */
        if (call->body_given)
            exchange_flush(call);
        if (!call->sent)
            call_later(call);
    }
    return call;
}

/* Appends at most what the queue has room for. */
static size_t
queue_body(struct call *call, const char *bytes, size_t n)
{
    size_t waiting = buf_size(&call->request);
    size_t room = waiting < OUT_QUEUE ? OUT_QUEUE - waiting : 0;

    if (call->body_left < 0) {
        room = room > CHUNK_OVERHEAD ? room - CHUNK_OVERHEAD : 0;
        n = n < room ? n : room;
        if (n > 0) {
            buf_printf(&call->request, "%zx\r\n", n);
            buf_put(&call->request, bytes, n);
            buf_put(&call->request, "\r\n", 2);
        }
        return n;
    }
    n = n < room ? n : room;
    assert((int64_t)n <= call->body_left);
    call->body_left -= (int64_t)n;
    buf_put(&call->request, bytes, n);
    return n;
}

static bool
is_open(const struct call *call)
{
    return call->conn != NULL && call->conn->state == CONN_OPEN;
}

size_t
call_send(struct call *call, const void *bytes, size_t n)
{
    const char *from = bytes;
    size_t taken = 0;

    assert(!call->body_given);
    while (taken < n && !call->discard && !call->dead) {
        if (buf_size(&call->request) == 0)
            call->moved = clock_ms();
        size_t piece = queue_body(call, from + taken, n - taken);

        taken += piece;
        if (taken == n)
            break;
        if (is_open(call) && !call->conn->blocked)
            exchange_flush(call);
        else if (piece == 0)
            break;
    }
    if (call->discard || call->dead)
        return n;
    call->wants_room = taken < n;
    call_arm(call);
    if (is_open(call))
        call_later(call);
    return taken;
}

void
call_send_end(struct call *call)
{
    if (call->body_given || call->dead)
        return;
    assert(call->discard || call->body_left <= 0);
    if (call->body_left < 0 && !call->discard)
        buf_text(&call->request, "0\r\n\r\n");
    call->body_given = true;
    if (!is_open(call))
        return;
    exchange_flush(call);
    if (!call->sent)
        call_later(call);
}

void
call_pause(struct call *call)
{
    call->paused = true;
}

void
call_resume(struct call *call)
{
    if (!call->paused || call->dead)
        return;
    call->paused = false;
    call->moved = clock_ms();
    call_arm(call);
    if (is_open(call))
        call_later(call);
}

void
call_pull(struct call *call)
{
    assert(call->got_head && call->frame.kind == FRAME_LENGTH);
    call->pulled = true;
    call->paused = true;
}

size_t
call_read(struct call *call, char *to, size_t most, bool *over)
{
    size_t n = 0;

    assert(call->pulled);
    *over = false;
    if (call->dead || call->code != ERR_NONE)
        return 0;
    call_enter(call);
    n = exchange_pull(call, to, most);
    if (call->complete) {
        *over = true;
        finish(call);
    }
    call_leave(call);
    return n;
}

void
call_cancel(struct call *call)
{
    if (call->dead)
        return;
    call_enter(call);
    retire(call);
    abandon_connection(call);
    call_leave(call);
}
