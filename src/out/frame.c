/* Cuts the body of an answer out of its framing. */
#include "out/frame.h"

#include "base/ids.h"

enum chunk_state {
    CHUNK_SIZE,
    CHUNK_EXTENSION,
    CHUNK_SIZE_LF,
    CHUNK_DATA,
    CHUNK_DATA_CR,
    CHUNK_DATA_LF,
    CHUNK_TRAILER,
    CHUNK_TRAILER_LF,
    CHUNK_DONE,
    CHUNK_BROKEN,
};

enum { SIZE_DIGITS_MAX = 16 };

void
frame_begin(struct frame *frame, const struct head *head, bool no_body, size_t trailers_max)
{
    *frame = (struct frame){ .trailers_left = trailers_max };
    if (no_body)
        frame->kind = FRAME_NONE;
    else if (head->chunked)
        frame->kind = FRAME_CHUNKED;
    else if (head->length >= 0)
        frame->kind = FRAME_LENGTH;
    else
        frame->kind = FRAME_CLOSE;
    frame->left = frame->kind == FRAME_LENGTH ? (uint64_t)head->length : 0;
}

static bool
is_text(unsigned char c)
{
    return c == '\t' || (c >= 0x20 && c != 0x7f);
}

static int
after_size(struct frame *frame, unsigned char c)
{
    int digit = ids_hex_digit((char)c);

    if (digit >= 0) {
        if (++frame->digits > SIZE_DIGITS_MAX || frame->left > INT64_MAX >> 4)
            return CHUNK_BROKEN;
        frame->left = frame->left << 4 | (uint64_t)digit;
        return CHUNK_SIZE;
    }
    if (frame->digits == 0)
        return CHUNK_BROKEN;
    frame->line = 0;
    if (c == '\r')
        return CHUNK_SIZE_LF;
    return c == ';' ? CHUNK_EXTENSION : CHUNK_BROKEN;
}

static int
after_extension(struct frame *frame, unsigned char c)
{
    if (c == '\r')
        return CHUNK_SIZE_LF;
    return is_text(c) && ++frame->line <= FRAME_EXTENSION_MAX ? CHUNK_EXTENSION : CHUNK_BROKEN;
}

static int
after_size_lf(struct frame *frame, unsigned char c)
{
    frame->line = 0;
    frame->digits = 0;
    if (c != '\n')
        return CHUNK_BROKEN;
    return frame->left > 0 ? CHUNK_DATA : CHUNK_TRAILER;
}

static int
after_trailer(struct frame *frame, unsigned char c)
{
    if (c == '\r')
        return CHUNK_TRAILER_LF;
    if (!is_text(c) || frame->trailers_left == 0)
        return CHUNK_BROKEN;
    frame->trailers_left--;
    frame->line++;
    return CHUNK_TRAILER;
}

static int
after_trailer_lf(struct frame *frame, unsigned char c)
{
    bool empty = frame->line == 0;

    frame->line = 0;
    if (c != '\n')
        return CHUNK_BROKEN;
    return empty ? CHUNK_DONE : CHUNK_TRAILER;
}

/* The state after one byte of what stands around the data. */
static int
after(struct frame *frame, unsigned char c)
{
    switch ((enum chunk_state)frame->state) {
    case CHUNK_SIZE:
        return after_size(frame, c);
    case CHUNK_EXTENSION:
        return after_extension(frame, c);
    case CHUNK_SIZE_LF:
        return after_size_lf(frame, c);
    case CHUNK_DATA_CR:
        return c == '\r' ? CHUNK_DATA_LF : CHUNK_BROKEN;
    case CHUNK_DATA_LF:
        return c == '\n' ? CHUNK_SIZE : CHUNK_BROKEN;
    case CHUNK_TRAILER:
        return after_trailer(frame, c);
    case CHUNK_TRAILER_LF:
        return after_trailer_lf(frame, c);
    case CHUNK_DATA:
    case CHUNK_DONE:
    case CHUNK_BROKEN:
        break;
    }
    return CHUNK_BROKEN;
}

/* As much of the data as there is, up to what is left of it. */
static enum frame_step
cut_piece(struct frame *frame, const char *bytes, size_t n, size_t *used, struct piece *piece)
{
    size_t size = frame->left < n ? (size_t)frame->left : n;

    if (n == 0)
        return FRAME_MORE;
    frame->left -= size;
    *used += size;
    *piece = (struct piece){ bytes, size };
    return FRAME_PIECE;
}

static enum frame_step
next_of_chunks(struct frame *frame, const char *bytes, size_t n, size_t *used, struct piece *piece)
{
    while (frame->state != CHUNK_DONE) {
        if (frame->state == CHUNK_BROKEN)
            return FRAME_BAD;
        if (frame->state == CHUNK_DATA) {
            enum frame_step step = cut_piece(frame, bytes + *used, n - *used, used, piece);

            if (frame->left == 0)
                frame->state = CHUNK_DATA_CR;
            return step;
        }
        if (*used == n)
            return FRAME_MORE;
        frame->state = after(frame, (unsigned char)bytes[(*used)++]);
    }
    return FRAME_END;
}

enum frame_step
frame_next(struct frame *frame, const char *bytes, size_t n, size_t *used, struct piece *piece)
{
    *used = 0;
    switch (frame->kind) {
    case FRAME_NONE:
        return FRAME_END;
    case FRAME_LENGTH:
        return frame->left == 0 ? FRAME_END : cut_piece(frame, bytes, n, used, piece);
    case FRAME_CHUNKED:
        return next_of_chunks(frame, bytes, n, used, piece);
    case FRAME_CLOSE:
        break;
    }
    frame->left = n;
    return cut_piece(frame, bytes, n, used, piece);
}
