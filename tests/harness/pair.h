/* A socket of ours and its client's end, on a loop that a test turns by hand. */
#ifndef HARNESS_PAIR_H
#define HARNESS_PAIR_H

#include "ws/ws.h"

#include "base/buf.h"
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct pair {
    struct poll *poll;
    struct timers *timers;
    struct ws *ws;
    int client;
    struct ws_limits limits;
    struct buf texts; /* what came, each ended by '|' */
    size_t ntexts, heard, closed;
    int code;
    char reason[128];
    void (*on_text)(struct pair *pair);
    struct buf got; /* what the client has read */
    bool inside;    /* a function of the owner  */
    bool eof;
};

/* A frame as the client sees it. */
struct seen {
    int head; /* FIN, reserved bits and opcode; -1: there is none */
    const char *payload;
    size_t n;
};

/* How a frame's length is written, and other ways to write one. */
enum { AS_16 = 1, AS_64 = 2, UNMASKED = 4, TOP_BIT = 8, ZERO_MASK = 16 };

/* A client's frame. payload NULL: n times 'x'. claims > n: the rest does not come. */
struct shape {
    int head; /* FIN, reserved bits and opcode */
    const char *payload;
    size_t n, claims;
    unsigned how;
};

/* Opens both; the TCP one has buffers as small as may be, so that sending stops in mid-frame. */
void pair_open_extra(struct pair *pair, const char *extra, size_t n);

void pair_open(struct pair *pair);

void pair_open_tcp(struct pair *pair);

void pair_close(struct pair *pair);

/* One round of the loop, which may sleep. */
void pair_round(struct pair *pair, int wait);

/* Turns until nothing is due. */
void pair_settle(struct pair *pair);

/* Turns until it is closed, at most 20 seconds. */
void pair_wait_closed(struct pair *pair);

/* Appends a client's frame; payload NULL: n times 'x'. claims > n: the rest does not come. */
void frame_put(struct buf *to, const struct shape *shape);

/* The client writes; the loop turns while the kernel is full, and when step is given, after each so
 * many bytes. */
void pair_write(struct pair *pair, const char *bytes, size_t n, size_t step);

void pair_put(struct pair *pair, int head, const char *payload, size_t n);

void pair_say(struct pair *pair, const char *text);

/* Reads what is there for the client. */
void pair_fetch(struct pair *pair);

/* The next frame of what was read; it is taken from there, and lasts until the next fetch. */
struct seen pair_seen(struct pair *pair);

/* The code of a close frame that comes next; 0: something else does. */
int pair_close_code(struct pair *pair);

/* The owner sends; false as ws_send. */
bool pair_send(struct pair *pair, const char *text);

/* The owner closes. */
void pair_end(struct pair *pair, int code, const char *reason);

/* The next frame that the client has read is this one. */
void pair_expect(struct pair *pair, int head, const char *payload);

#endif
