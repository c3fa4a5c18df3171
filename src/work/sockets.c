/* The life of an agent's socket: hello, welcome, heartbeats and answers, the end. */
#include "work/sockets.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "work/frames.h"
#include "work/sockets_priv.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { HELLO_MS = 10 * 1000 };

static const struct uuid nobody;

static struct service *
service_of_socket(const struct agent_socket *s)
{
    return loop_service(s->all->loop);
}

/* ---- closing ---- */

void
socket_close(struct agent_socket *s, int code, const char *reason)
{
    if (s->state == SOCKET_CLOSING)
        return;
    s->state = SOCKET_CLOSING;
    s->entry.closing = true;
    timers_stop(loop_timers(s->all->loop), &s->timer);
    ws_resume(s->ws);
    ws_close(s->ws, code, reason);
    metrics_count(LABELLED_SOCKET_CLOSES, reason, 0);
}

static void
leaving_time_is_up(struct timer *timer)
{
    struct agent_socket *s =
        (struct agent_socket *)((char *)timer - offsetof(struct agent_socket, timer));

    socket_close(s, s->leaving, s->goodbye);
}

void
socket_leave(struct agent_socket *s, int code, const char *reason, int within_ms)
{
    if (s->state == SOCKET_CLOSING || s->leaving != 0)
        return;
    if (s->open.count == 0) {
        socket_close(s, code, reason);
        return;
    }
    s->leaving = code;
    s->goodbye = reason;
    s->timer.fire = leaving_time_is_up;
    if (within_ms > 0)
        timers_set(loop_timers(s->all->loop), &s->timer, clock_ms() + within_ms);
}

/* Tells why, then closes: the agent is not to try again like this. */
static void
refuse_frame(struct agent_socket *s, const char *id, const struct err *err, struct arena *mem)
{
    const char *text = frame_refusal(id, err, mem);

    log_event(LOG_INFO, "socket_protocol_error", LOG_T("instance", s->instance_id),
              LOG_T("reason", err->reason));
    if (ws_send(s->ws, text, strlen(text)))
        socket_close(s, CLOSE_PROTOCOL_ERROR, "protocol_error");
    else
        socket_close(s, WS_TRY_LATER, "slow_consumer");
}

static void
refuse_for(struct agent_socket *s, const struct frame *frame, const char *reason, struct arena *mem)
{
    struct err err = { 0 };

    err_set(&err, ERR_VALIDATION_ERROR, NULL, reason);
    refuse_frame(s, frame->id, &err, mem);
}

/* ---- what the writer is told, and says ---- */

static struct fleet_row
row_of(const struct agent_socket *s)
{
    return (struct fleet_row){ .org = s->org,
                               .instance_id = s->instance_id,
                               .status = -1,
                               .sessions = -1,
                               .max_sessions = -1,
                               .reported_failures = -1,
                               .holds = s->state == SOCKET_READY ? s->entry.fence : 0 };
}

static void sign_came(struct loop_mail *mail);

/* On the writer's thread. */
static void
send_sign_back(struct sign *sign, const struct err *err)
{
    struct agent_socket *s =
        (struct agent_socket *)((char *)sign - offsetof(struct agent_socket, sign));

    s->sign_err = *err;
    s->mail.read = sign_came;
    loop_send(s->all->loop, &s->mail);
}

/* Gives the writer what s->sign.row says; false when its queue is full. */
static bool
send_sign(struct agent_socket *s)
{
    assert(!s->sign_out);
    s->sign.then = send_sign_back;
    s->sign_err = (struct err){ 0 };
    s->sign_out = writer_sign_of(service_of_socket(s)->writer, &s->sign);
    return s->sign_out;
}

static void
tell_gone(struct agent_socket *s, int64_t fence)
{
    struct fleet_row row = row_of(s);

    row.gone = fence;
    row.left = !s->quiet;
    writer_fleet(service_of_socket(s)->writer, &row);
}

static void
free_socket(struct agent_socket *s)
{
    struct sockets *all = s->all;

    if (s->prev != NULL)
        s->prev->next = s->next;
    else
        all->first = s->next;
    if (s->next != NULL)
        s->next->prev = s->prev;
    all->count--;
    table_take(&all->by_caller, &s->by_caller);
    table_done(&s->open);
    free(s->hello_id);
    if (s->hello != NULL)
        arena_free(s->hello);
    free(s);
}

