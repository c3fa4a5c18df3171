/* What comes. wslay 1.1.1 reads frames: it unmasks, and refuses control frames that are long or cut
 * in pieces, and lengths that are longer than needed. All else that RFC 6455 demands is here. */
#include "ws_priv.h"

#include "base/clock.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

bool
input_is_wanted(const struct ws *ws)
{
    if (ws->dropped || buf_size(&ws->control_out) > CONTROL_QUEUE - CONTROL_MAX - 2)
        return false;
    return (ws->state == WS_OPEN && !ws->paused) || ws->state == WS_CLOSING ||
           ws->state == WS_FAILED;
}

/* From the socket, as much as the round allows; -1 when there is nothing. */
static ssize_t
take(struct ws *ws, void *to, size_t most)
{
    if (ws->dry || ws->budget == 0)
        return -1;
    if (most > ws->budget)
        most = ws->budget;
    ssize_t n = recv(ws->watch.fd, to, most, 0);
    if (n < (ssize_t)most)
        ws->dry = true;
    if (n > 0) {
        ws->heard = ws->since = clock_ms();
        ws->news = true;
        ws->ping_out = false;
        ws->budget -= (size_t)n;
    } else if (n == 0) {
        ws_end(ws, WS_OVER, WS_ABNORMAL, "eof");
    } else if (errno != EAGAIN && errno != EINTR) {
        ws_end(ws, WS_OVER, WS_ABNORMAL, "reset");
    }
    return n > 0 ? n : -1;
}

ssize_t
input_give(uint8_t *to, size_t most, int flags, void *arg)
{
    struct ws *ws = arg;
    ssize_t n = (ssize_t)buf_size(&ws->extra);

    (void)flags;
    if (n == 0) {
        n = take(ws, to, most);
    } else {
        if ((size_t)n > most)
            n = (ssize_t)most;
        memcpy(to, buf_bytes(&ws->extra), (size_t)n);
        buf_drop(&ws->extra, (size_t)n);
        if (buf_size(&ws->extra) == 0)
            buf_done(&ws->extra);
    }
    if (n > 0)
        ws->held += (size_t)n;
    return n;
}

void
input_tidy(struct ws *ws)
{
    bool reads = ws->state == WS_OPEN || ws->state == WS_CLOSING;

    if (ws->wire == NULL || (reads && (ws->in_frame || ws->held > 0)))
        return;
    wslay_frame_context_free(ws->wire);
    ws->wire = NULL;
}

/* ---- frames ---- */

static size_t
head_size(const struct wslay_frame_iocb *piece)
{
    size_t size = piece->payload_length < 126 ? 2 : piece->payload_length < 65536 ? 4 : 10;

    return size + (piece->mask ? 4 : 0);
}

static void
break_rule(struct ws *ws)
{
    output_fail(ws, WS_PROTOCOL_ERROR, "protocol_error");
}

/* A frame of a message: may it come now, and does it fit? */
static void
begin_data(struct ws *ws, const struct wslay_frame_iocb *piece)
{
    size_t room = ws->limits->message_max - buf_size(&ws->message);
    bool goes_on = piece->opcode == WSLAY_CONTINUATION_FRAME;

    if (ws->in_message != goes_on) {
        break_rule(ws);
    } else if (piece->opcode == WSLAY_BINARY_FRAME) {
        output_fail(ws, WS_NOT_TEXT, "binary_not_supported");
    } else if (ws->state == WS_OPEN && piece->payload_length > room) {
        output_fail(ws, WS_TOO_LARGE, "frame_too_large");
    } else {
        ws->in_message = true;
    }
}

static void
begin_frame(struct ws *ws, const struct wslay_frame_iocb *piece)
{
    bool control = wslay_is_ctrl_frame(piece->opcode);

    ws->held -= head_size(piece);
    ws->left = piece->payload_length;
    if (!piece->mask || piece->rsv != WSLAY_RSV_NONE)
        break_rule(ws);
    else if (piece->opcode > (control ? WSLAY_PONG : WSLAY_BINARY_FRAME))
        break_rule(ws);
    else if (!control)
        begin_data(ws, piece);
}

static void
give_text(struct ws *ws, const char *text, size_t size)
{
    ws->in_message = false;
    ws->events->text(ws->arg, text, size);
}

