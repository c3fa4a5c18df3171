/* A growing run of bytes with a bound. */
#include "base/buf.h"

#include "base/must.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_SIZE = 256 };

void
buf_init(struct buf *buf, size_t limit)
{
    *buf = (struct buf){ .limit = limit };
}

void
buf_done(struct buf *buf)
{
    if (buf->data != NULL)
        explicit_bzero(buf->data, buf->size);
    free(buf->data);
    *buf = (struct buf){ .limit = buf->limit };
}

size_t
buf_size(const struct buf *buf)
{
    return buf->end - buf->start;
}

const char *
buf_bytes(const struct buf *buf)
{
    return buf->data == NULL ? "" : buf->data + buf->start;
}

/* Grows by a fresh block and wipes the old one: realloc would leave copies of secrets behind. */
static void
move_to(struct buf *buf, size_t size)
{
    char *data = must(malloc(size));
    size_t live = buf_size(buf);

    if (live > 0)
        memcpy(data, buf->data + buf->start, live);
    if (buf->data != NULL)
        explicit_bzero(buf->data, buf->size);
    free(buf->data);
    buf->data = data;
    buf->size = size;
    buf->start = 0;
    buf->end = live;
}

char *
buf_room(struct buf *buf, size_t n)
{
    size_t live = buf_size(buf);

    if (n > (size_t)-1 / 4 || (buf->limit != 0 && live + n > buf->limit)) {
        buf->overflow = true;
        return NULL;
    }
    if (buf->size - buf->end < n + 1) {
        if (buf->size >= live + n + 1 && buf->start >= live) {
            memmove(buf->data, buf->data + buf->start, live);
            buf->start = 0;
            buf->end = live;
        } else {
            size_t size = buf->size < FIRST_SIZE ? FIRST_SIZE : buf->size;

            while (size < live + n + 1)
                size *= 2;
            move_to(buf, size);
        }
    }
    return buf->data + buf->end;
}

void
buf_added(struct buf *buf, size_t n)
{
    assert(buf->end + n < buf->size);
    buf->end += n;
}

bool
buf_put(struct buf *buf, const void *bytes, size_t n)
{
    char *room = buf_room(buf, n);

    if (room == NULL)
        return false;
    if (n > 0)
        memcpy(room, bytes, n);
    buf_added(buf, n);
    return true;
}

bool
buf_text(struct buf *buf, const char *text)
{
    return buf_put(buf, text, strlen(text));
}

bool
buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args, again;

    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *room = n < 0 ? NULL : buf_room(buf, (size_t)n);
    if (room != NULL) {
        vsnprintf(room, (size_t)n + 1, format, again);
        buf_added(buf, (size_t)n);
    }
    va_end(again);
    return room != NULL;
}

void
buf_drop(struct buf *buf, size_t n)
{
    assert(n <= buf_size(buf));
    buf->start += n;
    if (buf->start == buf->end)
        buf->start = buf->end = 0;
}

const char *
buf_cstr(struct buf *buf)
{
    if (buf->data == NULL)
        return "";
    /* buf_room always keeps one byte more than asked for. */
    buf->data[buf->end] = '\0';
    return buf->data + buf->start;
}