/* Its place is elsewhere by now. */
static void
lose_place(struct agent_socket *s)
{
    s->quiet = true;
    delivery_end_all(s, ERR_AGENT_DISCONNECTED);
    socket_close(s, CLOSE_SUPERSEDED, "superseded");
}

struct overtaking {
    struct loop_mail mail;
    struct loop *loop;
    struct uuid instance;
    int64_t fence;
};

/* A newer socket of the instance is there: older ones of this loop close. */
static void
read_overtaking(struct loop_mail *mail)
{
    struct overtaking *o = (struct overtaking *)((char *)mail - offsetof(struct overtaking, mail));
    struct hub *hub = loop_service(o->loop)->mesh.hub;
    struct hub_entry *older;

    while ((older = hub_own(hub, &o->instance, o->loop, o->fence)) != NULL) {
        struct agent_socket *s =
            (struct agent_socket *)((char *)older - offsetof(struct agent_socket, entry));

        lose_place(s);
    }
    free(o);
}

static void
overtake(void *arg, struct loop *loop)
{
    const struct agent_socket *s = arg;
    struct overtaking *o = must(calloc(1, sizeof *o));

    *o = (struct overtaking){
        { { NULL }, read_overtaking }, loop, s->entry.node.key, s->entry.fence
    };
    loop_send(loop, &o->mail);
}

static void
become_ready(struct agent_socket *s)
{
    s->entry.fence = s->sign.row.fence;
    s->in_hub = hub_put(service_of_socket(s)->mesh.hub, &s->entry, overtake, s);
    if (!s->in_hub) {
        lose_place(s);
        return;
    }

    struct arena *mem = arena_new();
    const char *welcome = frame_welcome(s->hello_id, mem);

    timers_stop(loop_timers(s->all->loop), &s->timer);
    free(s->hello_id);
    s->hello_id = NULL;
    s->state = SOCKET_READY;
    if (ws_send(s->ws, welcome, strlen(welcome)))
        ws_resume(s->ws);
    else
        socket_close(s, WS_TRY_LATER, "slow_consumer");
    arena_free(mem);
    if (s->all->draining)
        socket_leave(s, WS_RESTART, "restart", 0);
}

/* The writer has answered: the socket may stay, or it has lost its place. */
static void
judge(struct agent_socket *s)
{
    const struct fleet_row *row = &s->sign.row;
    bool connecting = s->state == SOCKET_CONNECTING;

    if (s->sign_err.code != ERR_NONE) {
        if (connecting)
            socket_close(s, WS_TRY_LATER, "overloaded");
    } else if (!row->applied) {
        s->quiet = true;
        socket_leave(s, CLOSE_DEREGISTERED, "deregistered", connecting ? 0 : 5000);
    } else if (row->refused) {
        s->quiet = true;
        delivery_end_all(s, ERR_AGENT_DISCONNECTED);
        socket_close(s, CLOSE_UNAUTHORIZED, "unauthorized");
    } else if (connecting && row->fence != 0) {
        become_ready(s);
    } else if (connecting || row->fence != s->entry.fence) {
        lose_place(s);
    }
}

/* Tells the writer what came while it had the sign, and asks for the rights when that is due; else
 * with the next heartbeat. */
static void
go_on(struct agent_socket *s)
{
    if (s->sign_out || s->state != SOCKET_READY || (!s->has_later && !s->asked_again))
        return;
    s->sign.row = s->has_later ? s->later : row_of(s);
    if (s->asked_again)
        s->sign.row.caller = s->by_caller.key;
    if (send_sign(s))
        s->has_later = s->asked_again = false;
}

void
socket_look_again(struct agent_socket *s)
{
    s->asked_again = true;
    go_on(s);
}

