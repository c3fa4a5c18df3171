/* Which loop of this process holds the socket of an instance. Shared by all threads. */
#ifndef WORK_HUB_H
#define WORK_HUB_H

#include "base/table.h"
#include "work/loop.h"

struct hub;

/* Embedded in what holds a socket. */
struct hub_entry {
    struct table_node node; /* its key: id of the instance                       */
    struct loop *loop;
    int64_t fence;      /* of two sockets of an instance the one with the higher has it */
    bool closing;       /* for the thread of the loop only                              */
    atomic_size_t open; /* dispatches under way                                         */
};

struct hub *hub_new(void);
void hub_free(struct hub *hub);

/* Puts an entry in, before older ones of the same instance. overtaken(arg, loop) is called for each
 * loop that holds one of these, inside the lock. False: there is a newer one, and it is not in. */
bool hub_put(struct hub *hub, struct hub_entry *entry,
             void (*overtaken)(void *arg, struct loop *loop), void *arg) MUST_CHECK;

/* Takes it out; fine when it is not in. */
void hub_take(struct hub *hub, struct hub_entry *entry);

/* The loop that holds the socket of an instance, or NULL; *open: dispatches under way there. */
struct loop *hub_find(struct hub *hub, const struct uuid *instance, size_t *open);

/* An entry of this instance that the loop holds and that is not closing, for the thread of that
 * loop only: the newest; or with below > 0 one whose fence is lower than that. NULL: there is none.
 */
struct hub_entry *hub_own(struct hub *hub, const struct uuid *instance, const struct loop *loop,
                          int64_t below);

#endif
