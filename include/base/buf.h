/* A growing run of bytes with a bound: builds text, queues bytes between two sockets. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

struct buf {
    char *data;        /* NULL while empty and never used                       */
    size_t start, end; /* the live bytes are data[start .. end)                 */
    size_t size;       /* allocated                                             */
    size_t limit;      /* most live bytes it may hold; 0: no limit              */
    bool overflow;     /* a put was refused because of the limit                */
};

/* An empty buffer; limit 0: no limit. */
void buf_init(struct buf *buf, size_t limit);

/* Wipes and frees the bytes; the buf is empty and usable afterwards. */
void buf_done(struct buf *buf);

/* Appends; false, nothing appended and overflow set, when that would pass the limit. */
bool buf_put(struct buf *buf, const void *bytes, size_t n);
bool buf_text(struct buf *buf, const char *text);
bool buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Room for at least n more bytes at data + end, not counted yet (see buf_added); NULL past the
 * limit. */
char *buf_room(struct buf *buf, size_t n);
void buf_added(struct buf *buf, size_t n);

/* Drops the first n live bytes. */
void buf_drop(struct buf *buf, size_t n);

/* The live bytes: where and how many. */
const char *buf_bytes(const struct buf *buf);
size_t buf_size(const struct buf *buf);

/* The live bytes as a C string (a NUL is kept behind them, outside the count). */
const char *buf_cstr(struct buf *buf);

#endif
