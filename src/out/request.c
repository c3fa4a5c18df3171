/* Writes the head of a request. What reaches the wire is checked here, whoever made it. */
#include "out/out_priv.h"

#include <string.h>

enum { HEAD_USUAL = 1000 };

/* Methods for which no body is announced when there is none (RFC 9110, 8.6). */
static const char *const bodiless[] = { "GET", "HEAD", "OPTIONS", "DELETE", NULL };

static bool
is_visible(const char *text)
{
    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++)
        if (*text <= 0x20 || *text >= 0x7f)
            return false;
    return true;
}

static bool
is_bodiless(const char *method)
{
    for (const char *const *m = bodiless; *m != NULL; m++)
        if (strcmp(method, *m) == 0)
            return true;
    return false;
}

static const char *
check_line(const struct call_request *request, const char *target)
{
    if (!head_is_token(request->method) || strcmp(request->method, "CONNECT") == 0)
        return "the method may not be sent";
    if (target[0] != '/' || !is_visible(target))
        return "the request target may not be sent";
    return is_visible(request->url->authority) ? NULL : "the authority may not be sent";
}

/* Whether a name would change the framing, or is of one hop; all these are short. */
static bool
is_ours(const char *given, size_t n)
{
    char name[32];

    if (n >= sizeof name || strchr("ckptuh", given[0] | 0x20) == NULL)
        return false;
    for (size_t k = 0; k <= n; k++)
        name[k] = (char)(given[k] >= 'A' && given[k] <= 'Z' ? given[k] | 0x20 : given[k]);
    return strcmp(name, "host") == 0 || head_is_hop(name);
}

static const char *
write_headers(struct buf *buf, const struct params *headers)
{
    for (size_t i = 0; headers != NULL && i < headers->n; i++) {
        const struct param *h = &headers->v[i];
        size_t n = strlen(h->name), size = strlen(h->value);

        if (!head_is_token(h->name) || !head_is_value(h->value))
            return "a request header may not be sent";
        if (is_ours(h->name, n))
            return "a request header that is not the caller's to set";
        char *to = buf_room(buf, n + size + 4);
        if (to == NULL)
            return "the request headers are too large";
        to = mempcpy(mempcpy(to, h->name, n), ": ", 2);
        mempcpy(mempcpy(to, h->value, size), "\r\n", 2);
        buf_added(buf, n + size + 4);
    }
    return NULL;
}

static void
write_length(struct buf *buf, int64_t length)
{
    char text[32] = "", *p = text + sizeof text - 4;

    memcpy(p, "\r\n", 2);
    p[2] = '\0';
    do {
        *--p = (char)('0' + length % 10);
        length /= 10;
    } while (length > 0);
    buf_text(buf, "Content-Length: ");
    buf_text(buf, p);
}

const char *
request_write(struct buf *buf, const struct call_request *request)
{
    const char *target = request->target != NULL ? request->target : request->url->target;
    const char *fault = check_line(request, target);

    if (fault != NULL)
        return fault;
    /* One block from the start: growing copies, and wipes, what may be a secret. */
    buf_room(buf, HEAD_USUAL);
    buf_text(buf, request->method);
    buf_put(buf, " ", 1);
    buf_text(buf, target);
    buf_text(buf, " HTTP/1.1\r\nHost: ");
    buf_text(buf, request->url->authority);
    buf_put(buf, "\r\n", 2);
    fault = write_headers(buf, request->headers);
    if (fault != NULL)
        return fault;
    if (request->body_size < 0)
        buf_text(buf, "Transfer-Encoding: chunked\r\n");
    else if (request->body_size > 0 || !is_bodiless(request->method))
        write_length(buf, request->body_size);
    buf_put(buf, "\r\n", 2);
    return NULL;
}
