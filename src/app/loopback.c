/* A small HTTP client for our own listener. */
#include "app/loopback.h"

#include "base/buf.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CALL_MS = 5000, ANSWER_MAX = 1 << 20 };

static bool
wait_for(int fd, short events, int64_t until)
{
    struct pollfd p = { .fd = fd, .events = events };
    int64_t left = until - clock_ms();

    return left > 0 && poll(&p, 1, (int)left) == 1;
}

static bool
connect_to(int fd, const struct addrinfo *at, int64_t until)
{
    int fault = 0;
    socklen_t size = sizeof fault;

    if (connect(fd, at->ai_addr, at->ai_addrlen) == 0)
        return true;
    return errno == EINPROGRESS && wait_for(fd, POLLOUT, until) &&
           getsockopt(fd, SOL_SOCKET, SO_ERROR, &fault, &size) == 0 && fault == 0;
}

/* The host to dial: without brackets, and this machine where all addresses are listened on. */
static void
read_host(const char *host, char *out, size_t size)
{
    size_t n = strlen(host);

    snprintf(out, size, "%s", host);
    if (n > 2 && host[0] == '[')
        snprintf(out, size, "%.*s", (int)n - 2, host + 1);
    if (strcmp(out, "0.0.0.0") == 0 || strcmp(out, "::") == 0)
        snprintf(out, size, "%s", out[0] == '0' ? "127.0.0.1" : "::1");
}

static int
dial(const struct loopback *to, int64_t until)
{
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
    struct addrinfo *list = NULL;
    char port[8], host[256];

    snprintf(port, sizeof port, "%d", to->port);
    read_host(to->host, host, sizeof host);
    if (getaddrinfo(host, port, &hints, &list) != 0)
        return -1;
    int fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && !connect_to(fd, list, until)) {
        close(fd);
        fd = -1;
    }
    freeaddrinfo(list);
    return fd;
}

static bool
send_all(int fd, struct buf *out, int64_t until)
{
    while (buf_size(out) > 0) {
        ssize_t n = send(fd, buf_bytes(out), buf_size(out), MSG_NOSIGNAL);
        if (n > 0)
            buf_drop(out, (size_t)n);
        else if (errno != EAGAIN || !wait_for(fd, POLLOUT, until))
            return false;
    }
    return true;
}

/* Until the other side closes: the request said Connection: close. */
static bool
read_all(int fd, struct buf *in, int64_t until)
{
    for (;;) {
        char *room = buf_room(in, 4096);
        if (room == NULL || !wait_for(fd, POLLIN, until))
            return false;
        ssize_t n = recv(fd, room, 4096, 0);
        if (n == 0)
            return true;
        if (n > 0)
            buf_added(in, (size_t)n);
        else if (errno != EAGAIN)
            return false;
    }
}

/* Takes the chunk lines out, in place. */
static void
join_chunks(char *body)
{
    char *to = body;

    for (char *from = body, *data;;) {
        unsigned long n = strtoul(from, NULL, 16);
        data = strstr(from, "\r\n");
        if (n == 0 || data == NULL || n > strlen(data + 2))
            break;
        memmove(to, data + 2, n);
        to += n;
        from = data + 2 + n;
        from += strncmp(from, "\r\n", 2) == 0 ? 2 : 0;
    }
    *to = '\0';
}

static int
read_answer(struct buf *in, struct arena *mem, const char **body)
{
    char *text = arena_textn(mem, buf_bytes(in), buf_size(in));
    char *end = strstr(text, "\r\n\r\n");

    if (strncmp(text, "HTTP/1.1 ", 9) != 0 || end == NULL)
        return 0;
    *end = '\0';
    *body = end + 4;
    if (strcasestr(text, "\r\nTransfer-Encoding: chunked") != NULL)
        join_chunks(end + 4);
    return (int)strtol(text + 9, NULL, 10);
}

int
loopback_call(const struct loopback *to, const struct loopback_call *call, struct arena *mem,
              const char **body)
{
    int64_t until = clock_ms() + CALL_MS;
    int fd = dial(to, until), status = 0;
    struct buf out, in;

    *body = "";
    if (fd < 0)
        return 0;
    buf_init(&out, 0);
    buf_init(&in, ANSWER_MAX);
    buf_printf(&out, "%s %s HTTP/1.1\r\nHost: %s:%d\r\nConnection: close\r\n", call->method,
               call->target, to->host, to->port);
    if (call->bearer != NULL)
        buf_printf(&out, "Authorization: Bearer %s\r\n", call->bearer);
    if (call->idempotency_key != NULL)
        buf_printf(&out, "Idempotency-Key: %s\r\n", call->idempotency_key);
    if (call->body != NULL)
        buf_printf(&out, "Content-Type: application/json\r\nContent-Length: %zu\r\n",
                   strlen(call->body));
    buf_printf(&out, "\r\n%s", call->body == NULL ? "" : call->body);
    if (send_all(fd, &out, until) && read_all(fd, &in, until))
        status = read_answer(&in, mem, body);
    buf_done(&out);
    buf_done(&in);
    close(fd);
    return status;
}
