/* The writer: one thread that commits signs of life and call records in groups. The next group
 * leaves when the last commit has returned; there is no timer. */
#ifndef WORK_WRITER_H
#define WORK_WRITER_H

#include "domain/fleet.h"
#include "domain/presence.h"
#include "work/service.h"

struct writer;

/* beats, calls: the most that wait of each. */
struct writer *writer_open(struct service *service, size_t beats, size_t calls,
                           struct err *err) MUST_CHECK;

/* A heartbeat, acknowledged after its commit. Embedded in what waits for it. */
struct beat {
    struct letter letter;
    struct beat_row row; /* filled in when it comes back                      */
    struct request *rq;  /* posted back to its loop, with rq->err set when the
                            commit failed; NULL: nobody waits, freed by the writer */
};

/* Takes a beat; false when the queue is full (the caller still owns it). */
bool writer_beat(struct writer *writer, struct beat *beat) MUST_CHECK;

/* A sign of life that nobody waits for; lost when the queue is full or the commit fails. */
void writer_sign(struct writer *writer, const struct beat_row *row);

/* Keeps a copy of a call record until it is committed, through outages of the database as long as
 * there is room; dropped and counted when there is none. */
void writer_call(struct writer *writer, const struct call_record *record);

/* What happened to an instance, committed in groups and in order, through outages of the database
 * as long as there is room. Embedded in what waits for it, or a copy. */
struct sign {
    struct letter letter;
    struct fleet_row row; /* applied, fence and agent are filled in when it comes back        */
    /* On the writer's thread, once: it has been committed, or (err set) was refused. NULL: nobody
     * waits, freed by the writer. Whoever waits is told at once when the database is away. */
    void (*then)(struct sign *sign, const struct err *err);
};

/* Takes a sign that someone waits for; false when the queue is full (the caller still owns it). */
bool writer_sign_of(struct writer *writer, struct sign *sign) MUST_CHECK;

/* Takes a copy; lost when the queue is full. */
void writer_fleet(struct writer *writer, const struct fleet_row *row);

/* How many signs of life wait for their commit. */
size_t writer_queued(struct writer *writer);

/* Writes what is there (a last try for what a database outage held up) and ends the thread; nothing
 * is taken from then on, but other threads may go on asking. */
void writer_stop(struct writer *writer);

/* Stops it and frees it: nobody else may use it any more. */
void writer_close(struct writer *writer);

#endif
