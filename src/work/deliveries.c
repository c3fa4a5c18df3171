/* Dispatches on their way to a socket of whatever loop, and back: at most once, always an end. */
#include "base/clock.h"
#include "work/frames.h"
#include "work/sockets_priv.h"

#include <stdlib.h>
#include <string.h>

enum { OPEN_MAX_PER_SOCKET = 1024 };

static struct delivery *
of_mail(struct loop_mail *mail)
{
    return (struct delivery *)((char *)mail - offsetof(struct delivery, mail));
}

static void
read_back(struct loop_mail *mail)
{
    struct delivery *d = of_mail(mail);

    d->back(d);
}

/* It has the proof in it: a token, or the shared secret. */
static void
drop_frame(struct delivery *d)
{
    if (d->frame != NULL)
        explicit_bzero(d->frame, d->frame_size);
    free(d->frame);
    d->frame = NULL;
}

static void
send_back(struct delivery *d, enum err_code code)
{
    drop_frame(d);
    d->code = code;
    d->mail.read = read_back;
    loop_send(d->home, &d->mail);
}

/* Ends a delivery that is under way on a socket. */
static void
end(struct delivery *d, enum err_code code)
{
    struct agent_socket *s = d->on;

    timers_stop(loop_timers(s->all->loop), &d->timer);
    table_take(&s->open, &d->node);
    atomic_fetch_sub(&s->entry.open, 1);
    d->on = NULL;
    send_back(d, code);
    if (s->leaving != 0 && s->open.count == 0)
        socket_close(s, s->leaving, s->goodbye);
}

static void
time_is_up(struct timer *timer)
{
    end((struct delivery *)((char *)timer - offsetof(struct delivery, timer)),
        ERR_DISPATCH_TIMEOUT);
}

/* Why a socket cannot take a delivery now; ERR_NONE: it can. */
static enum err_code
refusal(const struct agent_socket *s, const struct delivery *d)
{
    if (s == NULL || s->state != SOCKET_READY || s->leaving != 0 ||
        (d->fence != 0 && d->fence != s->entry.fence))
        return ERR_NO_AVAILABLE_INSTANCE;
    if (s->open.count >= OPEN_MAX_PER_SOCKET || ws_is_busy(s->ws))
        return ERR_AGENT_BUSY;
    return clock_ms() >= d->due_ms ? ERR_DISPATCH_TIMEOUT : ERR_NONE;
}

static void
deliver(struct delivery *d, struct loop *loop)
{
    struct hub_entry *entry = hub_own(loop_service(loop)->mesh.hub, &d->instance, loop, 0);
    struct agent_socket *s =
        entry == NULL
            ? NULL
            : (struct agent_socket *)((char *)entry - offsetof(struct agent_socket, entry));
    enum err_code why = refusal(s, d);

    if (why != ERR_NONE) {
        send_back(d, why);
        return;
    }
    d->on = s;
    d->sent = true;
    d->timer = (struct timer){ .fire = time_is_up };
    table_put(&s->open, &d->node);
    atomic_fetch_add(&s->entry.open, 1);
    timers_set(loop_timers(loop), &d->timer, d->due_ms);
    if (!ws_send(s->ws, d->frame, d->frame_size)) {
        d->sent = false;
        end(d, ERR_AGENT_BUSY);
    } else {
        drop_frame(d);
    }
}

/* The loop to which it was sent travels in the delivery: home is where it goes back to. */
static void
arrived(struct loop_mail *mail)
{
    struct delivery *d = of_mail(mail);

    deliver(d, d->there);
}

void
sockets_deliver(struct service *service, struct delivery *d)
{
    size_t open;

    d->sent = false;
    d->there = hub_find(service->mesh.hub, &d->instance, &open);
    if (d->there == NULL) {
        send_back(d, ERR_NO_AVAILABLE_INSTANCE);
        return;
    }
    d->mail.read = arrived;
    loop_send(d->there, &d->mail);
}

/* ---- answers ---- */

static struct delivery *
find_open(struct agent_socket *s, const char *in_reply_to)
{
    struct uuid id;
    struct table_node *node = NULL;

    if (in_reply_to != NULL && ids_uuid_read(in_reply_to, &id))
        node = table_find(&s->open, &id);
    return node == NULL ? NULL
                        : (struct delivery *)((char *)node - offsetof(struct delivery, node));
}

bool
delivery_result(struct agent_socket *s, const char *in_reply_to, const char *result)
{
    struct delivery *d = find_open(s, in_reply_to);

    if (d == NULL)
        return false;
    d->result = must(strdup(result));
    end(d, ERR_NONE);
    return true;
}

/* As much of a text as there is room for, never half a character. */
static void
cut(char *to, size_t room, const char *text)
{
    size_t n = strlen(text);

    if (n >= room)
        for (n = room - 1; n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80;)
            n--;
    memcpy(to, text, n);
    to[n] = '\0';
}

bool
delivery_error(struct agent_socket *s, const char *in_reply_to, const char *code,
               const char *message)
{
    struct delivery *d = find_open(s, in_reply_to);

    if (d == NULL)
        return false;
    cut(d->agent_code, sizeof d->agent_code, code);
    cut(d->agent_message, sizeof d->agent_message, message);
    end(d, ERR_HANDLER_ERROR);
    return true;
}

void
delivery_end_all(struct agent_socket *s, enum err_code code)
{
    for (struct table_node *node; (node = table_any(&s->open)) != NULL;)
        end((struct delivery *)((char *)node - offsetof(struct delivery, node)), code);
}
