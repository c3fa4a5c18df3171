/* The part of the writer that commits what happens to instances. */
#ifndef WORK_WRITER_PRIV_H
#define WORK_WRITER_PRIV_H

#include "base/mailbox.h"
#include "work/writer.h"

struct signs {
    struct service *service;
    struct mailbox *box;  /* struct sign                                              */
    struct mailbox *wake; /* the writer waits on this one                             */
    struct letter ring;   /* an empty letter for it                                   */
    atomic_bool rung;     /* the empty letter is on its way                           */
    struct letter *held;  /* taken, and not committed because the database was away   */
    int64_t retry_at;     /* clock_ms                                                 */
};

void signs_init(struct signs *signs, struct service *service, struct mailbox *wake, size_t most);
void signs_done(struct signs *signs);

/* Takes a sign; false when the queue is full or closed. */
bool signs_put(struct signs *signs, struct sign *sign);

/* Commits one batch of what is there; false when nothing was done. */
bool signs_write(struct signs *signs, struct db *db);

/* Whether something waits; when to try again at the latest, clock_ms. */
bool signs_wait(const struct signs *signs, int64_t *until);

#endif
