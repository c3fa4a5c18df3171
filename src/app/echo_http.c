/* One request of the sample agent: reading it from bytes, drawing its answer. */
#include "echo_priv.h"

#include "base/must.h"
#include "json/spec.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct echoed {
    const char *method, *target, *content_type, *body;
    int64_t body_bytes;
    bool authorization;
};

static const struct field echoed_fields[] = {
    { "method", TEXT_AT(struct echoed, method), .doc = "As received." },
    { "target", TEXT_AT(struct echoed, target), .doc = "As received." },
    { "content_type", TEXT_AT(struct echoed, content_type), F_NULLABLE, .doc = "As received." },
    { "authorization", BOOL_AT(struct echoed, authorization),
      .doc = "Whether there was an Authorization header; never what it held." },
    { "body_bytes", INT_AT(struct echoed, body_bytes), .doc = "Length of the body." },
    { "body", TEXT_AT(struct echoed, body), F_NULLABLE, .doc = "The body; null: not text." },
    FIELD_LAST,
};

static const struct spec echoed_spec = { "Echoed", sizeof(struct echoed), echoed_fields };

/* The value of a header in mem, or NULL. head: the lines between the first and the empty one. */
static const char *
header(const char *head, const char *name, struct arena *mem)
{
    size_t n = strlen(name);

    for (const char *line = head; line != NULL && *line != '\0';) {
        const char *end = strstr(line, "\r\n");
        size_t length = end == NULL ? strlen(line) : (size_t)(end - line);

        if (length > n && line[n] == ':' && strncasecmp(line, name, n) == 0) {
            size_t skip = n + 1 + strspn(line + n + 1, " \t");
            return arena_textn(mem, line + skip, length > skip ? length - skip : 0);
        }
        line = end == NULL ? NULL : end + 2;
    }
    return NULL;
}

/* One chunk from bytes to body: as read_body, with *last set at the final one. */
static long
read_chunk(const char *bytes, size_t n, struct buf *body, bool *last)
{
    const char *line = memmem(bytes, n, "\r\n", 2);
    char *stop;

    if (line == NULL)
        return n > 64 ? -1 : 0;
    unsigned long size = strtoul(bytes, &stop, 16);
    if (stop == bytes || (*stop != '\r' && *stop != ';') || size > ECHO_BODY_MAX)
        return -1;
    size_t head = (size_t)(line - bytes) + 2, whole = head + size + 2;
    if (n < whole)
        return 0;
    /* Behind the last chunk this is also the end of the trailers: nobody sends any here. */
    if (memcmp(bytes + whole - 2, "\r\n", 2) != 0 || !buf_put(body, bytes + head, size))
        return -1;
    *last = size == 0;
    return (long)whole;
}

/* Decodes a chunked body: as read_body. */
static long
read_chunks(const char *bytes, size_t n, struct buf *body)
{
    bool last = false;
    long all = 0;

    while (!last) {
        long took = read_chunk(bytes + all, n - (size_t)all, body, &last);
        if (took <= 0)
            return took;
        all += took;
    }
    return all;
}

