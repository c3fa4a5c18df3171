/* The timers of one thread: a heap of deadlines, each embedded in what it guards. */
#ifndef BASE_TIMERS_H
#define BASE_TIMERS_H

#include <stddef.h>
#include <stdint.h>

struct timer {
    int64_t due; /* clock_ms() at which fire is called                       */
    size_t slot; /* its place in the heap, from 1; 0: not set                */
    void (*fire)(struct timer *timer);
};

struct timers;

struct timers *timers_new(void);
void timers_free(struct timers *timers);

/* Sets (or moves) a timer; timer->fire must be filled in. */
void timers_set(struct timers *timers, struct timer *timer, int64_t due);

/* Takes it out; fine when it is not set. */
void timers_stop(struct timers *timers, struct timer *timer);

/* Calls fire for each that is due, at most once each per run; a fired timer is not set any more. */
void timers_run(struct timers *timers, int64_t now);

/* Milliseconds until the next one, 0 when one is due, most when none is nearer. */
int timers_wait(const struct timers *timers, int64_t now, int most);

#endif