/* One row for a socket, however fast its agent talks: the queue of the writer is for all. */
static void
put_later(struct agent_socket *s, const struct frame_heartbeat *beat)
{
    struct fleet_row *row = &s->later;

    if (!s->has_later)
        *row = row_of(s);
    s->has_later = true;
    row->seen = true;
    if (beat->status >= 0)
        row->status = beat->status;
    if (beat->sessions >= 0)
        row->sessions = beat->sessions;
    if (beat->max_sessions >= 0)
        row->max_sessions = beat->max_sessions;
    if (beat->failures >= 0)
        row->reported_failures = beat->failures;
}

static void
sign_came(struct loop_mail *mail)
{
    struct agent_socket *s =
        (struct agent_socket *)((char *)mail - offsetof(struct agent_socket, mail));
    const struct fleet_row *row = &s->sign.row;
    bool placed = row->connect && s->sign_err.code == ERR_NONE && row->applied && row->fence != 0;

    s->sign_out = false;
    if (s->hello != NULL)
        arena_free(s->hello);
    s->hello = NULL;
    if (s->ws == NULL || s->state == SOCKET_CLOSING) {
        /* It was written that the socket is here, and it is not any more. */
        if (placed && !s->in_hub)
            tell_gone(s, row->fence);
        if (s->ws == NULL)
            free_socket(s);
        return;
    }
    judge(s);
    if (s->sign_err.code == ERR_NONE)
        go_on(s);
    else if (memcmp(&row->caller, &nobody, sizeof nobody) != 0)
        s->asked_again = true;
}

/* ---- what the agent says ---- */

/* Its place could not be written in time: PostgreSQL is away, or far behind. */
static void
place_is_late(struct timer *timer)
{
    struct agent_socket *s =
        (struct agent_socket *)((char *)timer - offsetof(struct agent_socket, timer));

    socket_close(s, WS_TRY_LATER, "overloaded");
}

static void
hello_came(struct agent_socket *s, const struct frame *frame, struct arena *mem)
{
    if (strcmp(frame->hello.instance_id, s->instance_id) != 0 ||
        strcmp(frame->hello.agent_type, s->agent_type) != 0) {
        refuse_for(s, frame, "instance_id and agent_type must be those that registered.", mem);
        return;
    }
    s->timer.fire = place_is_late;
    timers_set(loop_timers(s->all->loop), &s->timer, clock_ms() + HELLO_MS);
    s->hello_id = must(strdup(frame->id));
    s->state = SOCKET_CONNECTING;
    s->sign.row = row_of(s);
    s->sign.row.connect = true;
    s->hello = arena_new();
    s->sign.row.version = arena_text(s->hello, frame->hello.agent_version);
    if (frame->hello.agent_card != NULL && strcmp(frame->hello.agent_card, "{}") != 0)
        s->sign.row.card = arena_text(s->hello, frame->hello.agent_card);
    /* What it says next waits until there is a place to say it from. */
    ws_pause(s->ws);
    if (!send_sign(s))
        socket_close(s, WS_TRY_LATER, "overloaded");
}

static void
heartbeat_came(struct agent_socket *s, const struct frame *frame, struct arena *mem)
{
    const struct frame_heartbeat *beat = &frame->heartbeat;

    if (beat->instance_id != NULL && strcmp(beat->instance_id, s->instance_id) != 0) {
        refuse_for(s, frame, "instance_id must be that of the socket.", mem);
        return;
    }
    put_later(s, beat);
    go_on(s);
}

static void
frame_came(struct agent_socket *s, const struct frame *frame, struct arena *mem)
{
    bool known = true;

    if (s->state == SOCKET_NEW) {
        if (frame->type == FRAME_HELLO)
            hello_came(s, frame, mem);
        else
            refuse_for(s, frame, "The first frame must be hello.", mem);
        return;
    }
    switch (frame->type) {
    case FRAME_HELLO:
        refuse_for(s, frame, "hello must be said once.", mem);
        break;
    case FRAME_HEARTBEAT:
        heartbeat_came(s, frame, mem);
        break;
    case FRAME_RESULT:
        known = delivery_result(s, frame->in_reply_to, frame->result);
        break;
    case FRAME_ERROR:
        known = delivery_error(s, frame->in_reply_to, frame->error.code, frame->error.message);
        break;
    case FRAME_OTHER:
        known = false;
        break;
    }
    if (!known)
        metrics_add(METRIC_SOCKET_FRAMES_IGNORED, 1);
}

