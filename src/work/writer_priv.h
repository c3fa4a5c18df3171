/* The parts of the writer that commit call records, and what happens to instances. */
#ifndef WORK_WRITER_PRIV_H
#define WORK_WRITER_PRIV_H

#include "base/mailbox.h"
#include "work/writer.h"

#include <pthread.h>

/* ---- writer_calls.c ---- */

struct record_chunk;

struct records {
    struct service *service;
    struct mailbox *wake; /* the writer waits on this one                             */
    struct letter ring;   /* an empty letter for it                                   */
    atomic_bool rung;     /* the empty letter is on its way                           */
    pthread_mutex_t lock; /* what follows, up to spare                                */
    struct record_chunk *first, *last; /* the oldest, and the one that grows           */
    size_t count, most;                /* records in them                              */
    int64_t due;                       /* when the oldest is to be written, clock_ms   */
    struct record_chunk *spare;        /* one that was written, for the next           */
    struct record_chunk *held;         /* taken, and not committed yet                 */
    int64_t retry_at;                  /* clock_ms                                     */
};

void records_init(struct records *records, struct service *service, struct mailbox *wake,
                  size_t most);

/* What is left is dropped, and counted as such. */
void records_done(struct records *records);

/* Keeps a record as the row that it becomes; dropped and counted when there is no room. */
void records_put(struct records *records, const struct call_record *record);

/* Commits one chunk if its time has come; false when nothing was done. */
bool records_write(struct records *records, struct db *db);

/* Whether something waits; when to try at the latest, clock_ms. */
bool records_wait(struct records *records, int64_t *until);

/* ---- writer_fleet.c ---- */

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
