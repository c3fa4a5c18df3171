/* A mutex and a chain of who waits; the first of the chain works next. */
#include "base/combine.h"

#include "base/must.h"

#include <stdlib.h>

struct combiner {
    combine_fn *work;
    pthread_mutex_t lock;
    struct combined *first, **end; /* who waits */
    size_t n;
    int runs, most;
    size_t crowd;
};

struct combiner *
combiner_new(combine_fn *work, int most, size_t crowd)
{
    struct combiner *combiner = must(calloc(1, sizeof *combiner));

    combiner->work = work;
    combiner->most = most;
    combiner->crowd = crowd;
    combiner->end = &combiner->first;
    pthread_mutex_init(&combiner->lock, NULL);
    return combiner;
}

void
combiner_free(struct combiner *combiner)
{
    if (combiner == NULL)
        return;
    pthread_mutex_destroy(&combiner->lock);
    free(combiner);
}

/* Called and left with the lock. Nobody of the chain returns before it has the lock in turn. */
static void
work_for_all(struct combiner *combiner, void *arg)
{
    struct combined *first = combiner->first;
    size_t n = combiner->n;

    combiner->first = NULL;
    combiner->n = 0;
    combiner->end = &combiner->first;
    for (struct combined *one = first; one != NULL; one = one->next)
        one->taken = true;
    combiner->runs++;
    pthread_mutex_unlock(&combiner->lock);
    combiner->work(first, n, arg);
    pthread_mutex_lock(&combiner->lock);
    combiner->runs--;
    for (struct combined *one = first; one != NULL; one = one->next) {
        one->done = true;
        pthread_cond_signal(&one->woken);
    }
    if (combiner->first != NULL)
        pthread_cond_signal(&combiner->first->woken);
}

/* Whether those that wait may be worked for. */
static bool
may_run(const struct combiner *combiner)
{
    return combiner->runs == 0 ||
           (combiner->runs < combiner->most && combiner->n >= combiner->crowd);
}

void
combiner_run(struct combiner *combiner, struct combined *one, void *arg)
{
    *one = (struct combined){ .next = NULL };
    pthread_cond_init(&one->woken, NULL);
    pthread_mutex_lock(&combiner->lock);
    *combiner->end = one;
    combiner->end = &one->next;
    combiner->n++;
    while (!one->done && (one->taken || !may_run(combiner)))
        pthread_cond_wait(&one->woken, &combiner->lock);
    if (!one->done)
        work_for_all(combiner, arg);
    pthread_mutex_unlock(&combiner->lock);
    pthread_cond_destroy(&one->woken);
}
