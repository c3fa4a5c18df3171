/* A binary heap with the place kept in each timer, so that one can be taken out. */
#include "base/timers.h"

#include "base/must.h"

#include <stdlib.h>

struct timers {
    struct timer **heap; /* heap[1] is the next to fire */
    size_t count, size;
};

struct timers *
timers_new(void)
{
    return must(calloc(1, sizeof(struct timers)));
}

void
timers_free(struct timers *timers)
{
    if (timers != NULL)
        free(timers->heap);
    free(timers);
}

static void
place(struct timers *t, size_t at, struct timer *timer)
{
    t->heap[at] = timer;
    timer->slot = at;
}

static void
sift_up(struct timers *t, size_t at, struct timer *timer)
{
    for (; at > 1 && t->heap[at / 2]->due > timer->due; at /= 2)
        place(t, at, t->heap[at / 2]);
    place(t, at, timer);
}

static void
sift_down(struct timers *t, size_t at, struct timer *timer)
{
    for (size_t child; (child = 2 * at) <= t->count; at = child) {
        if (child < t->count && t->heap[child + 1]->due < t->heap[child]->due)
            child++;
        if (t->heap[child]->due >= timer->due)
            break;
        place(t, at, t->heap[child]);
    }
    place(t, at, timer);
}

void
timers_set(struct timers *t, struct timer *timer, int64_t due)
{
    timers_stop(t, timer);
    if (t->count + 2 > t->size) {
        t->size = t->size == 0 ? 64 : t->size * 2;
        t->heap = must(realloc(t->heap, t->size * sizeof *t->heap));
    }
    timer->due = due;
    sift_up(t, ++t->count, timer);
}

void
timers_stop(struct timers *t, struct timer *timer)
{
    size_t at = timer->slot;

    if (at == 0)
        return;
    timer->slot = 0;
    struct timer *last = t->heap[t->count--];
    if (last == timer)
        return;
    if (at > 1 && t->heap[at / 2]->due > last->due)
        sift_up(t, at, last);
    else
        sift_down(t, at, last);
}

void
timers_run(struct timers *t, int64_t now)
{
    /* A timer that sets itself again for now waits for the next run. */
    for (size_t most = t->count; most > 0 && t->count > 0 && t->heap[1]->due <= now; most--) {
        struct timer *timer = t->heap[1];

        timers_stop(t, timer);
        timer->fire(timer);
    }
}

int
timers_wait(const struct timers *t, int64_t now, int most)
{
    if (t->count == 0 || t->heap[1]->due - now > most)
        return most;
    return t->heap[1]->due <= now ? 0 : (int)(t->heap[1]->due - now);
}