static void
data_came(struct ws *ws, const struct wslay_frame_iocb *piece)
{
    const char *bytes = (const char *)piece->data;
    bool ends = ws->left == 0 && piece->fin;

    if (ws->state != WS_OPEN) {
        ws->in_message = !ends;
        return;
    }
    if (!utf8_take(&ws->utf8, bytes, piece->data_length) || (ends && ws->utf8.need > 0)) {
        output_fail(ws, WS_BAD_UTF8, "bad_utf8");
        return;
    }
    if (ends && buf_size(&ws->message) == 0) {
        give_text(ws, bytes, piece->data_length);
        return;
    }
    if (!buf_put(&ws->message, bytes, piece->data_length)) {
        output_fail(ws, WS_TOO_LARGE, "frame_too_large");
    } else if (ends) {
        struct buf whole = ws->message;

        buf_init(&ws->message, whole.limit);
        give_text(ws, buf_bytes(&whole), buf_size(&whole));
        buf_done(&whole);
    }
}

static bool
is_code(unsigned code)
{
    return (code >= 1000 && code <= 1014 && (code < 1004 || code > 1006)) ||
           (code >= 3000 && code <= 4999);
}

static void
close_came(struct ws *ws, const unsigned char *payload, size_t n)
{
    unsigned code = n < 2 ? WS_NO_STATUS : (unsigned)payload[0] << 8 | payload[1];
    struct utf8 utf8 = { 0 };
    char reason[CONTROL_MAX] = "";

    if (ws->state == WS_CLOSING) {
        ws->state = WS_ECHOING;
    } else if (n == 1 || (n >= 2 && !is_code(code))) {
        break_rule(ws);
    } else if (n > 2 && (!utf8_take(&utf8, payload + 2, n - 2) || utf8.need > 0)) {
        output_fail(ws, WS_BAD_UTF8, "bad_utf8");
    } else {
        if (n > 2)
            memcpy(reason, payload + 2, n - 2);
        ws_end(ws, WS_ECHOING, (int)code, reason);
        output_forget(ws, false);
        output_close(ws, (int)code, "");
    }
}

static void
control_came(struct ws *ws, const struct wslay_frame_iocb *piece)
{
    const char *payload = (const char *)piece->data;
    size_t n = piece->data_length;
    bool whole = ws->left == 0 && buf_size(&ws->control_in) == 0;

    /* wslay holds the bound of 125 bytes. */
    if (!whole) {
        if (!buf_put(&ws->control_in, payload, n) || ws->left > 0)
            return;
        payload = buf_bytes(&ws->control_in);
        n = buf_size(&ws->control_in);
    }
    if (piece->opcode == WSLAY_CONNECTION_CLOSE)
        close_came(ws, (const unsigned char *)payload, n);
    else if (piece->opcode == WSLAY_PING && ws->state == WS_OPEN)
        output_control(ws, WSLAY_PONG, payload, n);
    if (!whole)
        buf_done(&ws->control_in);
}

enum step {
    STEP_ON,    /* a piece of a frame came    */
    STEP_FRAME, /* the last piece of one came */
    STEP_DRY,   /* more bytes are needed      */
};

static enum step
step(struct ws *ws)
{
    struct wslay_frame_iocb piece = { 0 };
    ssize_t n = wslay_frame_recv(output_wire(ws), &piece);

    if (n == WSLAY_ERR_WANT_READ)
        return STEP_DRY;
    if (n < 0) {
        break_rule(ws);
        return STEP_ON;
    }
    enum ws_state before = ws->state;
    if (!ws->in_frame)
        begin_frame(ws, &piece);
    if (ws->state == WS_FAILED && before != WS_FAILED)
        return STEP_ON;
    ws->held -= piece.data_length;
    ws->left -= piece.data_length;
    ws->in_frame = ws->left > 0;
    if (wslay_is_ctrl_frame(piece.opcode))
        control_came(ws, &piece);
    else
        data_came(ws, &piece);
    return ws->in_frame ? STEP_ON : STEP_FRAME;
}

/* Lets the peer's last bytes pass, so that the kernel does not reset the connection and take our
 * close frame with it. */
static bool
throw_away(struct ws *ws)
{
    char nowhere[4096];

    return take(ws, nowhere, sizeof nowhere) > 0;
}

void
input_read(struct ws *ws)
{
    int frames = ROUND_FRAMES;

    ws->budget = ROUND_BYTES;
    ws->dry = ws->more = false;
    while (input_is_wanted(ws)) {
        if (ws->state == WS_FAILED) {
            if (!throw_away(ws))
                break;
            continue;
        }
        if (frames == 0) {
            ws->more = true;
            break;
        }
        enum step done = step(ws);
        if (done == STEP_DRY)
            break;
        frames -= done == STEP_FRAME;
    }
    if (!input_is_wanted(ws))
        ws->more = ws->held > 0 || buf_size(&ws->extra) > 0;
}
