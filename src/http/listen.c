/* Opens the listening sockets: one for each loop, on one port. */
#include "http/http_priv.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 1024 };

static bool
split_address(const char *address, char host[256], char service[16])
{
    const char *colon = strrchr(address, ':');
    size_t n = colon == NULL ? 0 : (size_t)(colon - address);

    if (n == 0 || n > 255 || strlen(colon + 1) > 5 || colon[1] == '\0')
        return false;
    if (address[0] == '[' && address[n - 1] == ']') {
        address++;
        n -= 2;
    }
    memcpy(host, address, n);
    host[n] = '\0';
    memcpy(service, colon + 1, strlen(colon + 1) + 1);
    return true;
}

static int
socket_on(const struct sockaddr *address, socklen_t size, bool shared)
{
    int one = 1, fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (shared)
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
    if (bind(fd, address, size) < 0 || (shared && listen(fd, BACKLOG) < 0)) {
        int why = errno;

        close(fd);
        errno = why;
        return -1;
    }
    return fd;
}

static int
port_of(int fd)
{
    struct sockaddr_storage bound;
    socklen_t size = sizeof bound;

    if (getsockname(fd, (struct sockaddr *)&bound, &size) < 0)
        return 0;
    return bound.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&bound)->sin6_port)
                                       : ntohs(((struct sockaddr_in *)&bound)->sin_port);
}

static bool
open_all(struct sockaddr *address, socklen_t size, int *fds, int count)
{
    /* Without SO_REUSEPORT this fails when anyone has the port, us included. */
    int probe = socket_on(address, size, false), opened = 0;

    if (probe < 0)
        return false;
    int port = port_of(probe);
    close(probe);
    if (address->sa_family == AF_INET6)
        ((struct sockaddr_in6 *)(void *)address)->sin6_port = htons((uint16_t)port);
    else
        ((struct sockaddr_in *)(void *)address)->sin_port = htons((uint16_t)port);
    for (; opened < count; opened++)
        if ((fds[opened] = socket_on(address, size, true)) < 0)
            break;
    if (opened == count)
        return true;
    int why = errno;
    while (opened > 0)
        close(fds[--opened]);
    errno = why;
    return false;
}

bool
http_listen(const char *address, int *fds, int count, int *port, struct err *err)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE }, *found;
    char host[256], service[16];

    if (!split_address(address, host, service))
        return err_setf(err, ERR_INTERNAL_ERROR, "server.listen",
                        "cannot listen on \"%.60s\": expected HOST:PORT", address);
    int rc = getaddrinfo(host, service, &hints, &found);
    if (rc != 0)
        return err_setf(err, ERR_INTERNAL_ERROR, "server.listen", "cannot listen on %.60s: %s",
                        address, gai_strerror(rc));
    bool opened = open_all(found->ai_addr, found->ai_addrlen, fds, count);
    int why = errno;
    freeaddrinfo(found);
    if (!opened)
        return err_setf(err, ERR_INTERNAL_ERROR, "server.listen", "cannot listen on %.60s: %s",
                        address, strerror(why));
    *port = port_of(fds[0]);
    return true;
}
