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
    struct combiner *combiner = combiner_new(grant);
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
    struct combiner *combiner = combiner_new(count_chain);
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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_wish_is_granted_once_and_only_one_thread_works),
        cmocka_unit_test(who_comes_meanwhile_is_served_together),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
