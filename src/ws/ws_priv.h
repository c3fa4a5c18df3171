/* What the files of this room share: one socket. */
#ifndef WS_PRIV_H
#define WS_PRIV_H

#include "base/buf.h"
#include "ws/ws.h"

#include <stdint.h>
#include <wslay/wslay.h>

enum ws_state {
    WS_OPEN,    /* messages go both ways                                          */
    WS_CLOSING, /* our close frame waits or is sent; the peer's is awaited        */
    WS_ECHOING, /* the peer's is here: it is over when ours is sent               */
    WS_FAILED,  /* the peer broke a rule: ours is sent, what comes is thrown away */
    WS_OVER,    /* nothing is left but to tell                                    */
};

enum {
    CONTROL_MAX = 125,       /* bytes that a control frame carries (RFC 6455, 5.5)    */
    CONTROL_QUEUE = 2048,    /* of pings and pongs that wait; beyond, we do not read  */
    ROUND_BYTES = 64 * 1024, /* read of one socket in one round                       */
    ROUND_FRAMES = 128,      /* the same in frames                                    */
};

/* How far a sequence of UTF-8 has come; zeroes: nothing is pending. */
struct utf8 {
    unsigned char need, low, high; /* bytes to come; bounds of the next */
};

/* A frame that waits to be sent, as it goes out. */
struct waiting {
    struct waiting *next;
    size_t payload; /* what it counts for in the queue */
    bool is_text;
    size_t size; /* of bytes */
    char bytes[];
};

struct ws {
    struct watch watch;
    struct timer timer; /* fires no later than the next thing to do */
    struct timers *timers;
    const struct ws_events *events;
    const struct ws_limits *limits;
    void *arg;
    enum ws_state state;
    bool busy;    /* inside ready or fire: settle comes at their end       */
    bool dropped; /* by the owner, while busy                              */
    bool paused, ping_out;
    bool more; /* frames may be held that nobody has looked at         */
    bool news; /* bytes came in this round                             */
    bool dry;  /* the socket has no more bytes in this round           */
    bool mute; /* the kernel takes no more bytes: only reading is left */
    bool shut; /* our side of the connection is shut down              */
    int code;  /* how it ends; 0: not known yet                        */
    char *reason;
    int64_t heard; /* clock_ms of the last byte                     */
    int64_t since; /* silence counts from here                      */
    int64_t ping_at, close_due;
    /* What comes. wire exists while a part of a frame is held, and while one is made. */
    wslay_frame_context_ptr wire;
    size_t held;   /* bytes given to wslay that are not accounted for yet */
    size_t budget; /* bytes that may still be read in this round          */
    uint64_t left; /* payload of the frame that has not come yet          */
    bool in_frame, in_message;
    struct utf8 utf8;
    struct buf extra, message, control_in;
    /* What waits to be sent: pings and pongs go before messages. */
    struct buf control_out;
    struct waiting *first, *last;
    size_t sent; /* bytes of first that are out */
    size_t frames, bytes;
    struct waiting *making; /* the frame being drawn, size: so far */
};

/* ws.c. It ends, now or at the end of the round: the first code and reason stay. */
void ws_end(struct ws *ws, enum ws_state state, int code, const char *reason);

/* Whether bytes of the peer are wanted. */
bool input_is_wanted(const struct ws *ws);

/* Reads a bounded amount, and gives events. */
void input_read(struct ws *ws);

/* recv for wslay. */
ssize_t input_give(uint8_t *to, size_t most, int flags, void *arg);

/* Frees what no frame is held in. */
void input_tidy(struct ws *ws);

/* Queues a text message; whether there is room was asked before. */
void output_text(struct ws *ws, const char *text, size_t size);

/* Whether a message of this size passes a bound of the queue. */
bool output_is_full(const struct ws *ws, size_t size);

/* Queues a ping or pong. */
void output_control(struct ws *ws, uint8_t opcode, const char *payload, size_t size);

/* Queues a close frame behind all else; code WS_NO_STATUS: an empty one. */
void output_close(struct ws *ws, int code, const char *reason);

/* Sends as much as the kernel takes. */
void output_flush(struct ws *ws);

/* Whether anything waits. */
bool output_waits(const struct ws *ws);

/* Forgets what waits, save the rest of a frame that has begun; that too when all. */
void output_forget(struct ws *ws, bool all);

/* Closes with a code because the peer broke a rule. */
void output_fail(struct ws *ws, int code, const char *reason);

/* wslay's state for this socket, made when there is none. */
wslay_frame_context_ptr output_wire(struct ws *ws);

/* The next bytes of a text; false when they cannot be UTF-8. */
bool utf8_take(struct utf8 *utf8, const void *bytes, size_t n) MUST_CHECK;

#endif