static void
text_came(void *arg, const char *text, size_t size)
{
    struct agent_socket *s = arg;
    struct arena *mem = arena_new();
    struct frame frame;
    struct err err = { 0 };

    if (s->state == SOCKET_CLOSING)
        ;
    else if (frame_read(text, size, &frame, mem, &err))
        frame_came(s, &frame, mem);
    else
        refuse_frame(s, frame.id, &err, mem);
    arena_free(mem);
}

static void
closed(void *arg, int code, const char *reason)
{
    struct agent_socket *s = arg;
    struct service *service = service_of_socket(s);

    log_event(LOG_INFO, "socket_closed", LOG_T("instance", s->instance_id), LOG_N("code", code),
              LOG_T("reason", reason));
    if (s->state != SOCKET_CLOSING)
        metrics_count(LABELLED_SOCKET_CLOSES, code == WS_NORMAL ? "client_close" : "peer", 0);
    s->state = SOCKET_CLOSING;
    s->entry.closing = true;
    s->ws = NULL;
    s->leaving = 0;
    timers_stop(loop_timers(s->all->loop), &s->timer);
    delivery_end_all(s, ERR_AGENT_DISCONNECTED);
    if (s->in_hub) {
        hub_take(service->mesh.hub, &s->entry);
        tell_gone(s, s->entry.fence);
    }
    metrics_add(METRIC_SOCKETS, -1);
    atomic_fetch_sub(&service->mesh.sockets, 1);
    if (!s->sign_out)
        free_socket(s);
}

static const struct ws_events events = { .text = text_came, .closed = closed };

/* ---- the handshake has been answered ---- */

static void
hello_is_late(struct timer *timer)
{
    struct agent_socket *s =
        (struct agent_socket *)((char *)timer - offsetof(struct agent_socket, timer));

    socket_close(s, CLOSE_TIMEOUT, "hello_timeout");
}

void
socket_take(void *arg, int fd, const char *extra, size_t n)
{
    struct agent_socket *s = arg;
    struct sockets *all = s->all;
    struct service *service = service_of_socket(s);

    s->next = all->first;
    if (s->next != NULL)
        s->next->prev = s;
    all->first = s;
    all->count++;
    table_put(&all->by_caller, &s->by_caller);
    if (fd < 0) {
        atomic_fetch_sub(&service->mesh.sockets, 1);
        free_socket(s);
        return;
    }
    metrics_add(METRIC_SOCKETS, 1);
    metrics_add(METRIC_SOCKETS_OPENED, 1);
    s->ws = ws_open(loop_poll(all->loop), loop_timers(all->loop), fd, extra, n, &events,
                    &service->mesh.ws, s);
    s->timer.fire = hello_is_late;
    timers_set(loop_timers(all->loop), &s->timer, clock_ms() + HELLO_MS);
}

/* ---- all of a loop ---- */

struct sockets *
sockets_new(struct loop *loop)
{
    struct sockets *all = must(calloc(1, sizeof *all));

    all->loop = loop;
    return all;
}

void
sockets_free(struct sockets *all)
{
    while (all->first != NULL) {
        struct agent_socket *s = all->first;

        if (s->in_hub && s->ws != NULL)
            hub_take(service_of_socket(s)->mesh.hub, &s->entry);
        if (s->ws != NULL)
            ws_drop(s->ws);
        timers_stop(loop_timers(all->loop), &s->timer);
        free_socket(s);
    }
    table_done(&all->by_caller);
    free(all);
}

size_t
sockets_count(const struct sockets *all)
{
    return all->count;
}

void
sockets_drain(struct sockets *all)
{
    all->draining = true;
    for (struct agent_socket *s = all->first; s != NULL; s = s->next) {
        s->quiet = true;
        if (s->ws != NULL)
            socket_leave(s, WS_RESTART, "restart", 0);
    }
}

void
sockets_hurry(struct sockets *all)
{
    all->draining = true;
    for (struct agent_socket *s = all->first, *next; s != NULL; s = next) {
        next = s->next;
        s->quiet = true;
        if (s->ws == NULL)
            continue;
        delivery_end_all(s, ERR_DRAINING);
        socket_close(s, WS_RESTART, "restart");
    }
}
