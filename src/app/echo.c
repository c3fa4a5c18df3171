/* The sample agent's server: one thread, a bounded number of connections. */
#include "app/echo.h"

#include "base/clock.h"
#include "base/must.h"
#include "base/poll.h"
#include "echo_priv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 256, IDLE_MS = 60000, READ_SIZE = 16384 };

struct connection {
    struct watch watch; /* first: its ready function finds the connection by it */
    struct echo *echo;
    struct buf in, out;
    bool continued, last;
    int64_t heard; /* clock_ms of the last byte; 0: a free slot */
};

struct echo {
    struct poll *poll;
    struct watch listener, bell;
    int port;
    _Atomic bool stop;
    pthread_t thread;
    struct connection connections[CONNECTIONS_MAX];
};

static void
hang_up(struct connection *c)
{
    int fd = c->watch.fd;

    poll_remove(&c->watch);
    close(fd);
    buf_done(&c->in);
    buf_done(&c->out);
    c->heard = 0;
}

/* False: it has hung up. */
static bool
flush(struct connection *c)
{
    while (buf_size(&c->out) > 0) {
        ssize_t n = send(c->watch.fd, buf_bytes(&c->out), buf_size(&c->out), MSG_NOSIGNAL);

        if (n < 0 && errno == EAGAIN) {
            poll_change(&c->watch, EPOLLOUT);
            return true;
        }
        if (n <= 0)
            break;
        buf_drop(&c->out, (size_t)n);
    }
    if (buf_size(&c->out) > 0 || c->last) {
        hang_up(c);
        return false;
    }
    poll_change(&c->watch, EPOLLIN);
    return true;
}

/* While an answer waits to be sent nothing more is read. */
static void
serve(struct connection *c)
{
    enum echo_step step;

    do {
        step = echo_http(&c->in, &c->out, &c->continued);
        c->last = step == ECHO_LAST || step == ECHO_BROKEN;
        if (!flush(c))
            return;
    } while (step == ECHO_DONE && buf_size(&c->out) == 0 && buf_size(&c->in) > 0);
}

static void
connection_ready(struct watch *watch, uint32_t events)
{
    struct connection *c = (struct connection *)(void *)watch;

    c->heard = clock_ms();
    if (events & EPOLLOUT) {
        if (flush(c) && buf_size(&c->out) == 0)
            serve(c);
        return;
    }
    char *room = buf_room(&c->in, READ_SIZE);
    ssize_t n = room == NULL ? 0 : recv(watch->fd, room, READ_SIZE, 0);
    if (n > 0) {
        buf_added(&c->in, (size_t)n);
        serve(c);
    } else if (n == 0 || errno != EAGAIN) {
        hang_up(c);
    }
}

static void
listener_ready(struct watch *watch, uint32_t events)
{
    struct echo *echo = (struct echo *)(void *)((char *)watch - offsetof(struct echo, listener));
    int on = 1, fd = accept4(watch->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct connection *c = NULL;

    (void)events;
    for (size_t i = 0; fd >= 0 && i < CONNECTIONS_MAX && c == NULL; i++)
        if (echo->connections[i].heard == 0)
            c = &echo->connections[i];
    if (c == NULL || !poll_add(echo->poll, &c->watch, fd, EPOLLIN, connection_ready)) {
        if (fd >= 0)
            close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    c->echo = echo;
    c->continued = c->last = false;
    c->heard = clock_ms();
    buf_init(&c->in, ECHO_INPUT_MAX);
    buf_init(&c->out, 0);
}

static void
bell_ready(struct watch *watch, uint32_t events)
{
    eventfd_t count;

    (void)events;
    eventfd_read(watch->fd, &count);
}

static void *
run(void *arg)
{
    struct echo *echo = arg;

    while (!echo->stop) {
        poll_run(echo->poll, 1000);
        for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
            struct connection *c = &echo->connections[i];
            if (c->heard != 0 && clock_ms() - c->heard > IDLE_MS)
                hang_up(c);
        }
    }
    for (size_t i = 0; i < CONNECTIONS_MAX; i++)
        if (echo->connections[i].heard != 0)
            hang_up(&echo->connections[i]);
    return NULL;
}

/* A listening socket on a free port of 127.0.0.1; -1: errno says why. */
static int
listen_somewhere(int *port)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(fd, 128) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &size) != 0) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    *port = ntohs(at.sin_port);
    return fd;
}

struct echo *
echo_open(struct err *err)
{
    struct echo *echo = must(calloc(1, sizeof *echo));
    int fd = listen_somewhere(&echo->port), bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    echo->poll = poll_new();
    if (fd < 0 || bell < 0 || !poll_add(echo->poll, &echo->listener, fd, EPOLLIN, listener_ready) ||
        !poll_add(echo->poll, &echo->bell, bell, EPOLLIN, bell_ready) ||
        pthread_create(&echo->thread, NULL, run, echo) != 0) {
        err_fault(err, ERR_INTERNAL_ERROR, "the sample agent: %s", strerrordesc_np(errno));
        poll_remove(&echo->listener);
        poll_remove(&echo->bell);
        poll_free(echo->poll);
        if (fd >= 0)
            close(fd);
        if (bell >= 0)
            close(bell);
        free(echo);
        return NULL;
    }
    return echo;
}

int
echo_port(const struct echo *echo)
{
    return echo->port;
}

void
echo_close(struct echo *echo)
{
    if (echo == NULL)
        return;
    int fd = echo->listener.fd, bell = echo->bell.fd;
    echo->stop = true;
    eventfd_write(bell, 1);
    pthread_join(echo->thread, NULL);
    poll_remove(&echo->listener);
    poll_remove(&echo->bell);
    poll_free(echo->poll);
    close(fd);
    close(bell);
    free(echo);
}
