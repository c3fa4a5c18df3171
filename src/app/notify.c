/* sd_notify by hand: one datagram per message. */
#include "app/notify.h"

#include "base/clock.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

bool
notify_send(const char *lines)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    const char *path = getenv("NOTIFY_SOCKET");
    size_t n = path == NULL ? 0 : strlen(path);

    if (n < 2 || n >= sizeof to.sun_path || (path[0] != '/' && path[0] != '@'))
        return false;
    memcpy(to.sun_path, path, n);
    if (path[0] == '@')
        to.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    /* The length is exact: an abstract name has no NUL behind it. */
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    ssize_t sent = sendto(fd, lines, strlen(lines), MSG_NOSIGNAL | MSG_DONTWAIT,
                          (const struct sockaddr *)&to, size);
    close(fd);
    return sent == (ssize_t)strlen(lines);
}

bool
notify_status(const char *format, ...)
{
    char line[256] = "STATUS=";
    size_t n = strlen(line);
    va_list args;

    va_start(args, format);
    vsnprintf(line + n, sizeof line - n, format, args);
    va_end(args);
    return notify_send(line);
}

bool
notify_reloading(void)
{
    char lines[64];

    snprintf(lines, sizeof lines, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)clock_us());
    return notify_send(lines);
}

int
notify_watchdog_ms(void)
{
    const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    long long all = usec == NULL ? 0 : strtoll(usec, NULL, 10);

    if (all <= 0 || (pid != NULL && strtoll(pid, NULL, 10) != getpid()))
        return 0;
    all /= 3000;
    return all < 1 ? 1 : all > 60000 ? 60000 : (int)all;
}

bool
notify_alive(struct notify_pulse *pulse, unsigned long long progress)
{
    if (progress == pulse->last)
        return false;
    pulse->last = progress;
    notify_send("WATCHDOG=1");
    return true;
}
