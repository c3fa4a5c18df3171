/* The framing of an answer's body: none, a length, chunks, or until the connection closes. Pure
 * functions, fed with pieces of any size. */
#ifndef OUT_FRAME_H
#define OUT_FRAME_H

#include "out/head.h"

enum { FRAME_EXTENSION_MAX = 256 };

enum frame_kind { FRAME_NONE, FRAME_LENGTH, FRAME_CHUNKED, FRAME_CLOSE };

struct frame {
    enum frame_kind kind;
    int state;            /* of the chunk reader                                  */
    int digits;           /* of the chunk size                                    */
    uint64_t left;        /* bytes of the body, or of the chunk                   */
    size_t line;          /* bytes of the current extension or trailer line       */
    size_t trailers_left; /* bytes that trailers may still have                   */
};

/* A piece of the body; points into what was given. */
struct piece {
    const char *bytes;
    size_t n;
};

enum frame_step {
    FRAME_MORE,  /* all bytes are used, more are needed  */
    FRAME_PIECE, /* here is a piece; call again          */
    FRAME_END,   /* the body is complete                 */
    FRAME_BAD,   /* the framing is broken                */
};

/* Chooses the framing that the head announces; no_body: there is none, whatever it says. */
void frame_begin(struct frame *frame, const struct head *head, bool no_body, size_t trailers_max);

/* Takes *used of n bytes. A FRAME_CLOSE body never ends here: the connection ends it. */
enum frame_step frame_next(struct frame *frame, const char *bytes, size_t n, size_t *used,
                           struct piece *piece);

#endif
