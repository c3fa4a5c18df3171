/* The life of a socket: its watch, its one timer, and how it ends. */
#include "ws_priv.h"

#include "base/clock.h"

#include <assert.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Takes it off the loop; fine when that was done. */
static void
detach(struct ws *ws)
{
    if (ws->watch.fd < 0)
        return;
    poll_remove(&ws->watch);
    timers_stop(ws->timers, &ws->timer);
    close(ws->watch.fd);
    ws->watch.fd = -1;
}

static void
ws_free(struct ws *ws)
{
    detach(ws);
    output_forget(ws, true);
    if (ws->wire != NULL)
        wslay_frame_context_free(ws->wire);
    buf_done(&ws->extra);
    buf_done(&ws->message);
    buf_done(&ws->control_in);
    free(ws->reason);
    free(ws);
}

void
ws_end(struct ws *ws, enum ws_state state, int code, const char *reason)
{
    ws->state = state;
    if (ws->code == 0) {
        ws->code = code;
        ws->reason = must(strdup(reason));
        ws->close_due = clock_ms() + ws->limits->close_within_ms;
        buf_done(&ws->message);
    }
}

/* When the timer must fire next (clock_ms); INT64_MAX: there is nothing to wait for. */
static int64_t
next_due(const struct ws *ws)
{
    if (ws->state == WS_OVER || (ws->more && input_is_wanted(ws)))
        return 0;
    if (ws->state != WS_OPEN)
        return ws->close_due;
    if (ws->paused)
        return INT64_MAX;
    return ws->ping_out ? ws->ping_at + ws->limits->pong_within_ms
                        : ws->since + ws->limits->ping_after_ms;
}

/* The deadline moves with every byte; the timer is only moved when it would fire too late. */
static void
rest(struct ws *ws)
{
    int64_t due = next_due(ws);

    poll_change(&ws->watch, (input_is_wanted(ws) ? (uint32_t)EPOLLIN : 0) |
                                (output_waits(ws) ? (uint32_t)EPOLLOUT : 0));
    if (due != INT64_MAX && (ws->timer.slot == 0 || ws->timer.due > due))
        timers_set(ws->timers, &ws->timer, due);
}

/* The end of a round: sends what it made, tells what there is to tell. ws may be freed. */
static void
settle(struct ws *ws)
{
    if (!ws->dropped)
        output_flush(ws);
    if (!ws->dropped && ws->news && ws->state != WS_OVER && ws->events->heard != NULL) {
        ws->news = false;
        ws->events->heard(ws->arg);
        if (!ws->dropped)
            output_flush(ws);
    }
    ws->news = false;
    if (!ws->dropped && ws->state == WS_OVER) {
        detach(ws);
        ws->events->closed(ws->arg, ws->code, ws->reason);
        ws->dropped = true;
    }
    ws->busy = false;
    if (ws->dropped) {
        ws_free(ws);
        return;
    }
    input_tidy(ws);
    rest(ws);
}

static void
ready(struct watch *watch, uint32_t events)
{
    struct ws *ws = (struct ws *)((char *)watch - offsetof(struct ws, watch));

    ws->busy = true;
    if (events & EPOLLOUT)
        output_flush(ws);
    if (input_is_wanted(ws)) {
        if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
            input_read(ws);
    } else if (events & (EPOLLHUP | EPOLLERR)) {
        ws_end(ws, WS_OVER, WS_ABNORMAL, "reset");
    }
    settle(ws);
}

/* After a long pause of ours, what the peer said in time may lie in the kernel still. */
static bool
has_unread(const struct ws *ws)
{
    char byte;

    return input_is_wanted(ws) && recv(ws->watch.fd, &byte, 1, MSG_PEEK) > 0;
}

static void
look_at_clock(struct ws *ws)
{
    int64_t now = clock_ms();

    if (ws->state == WS_OVER || (ws->state == WS_OPEN && ws->paused))
        return;
    if (ws->state != WS_OPEN) {
        if (now >= ws->close_due)
            ws_end(ws, WS_OVER, WS_ABNORMAL, "close_timeout");
        return;
    }
    if (now < next_due(ws) || next_due(ws) == 0)
        return;
    if (!ws->ping_out) {
        ws->ping_out = true;
        ws->ping_at = now;
        output_control(ws, WSLAY_PING, "", 0);
    } else if (has_unread(ws)) {
        ws->ping_out = false;
        ws->since = now;
    } else {
        ws_end(ws, WS_OVER, WS_ABNORMAL, "ping_timeout");
    }
}

static void
fire(struct timer *timer)
{
    struct ws *ws = (struct ws *)((char *)timer - offsetof(struct ws, timer));

    ws->busy = true;
    if (ws->more && input_is_wanted(ws))
        input_read(ws);
    if (!ws->dropped)
        look_at_clock(ws);
    settle(ws);
}

struct ws *
ws_open(struct poll *poll, struct timers *timers, int fd, const char *extra, size_t n,
        const struct ws_events *events, const struct ws_limits *limits, void *arg)
{
    struct ws *ws = must(calloc(1, sizeof *ws));
    int on = 1;

    *ws = (struct ws){ .timers = timers, .events = events, .limits = limits, .arg = arg };
    ws->timer.fire = fire;
    ws->heard = ws->since = clock_ms();
    buf_init(&ws->message, limits->message_max);
    buf_init(&ws->control_in, CONTROL_MAX);
    buf_init(&ws->control_out, CONTROL_QUEUE);
    if (n > 0 && buf_put(&ws->extra, extra, n))
        ws->more = true;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (!poll_add(poll, &ws->watch, fd, EPOLLIN, ready)) {
        /* Out of watches: the owner hears of it as of any other end. */
        ws->watch.fd = fd;
        ws_end(ws, WS_OVER, WS_INTERNAL, "epoll");
        timers_set(timers, &ws->timer, 0);
        return ws;
    }
    rest(ws);
    return ws;
}

/* After a function that the owner called: in a round, settle does the rest. */
static void
changed(struct ws *ws)
{
    if (ws->busy || ws->watch.poll == NULL)
        return;
    output_flush(ws);
    rest(ws);
}

bool
ws_send(struct ws *ws, const char *text, size_t size)
{
    if (ws->state != WS_OPEN || ws->dropped || ws->mute)
        return false;
    if (output_is_full(ws, size)) {
        output_flush(ws);
        if (ws->state != WS_OPEN || ws->mute || output_is_full(ws, size)) {
            ws_close(ws, WS_TRY_LATER, "slow_consumer");
            return false;
        }
    }
    output_text(ws, text, size);
    changed(ws);
    return true;
}

bool
ws_is_busy(const struct ws *ws)
{
    return ws->frames > ws->limits->queue_frames / 2 || ws->bytes > ws->limits->queue_bytes / 2;
}

void
ws_pause(struct ws *ws)
{
    ws->paused = true;
    changed(ws);
}

void
ws_resume(struct ws *ws)
{
    if (!ws->paused)
        return;
    ws->paused = ws->ping_out = false;
    ws->since = clock_ms();
    changed(ws);
}

void
ws_close(struct ws *ws, int code, const char *reason)
{
    if (ws->state != WS_OPEN || ws->dropped)
        return;
    ws_end(ws, WS_CLOSING, code, reason);
    output_close(ws, code, reason);
    changed(ws);
}

void
ws_drop(struct ws *ws)
{
    detach(ws);
    ws->dropped = true;
    if (!ws->busy)
        ws_free(ws);
}

int64_t
ws_heard(const struct ws *ws)
{
    return ws->heard;
}
