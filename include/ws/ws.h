/* The server's side of a WebSocket (RFC 6455) whose handshake is done: frames by wslay, on the poll
 * and timers of one loop. Everything here runs on the thread of that loop. No extension is spoken;
 * text messages only. Bad frames end the socket by themselves, with the close code that the RFC
 * names (1002, 1003, 1007, 1009) and a reason word. */
#ifndef WS_WS_H
#define WS_WS_H

#include "base/must.h"
#include "base/poll.h"
#include "base/timers.h"

#include <stdbool.h>
#include <stddef.h>

struct ws;

struct ws_limits {
    size_t message_max;  /* bytes of a message that comes, all fragments together: beyond, 1009 */
    size_t queue_frames; /* messages waiting to be sent                                        */
    size_t queue_bytes;  /* the same in bytes                                                   */
    int ping_after_ms;   /* of silence, until a ping is sent                                    */
    int pong_within_ms;  /* then, until the socket is given up (1006, "ping_timeout")           */
    int close_within_ms; /* from our close frame until the descriptor is closed                 */
};

enum {
    WS_NORMAL = 1000,
    WS_GOING_AWAY = 1001,
    WS_PROTOCOL_ERROR = 1002, /* reason "protocol_error" */
    WS_NOT_TEXT = 1003,       /* reason "binary_not_supported" */
    WS_NO_STATUS = 1005,      /* never sent: a close frame without a code came */
    WS_ABNORMAL = 1006,       /* never sent: no close frame came               */
    WS_BAD_UTF8 = 1007,       /* reason "bad_utf8"            */
    WS_TOO_LARGE = 1009,      /* reason "frame_too_large"     */
    WS_INTERNAL = 1011,
    WS_RESTART = 1012,
    WS_TRY_LATER = 1013, /* reason "slow_consumer" when the queue is full */
};

struct ws_events {
    /* A whole text message of valid UTF-8, not NUL-ended; borrowed. May call any function here,
     * ws_drop too. */
    void (*text)(void *arg, const char *text, size_t size);
    /* Something came, a pong perhaps: the peer is alive. At most once a round; may be NULL. */
    void (*heard)(void *arg);
    /* It is over: the descriptor is closed, ws is freed on return. code: of the close frame that
     * began it, whoever sent it; WS_NO_STATUS or WS_ABNORMAL else. reason: of that frame, NUL-ended
     * (or "ping_timeout", "eof", "reset"), borrowed. Never called inside a function that the
     * owner called, except from an event. */
    void (*closed)(void *arg, int code, const char *reason);
};

/* Takes over a connected, non-blocking descriptor and the n bytes that were read behind the
 * handshake (copied; they are read in the next round, not in here). events and limits are borrowed
 * and must outlive it. */
struct ws *ws_open(struct poll *poll, struct timers *timers, int fd, const char *extra, size_t n,
                   const struct ws_events *events, const struct ws_limits *limits, void *arg);

/* Sends a text message (copied), after those that wait. False, nothing sent, when the queue is full
 * or the socket is closing; a full queue closes it (WS_TRY_LATER). A message larger than
 * queue_bytes never fits. */
bool ws_send(struct ws *ws, const char *text, size_t size) MUST_CHECK;

/* Whether more than half of the queue is in use: no new work should be sent there. */
bool ws_is_busy(const struct ws *ws);

/* Stops or starts reading: what the owner cannot take stays in TCP. Pings are not sent, and silence
 * is not held against the peer, while it is stopped. In a text event: no further one comes until
 * ws_resume, and the next never comes from inside it. */
void ws_pause(struct ws *ws);
void ws_resume(struct ws *ws);

/* Sends what waits, then a close frame (reason at most 123 bytes), and waits close_within_ms for
 * the peer's; closed comes after. Nothing more is read as a message. Fine when it is closing
 * already. */
void ws_close(struct ws *ws, int code, const char *reason);

/* Closes the descriptor and frees, now, without a word and without the closed event. */
void ws_drop(struct ws *ws);

/* clock_ms of the last byte that came. */
int64_t ws_heard(const struct ws *ws);

enum { WS_ACCEPT_SIZE = 29 };

/* The value of Sec-WebSocket-Accept for a Sec-WebSocket-Key (RFC 6455, section 4.2.2); false when
 * the key is not 16 bytes in base64. */
bool ws_accept(const char *key, char accept[WS_ACCEPT_SIZE]) MUST_CHECK;

/* Whether a comma-separated header value (Connection, Upgrade, Sec-WebSocket-Protocol) has this
 * token; any_case: compared without case. value NULL: false. */
bool ws_has_token(const char *value, const char *token, bool any_case);

#endif
