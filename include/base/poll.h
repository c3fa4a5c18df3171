/* The epoll of one thread: watches embedded in what owns the descriptor. */
#ifndef BASE_POLL_H
#define BASE_POLL_H

#include <stdbool.h>
#include <stdint.h>

struct watch {
    int fd;
    uint32_t events; /* EPOLLIN, EPOLLOUT, EPOLLRDHUP, …   */
    void (*ready)(struct watch *watch, uint32_t events);
    struct poll *poll; /* set while it is added              */
};

struct poll;

struct poll *poll_new(void);
void poll_free(struct poll *poll);

/* Level-triggered unless events has EPOLLET. False when the kernel refuses (errno says why). */
bool poll_add(struct poll *poll, struct watch *watch, int fd, uint32_t events,
              void (*ready)(struct watch *watch, uint32_t events));
void poll_change(struct watch *watch, uint32_t events);

/* Takes it out; fine when it is not added. It is not called again, not even for events of the
 * current round. */
void poll_remove(struct watch *watch);

/* Waits at most wait_ms and calls ready for each event. */
void poll_run(struct poll *poll, int wait_ms);

#endif
