/* What many threads want is done once for each, by one of them at a time. */
#include "base/combine.h"

#include "base/must.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdatomic.h>

enum { THREADS = 8, EACH = 2000 };

struct wish {
    struct combined link; /* first */
    int granted;
};

static atomic_int working, intruders;
static int runs, granted, promised; /* guarded by the combiner, or so it promises */

static void
grant(struct combined *first, size_t n, void *arg)
{
    intruders += working++ != 0;
    promised += (int)n;
    runs++;
    for (; first != NULL; first = first->next) {
        ((struct wish *)first)->granted++;
        granted++;
    }
    *(int *)arg += 1;
    working--;
}

struct wisher {
    struct combiner *combiner;
    int worked, forgotten;
};

static void *
wish_often(void *arg)
{
    struct wisher *me = arg;

    for (int i = 0; i < EACH; i++) {
        struct wish wish = { .granted = 0 };

        combiner_run(me->combiner, &wish.link, &me->worked);
        me->forgotten += wish.granted != 1;
    }
    return NULL;
}

static void
each_wish_is_granted_once_and_only_one_thread_works(void **state)
{
    struct combiner *combiner = combiner_new(grant, 1, 1);
    struct wisher wishers[THREADS];
    pthread_t threads[THREADS];
    int worked = 0;

    (void)state;
    for (int i = 0; i < THREADS; i++) {
        wishers[i] = (struct wisher){ combiner, 0, 0 };
        assert_int_equal(pthread_create(&threads[i], NULL, wish_often, &wishers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(wishers[i].forgotten, 0);
        worked += wishers[i].worked;
    }
    assert_int_equal(intruders, 0);
    assert_int_equal(granted, THREADS * EACH);
    assert_int_equal(promised, granted);
    assert_int_equal(worked, runs);
    combiner_free(combiner);
}

/* The first run lasts until the others wait. */
struct hall {
    atomic_int arrived;
    int length[2], run;
};

static void
count_chain(struct combined *first, size_t n, void *arg)
{
    struct hall *hall = arg;

    (void)first;
    while (hall->run == 0 && hall->arrived < THREADS)
        sched_yield();
    hall->length[hall->run > 0] += (int)n;
    hall->run++;
}

struct guest {
    struct combiner *combiner;
    struct hall *hall;
};

static void *
arrive(void *arg)
{
    struct guest *guest = arg;
    struct combined one;

    guest->hall->arrived++;
    combiner_run(guest->combiner, &one, guest->hall);
    return NULL;
}

static void
who_comes_meanwhile_is_served_together(void **state)
{
    enum { ROUNDS = 1000 };
    struct combiner *combiner = combiner_new(count_chain, 1, 1);
    int fewest = THREADS;

    (void)state;
    /* A thread may be late between saying that it comes and coming: not a thousand times. */
    for (int round = 0; round < ROUNDS && fewest > 3; round++) {
        struct hall hall = { 0 };
        struct guest guest = { combiner, &hall };
        pthread_t threads[THREADS];

        for (int i = 0; i < THREADS; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, arrive, &guest), 0);
        for (int i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
        assert_int_equal(hall.length[0] + hall.length[1], THREADS);
        if (hall.run < fewest)
            fewest = hall.run;
    }
    assert_in_range(fewest, 1, 3);
    combiner_free(combiner);
}

/* Two may work when a crowd waits, never three. */
enum { CROWD = 3 };

struct gate {
    pthread_mutex_t lock;
    int inside, crowds, most_inside, small; /* small: two inside, and neither of them a crowd */
};

static void
pass(struct combined *first, size_t n, void *arg)
{
    struct gate *gate = arg;

    (void)first;
    pthread_mutex_lock(&gate->lock);
    gate->inside++;
    gate->crowds += n >= CROWD;
    gate->small += gate->inside > 1 && gate->crowds == 0;
    if (gate->inside > gate->most_inside)
        gate->most_inside = gate->inside;
    pthread_mutex_unlock(&gate->lock);
    sched_yield();
    pthread_mutex_lock(&gate->lock);
    gate->inside--;
    gate->crowds -= n >= CROWD;
    pthread_mutex_unlock(&gate->lock);
}

struct passer {
    struct combiner *combiner;
    struct gate *gate;
};

static void *
pass_often(void *arg)
{
    struct passer *me = arg;
    struct combined one;

    for (int i = 0; i < EACH; i++)
        combiner_run(me->combiner, &one, me->gate);
    return NULL;
}

static void
a_second_run_begins_only_when_a_crowd_waits_and_a_third_never(void **state)
{
    struct gate gate = { .lock = PTHREAD_MUTEX_INITIALIZER };
    struct passer passer = { combiner_new(pass, 2, CROWD), &gate };
    pthread_t threads[THREADS];

    (void)state;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, pass_often, &passer), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(gate.most_inside, 2);
    assert_int_equal(gate.small, 0);
    combiner_free(passer.combiner);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_wish_is_granted_once_and_only_one_thread_works),
        cmocka_unit_test(who_comes_meanwhile_is_served_together),
        cmocka_unit_test(a_second_run_begins_only_when_a_crowd_waits_and_a_third_never),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
