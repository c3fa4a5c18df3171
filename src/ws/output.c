/* What goes out: a bounded queue of frames, drawn by wslay, and the end of a socket. */
#include "ws_priv.h"

#include "base/clock.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum { HEAD_MAX = 10, PIECES = 16 };

/* ---- drawing ---- */

/* send for wslay: into the frame that is being made. */
static ssize_t
draw(const uint8_t *bytes, size_t n, int flags, void *arg)
{
    struct waiting *frame = ((struct ws *)arg)->making;

    (void)flags;
    memcpy(frame->bytes + frame->size, bytes, n);
    frame->size += n;
    return (ssize_t)n;
}

/* A server masks nothing (RFC 6455, 5.1). */
static int
no_mask(uint8_t *to, size_t n, void *arg)
{
    (void)to;
    (void)n;
    (void)arg;
    return -1;
}

wslay_frame_context_ptr
output_wire(struct ws *ws)
{
    static const struct wslay_frame_callbacks callbacks = { draw, input_give, no_mask };

    if (ws->wire == NULL && wslay_frame_context_init(&ws->wire, &callbacks, ws) != 0)
        ws->wire = NULL;
    return must(ws->wire);
}

static struct waiting *
frame_new(struct ws *ws, uint8_t opcode, const char *payload, size_t size)
{
    struct waiting *frame = must(malloc(sizeof *frame + HEAD_MAX + size));
    struct wslay_frame_iocb whole = {
        .fin = 1,
        .opcode = opcode,
        .payload_length = size,
        .data = (const uint8_t *)payload,
        .data_length = size,
    };

    *frame = (struct waiting){ 0 };
    ws->making = frame;
    ssize_t n = wslay_frame_send(output_wire(ws), &whole);
    assert(n == (ssize_t)size);
    ws->making = NULL;
    if (!ws->busy)
        input_tidy(ws);
    return frame;
}

static void
frame_free(struct waiting *frame)
{
    explicit_bzero(frame->bytes, frame->size);
    free(frame);
}

static void
queue(struct ws *ws, struct waiting *frame)
{
    if (ws->last != NULL)
        ws->last->next = frame;
    else
        ws->first = frame;
    ws->last = frame;
    ws->frames += frame->is_text;
    ws->bytes += frame->payload;
}

static void
unqueue(struct ws *ws)
{
    struct waiting *frame = ws->first;

    ws->first = frame->next;
    if (ws->first == NULL)
        ws->last = NULL;
    ws->frames -= frame->is_text;
    ws->bytes -= frame->payload;
    frame_free(frame);
}

bool
output_is_full(const struct ws *ws, size_t size)
{
    size_t most = ws->limits->queue_bytes;

    return ws->frames >= ws->limits->queue_frames || ws->bytes > most || size > most - ws->bytes;
}

void
output_text(struct ws *ws, const char *text, size_t size)
{
    struct waiting *frame = frame_new(ws, WSLAY_TEXT_FRAME, text, size);

    frame->is_text = true;
    frame->payload = size;
    queue(ws, frame);
}

void
output_control(struct ws *ws, uint8_t opcode, const char *payload, size_t size)
{
    struct waiting *frame = frame_new(ws, opcode, payload, size);

    /* The room was seen to: input_is_wanted. A ping beside a full queue can be left out. */
    if (!buf_put(&ws->control_out, frame->bytes, frame->size))
        assert(opcode == WSLAY_PING);
    frame_free(frame);
}

void
output_close(struct ws *ws, int code, const char *reason)
{
    char payload[CONTROL_MAX];
    size_t n = strlen(reason), size = 0;

    assert(n <= sizeof payload - 2);
    if (code != WS_NO_STATUS) {
        payload[0] = (char)(code >> 8);
        payload[1] = (char)(code & 0xff);
        memcpy(payload + 2, reason, n);
        size = n + 2;
    }
    queue(ws, frame_new(ws, WSLAY_CONNECTION_CLOSE, payload, size));
}

void
output_forget(struct ws *ws, bool all)
{
    struct waiting *begun = NULL;

    if (ws->sent > 0 && !all) {
        begun = ws->first;
        ws->first = begun->next;
    }
    while (ws->first != NULL)
        unqueue(ws);
    if (begun != NULL) {
        begun->next = NULL;
        ws->first = ws->last = begun;
    } else {
        ws->sent = 0;
    }
    if (all)
        buf_done(&ws->control_out);
}

void
output_fail(struct ws *ws, int code, const char *reason)
{
    bool first = ws->state == WS_OPEN;

    ws_end(ws, WS_FAILED, code, reason);
    if (first) {
        output_forget(ws, false);
        output_close(ws, code, reason);
    }
}

/* ---- sending ---- */

bool
output_waits(const struct ws *ws)
{
    return ws->first != NULL || buf_size(&ws->control_out) > 0;
}

static size_t
gather(struct ws *ws, struct iovec pieces[PIECES])
{
    struct waiting *frame = ws->first;
    size_t n = 0;

    if (ws->sent > 0) {
        pieces[n++] = (struct iovec){ frame->bytes + ws->sent, frame->size - ws->sent };
        frame = frame->next;
    }
    if (buf_size(&ws->control_out) > 0)
        pieces[n++] = (struct iovec){ ws->control_out.data + ws->control_out.start,
                                      buf_size(&ws->control_out) };
    for (; frame != NULL && n < PIECES; frame = frame->next)
        pieces[n++] = (struct iovec){ frame->bytes, frame->size };
    return n;
}

/* The bytes of the first frame that are among n; it goes when it is out. */
static size_t
pass_frame(struct ws *ws, size_t n)
{
    size_t rest = ws->first->size - ws->sent;

    if (n < rest) {
        ws->sent += n;
        return n;
    }
    unqueue(ws);
    ws->sent = 0;
    return rest;
}

/* In the order of gather. */
static void
pass(struct ws *ws, size_t n)
{
    if (ws->sent > 0)
        n -= pass_frame(ws, n);
    size_t control = buf_size(&ws->control_out);
    if (control > 0 && n > 0) {
        size_t out = n < control ? n : control;

        buf_drop(&ws->control_out, out);
        if (out == control)
            buf_done(&ws->control_out);
        n -= out;
    }
    while (n > 0)
        n -= pass_frame(ws, n);
}

/* The kernel takes nothing more. What came before may still be read; it ends with the reason. */
static void
fall_silent(struct ws *ws)
{
    ws->mute = true;
    output_forget(ws, true);
    if (input_is_wanted(ws) && ws->state != WS_FAILED)
        ws->more = true;
    else
        ws_end(ws, WS_OVER, WS_ABNORMAL, "reset");
}

static void
all_is_sent(struct ws *ws)
{
    if (ws->state == WS_ECHOING) {
        ws_end(ws, WS_OVER, ws->code, "");
    } else if (ws->state == WS_FAILED && !ws->shut) {
        shutdown(ws->watch.fd, SHUT_WR);
        ws->shut = true;
    }
}

void
output_flush(struct ws *ws)
{
    struct iovec pieces[PIECES];
    struct msghdr message = { .msg_iov = pieces };

    while (!ws->mute && (message.msg_iovlen = gather(ws, pieces)) > 0) {
        ssize_t n = sendmsg(ws->watch.fd, &message, MSG_NOSIGNAL);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n < 0) {
            fall_silent(ws);
            return;
        }
        pass(ws, (size_t)n);
    }
    if (!output_waits(ws))
        all_is_sent(ws);
}
