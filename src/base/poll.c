/* epoll, with care for watches that vanish while their events are being handed out. */
#include "base/poll.h"

#include "base/must.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { ROUND = 128 };

struct poll {
    int fd;
    int count; /* events of the current round */
    struct epoll_event round[ROUND];
};

struct poll *
poll_new(void)
{
    struct poll *poll = must(calloc(1, sizeof *poll));

    poll->fd = epoll_create1(EPOLL_CLOEXEC);
    assert(poll->fd >= 0);
    return poll;
}

void
poll_free(struct poll *poll)
{
    if (poll == NULL)
        return;
    close(poll->fd);
    free(poll);
}

bool
poll_add(struct poll *poll, struct watch *watch, int fd, uint32_t events,
         void (*ready)(struct watch *watch, uint32_t events))
{
    struct epoll_event event = { .events = events, .data.ptr = watch };

    if (epoll_ctl(poll->fd, EPOLL_CTL_ADD, fd, &event) < 0)
        return false;
    *watch = (struct watch){ fd, events, ready, poll };
    return true;
}

void
poll_change(struct watch *watch, uint32_t events)
{
    struct epoll_event event = { .events = events, .data.ptr = watch };

    assert(watch->poll != NULL);
    if (watch->events == events)
        return;
    watch->events = events;
    epoll_ctl(watch->poll->fd, EPOLL_CTL_MOD, watch->fd, &event);
}

void
poll_remove(struct watch *watch)
{
    struct poll *poll = watch->poll;

    if (poll == NULL)
        return;
    epoll_ctl(poll->fd, EPOLL_CTL_DEL, watch->fd, NULL);
    for (int i = 0; i < poll->count; i++)
        if (poll->round[i].data.ptr == watch)
            poll->round[i].data.ptr = NULL;
    watch->poll = NULL;
}

void
poll_run(struct poll *poll, int wait_ms)
{
    poll->count = epoll_wait(poll->fd, poll->round, ROUND, wait_ms);
    for (int i = 0; i < poll->count; i++) {
        struct watch *watch = poll->round[i].data.ptr;

        if (watch != NULL)
            watch->ready(watch, poll->round[i].events);
    }
    poll->count = 0;
}