/* Length of the UTF-8 sequence at s (RFC 3629); 0: none, or a NUL. */
static size_t
sequence(const unsigned char *s, size_t n)
{
    static const struct {
        unsigned char first, last, low, high; /* bounds of byte 1, of byte 2 */
        size_t length;
    } rows[] = {
        { 0x01, 0x7f, 0x00, 0xff, 1 }, { 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
        { 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
        { 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
    };
    size_t i = 0;

    while (i < COUNT(rows) && (s[0] < rows[i].first || s[0] > rows[i].last))
        i++;
    if (i == COUNT(rows) || n < rows[i].length)
        return 0;
    if (rows[i].length > 1 && (s[1] < rows[i].low || s[1] > rows[i].high))
        return 0;
    for (size_t k = 2; k < rows[i].length; k++)
        if ((s[k] & 0xc0) != 0x80)
            return 0;
    return rows[i].length;
}

static bool
is_text(const char *text, size_t n)
{
    size_t length = 1;

    for (size_t at = 0; at < n && length > 0; at += length)
        length = sequence((const unsigned char *)text + at, n - at);
    return length > 0;
}

static const char *
text_or_null(const char *bytes, size_t n, struct arena *mem)
{
    return is_text(bytes, n) ? arena_textn(mem, bytes, n) : NULL;
}

static void
put_answer(const struct echo_request *rq, struct buf *body, struct buf *out)
{
    struct arena *mem = rq->mem;
    const char *type = header(rq->head, "Content-Type", mem);
    struct echoed echoed = {
        .method = text_or_null(rq->method, strlen(rq->method), mem),
        .target = text_or_null(rq->target, strlen(rq->target), mem),
        .content_type = type == NULL ? NULL : text_or_null(type, strlen(type), mem),
        .body = text_or_null(buf_bytes(body), buf_size(body), mem),
        .body_bytes = (int64_t)buf_size(body),
        .authorization = header(rq->head, "Authorization", mem) != NULL,
    };

    if (echoed.method == NULL || echoed.target == NULL) {
        buf_text(out, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        return;
    }
    const char *text = spec_text(&echoed_spec, &echoed, VIEW_FULL, mem);
    buf_printf(out,
               "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
               strlen(text) + 1);
    if (strcmp(rq->method, "HEAD") != 0)
        buf_printf(out, "%s\n", text);
}

/* Reads "METHOD target HTTP/1.x" and the header lines, up to end. */
static bool
read_head(struct echo_request *rq, const struct buf *in, const char *end)
{
    size_t n = (size_t)(end - buf_bytes(in));
    char *head = arena_textn(rq->mem, buf_bytes(in), n), *rest = NULL;
    char *line_end = strstr(head, "\r\n");

    if (line_end != NULL)
        *line_end = '\0';
    rq->size = n + 4;
    rq->head = line_end == NULL ? "" : line_end + 2;
    rq->method = strtok_r(head, " ", &rest);
    rq->target = strtok_r(NULL, " ", &rest);
    rq->length = header(rq->head, "Content-Length", rq->mem);
    rq->chunked = header(rq->head, "Transfer-Encoding", rq->mem) != NULL;
    const char *version = strtok_r(NULL, " ", &rest);
    return version != NULL && strncmp(version, "HTTP/1.", 7) == 0;
}

/* Takes the body behind the head: how many bytes it took; 0: more is needed, unless there is no
 * body (*none); -1: not well-formed, or too large. */
static long
read_body(const struct echo_request *rq, const char *bytes, size_t n, struct buf *body, bool *none)
{
    unsigned long size = rq->length == NULL ? 0 : strtoul(rq->length, NULL, 10);

    *none = !rq->chunked && size == 0;
    if (rq->chunked)
        return read_chunks(bytes, n, body);
    if (size > ECHO_BODY_MAX)
        return -1;
    if (n < size)
        return 0;
    return buf_put(body, bytes, size) ? (long)size : -1;
}

static enum echo_step
take_request(struct echo_request *rq, struct buf *in, struct buf *out, bool *continued)
{
    const char *connection = header(rq->head, "Connection", rq->mem);
    enum echo_step step = ECHO_MORE;
    struct buf body;
    bool none;

    buf_init(&body, ECHO_BODY_MAX);
    long took = read_body(rq, buf_bytes(in) + rq->size, buf_size(in) - rq->size, &body, &none);
    if (took < 0) {
        step = ECHO_BROKEN;
    } else if (took > 0 || none) {
        put_answer(rq, &body, out);
        buf_drop(in, rq->size + (size_t)took);
        *continued = false;
        step =
            connection != NULL && strcasestr(connection, "close") != NULL ? ECHO_LAST : ECHO_DONE;
    } else if (!*continued && header(rq->head, "Expect", rq->mem) != NULL) {
        buf_text(out, "HTTP/1.1 100 Continue\r\n\r\n");
        *continued = true;
    }
    buf_done(&body);
    return step;
}

enum echo_step
echo_http(struct buf *in, struct buf *out, bool *continued)
{
    const char *end = memmem(buf_bytes(in), buf_size(in), "\r\n\r\n", 4);
    struct echo_request rq = { 0 };
    enum echo_step step = ECHO_BROKEN;

    if (end == NULL && buf_size(in) < ECHO_HEAD_MAX)
        return ECHO_MORE;
    rq.mem = arena_new();
    if (end != NULL && read_head(&rq, in, end))
        step = take_request(&rq, in, out, continued);
    if (step == ECHO_BROKEN)
        buf_text(out, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n"
                      "Connection: close\r\n\r\n");
    arena_free(rq.mem);
    return step;
}
