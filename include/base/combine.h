/* Combining: what several threads want at the same time is done by one of them, for all. */
#ifndef BASE_COMBINE_H
#define BASE_COMBINE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/* What one thread wants; embedded, so that nothing is allocated. */
struct combined {
    struct combined *next; /* NULL ends what is to be done together */
    pthread_cond_t woken;
    bool taken, done;
};

/* Does what all n of the chain want. arg is that of the thread that does it; the others wait, so
 * that it may write to what is theirs. */
typedef void combine_fn(struct combined *first, size_t n, void *arg);

struct combiner;

/* most: how many threads may work at the same time; each but the first begins when a crowd waits.
 */
struct combiner *combiner_new(combine_fn *work, int most, size_t crowd);
void combiner_free(struct combiner *combiner);

/* Returns when work was done for one: in this thread, together with all that wait by then, or in
 * another. Who comes while it runs waits for the next run, no longer than two runs take: so work
 * must have a deadline of its own. */
void combiner_run(struct combiner *combiner, struct combined *one, void *arg);

#endif
