/* The limiter counts each key by itself, in windows of a minute, in memory of a fixed size. */
#include "http/limit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>

enum { NOW = 1000000 };

static int
begin(void **state)
{
    *state = limiter_new(1024);
    return 0;
}

static int
end(void **state)
{
    limiter_free(*state);
    return 0;
}

static void
lets_so_many_through_and_then_says_how_long_to_wait(void **state)
{
    for (int i = 0; i < 5; i++)
        assert_int_equal(limiter_take(*state, "key", 3, 5, NOW + i * 1000), 0);
    assert_int_equal(limiter_take(*state, "key", 3, 5, NOW + 10000), 50);
    assert_int_equal(limiter_take(*state, "key", 3, 5, NOW + LIMIT_WINDOW_MS - 1), 1);
}

static void
begins_anew_when_the_window_has_ended(void **state)
{
    assert_int_equal(limiter_take(*state, "key", 3, 1, NOW), 0);
    assert_int_not_equal(limiter_take(*state, "key", 3, 1, NOW + 1), 0);
    assert_int_equal(limiter_take(*state, "key", 3, 1, NOW + LIMIT_WINDOW_MS), 0);
    assert_int_equal(limiter_take(*state, "key", 3, 1, NOW + LIMIT_WINDOW_MS), 60);
}

static void
counts_each_key_by_itself(void **state)
{
    assert_int_equal(limiter_take(*state, "aa", 2, 1, NOW), 0);
    assert_int_equal(limiter_take(*state, "ab", 2, 1, NOW), 0);
    assert_int_equal(limiter_take(*state, "a", 1, 1, NOW), 0);
    assert_int_equal(limiter_take(*state, "a\0", 2, 1, NOW), 0);
    assert_int_not_equal(limiter_take(*state, "ab", 2, 1, NOW), 0);
}

static void
tells_where_a_key_stands_without_counting(void **state)
{
    struct limit_state at = limiter_look(*state, "key", 3, 5, NOW);

    assert_int_equal(at.remaining, 5);
    assert_int_equal(at.ends_ms, NOW + LIMIT_WINDOW_MS);
    for (int i = 0; i < 2; i++)
        assert_int_equal(limiter_take(*state, "key", 3, 5, NOW + i), 0);
    for (int i = 0; i < 3; i++)
        at = limiter_look(*state, "key", 3, 5, NOW + 10);
    assert_int_equal(at.remaining, 3);
    assert_int_equal(at.ends_ms, NOW + LIMIT_WINDOW_MS);
    assert_int_equal(limiter_look(*state, "key", 3, 1, NOW + 10).remaining, 0);
    assert_int_equal(limiter_look(*state, "key", 3, 5, NOW + LIMIT_WINDOW_MS).remaining, 5);
}

static void
a_limit_of_nothing_lets_nothing_through(void **state)
{
    assert_true(limiter_take(*state, "key", 3, 0, NOW) >= 1);
}

static void
a_flood_of_keys_only_makes_it_laxer(void **state)
{
    struct limiter *small = limiter_new(8);
    (void)state;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(limiter_take(small, &i, sizeof i, 1, NOW + i), 0);
    limiter_free(small);
}

struct flood {
    struct limiter *limiter;
    int let_through;
};

static void *
take_many(void *arg)
{
    struct flood *flood = arg;
    for (int i = 0; i < 10000; i++)
        flood->let_through += limiter_take(flood->limiter, "key", 3, 5000, NOW) == 0;
    return NULL;
}

static void
threads_together_get_no_more_than_one(void **state)
{
    struct flood floods[4];
    pthread_t threads[4];
    int sum = 0;

    for (int i = 0; i < 4; i++) {
        floods[i] = (struct flood){ *state, 0 };
        assert_int_equal(pthread_create(&threads[i], NULL, take_many, &floods[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        sum += floods[i].let_through;
    }
    assert_int_equal(sum, 5000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lets_so_many_through_and_then_says_how_long_to_wait, begin,
                                        end),
        cmocka_unit_test_setup_teardown(begins_anew_when_the_window_has_ended, begin, end),
        cmocka_unit_test_setup_teardown(counts_each_key_by_itself, begin, end),
        cmocka_unit_test_setup_teardown(tells_where_a_key_stands_without_counting, begin, end),
        cmocka_unit_test_setup_teardown(a_limit_of_nothing_lets_nothing_through, begin, end),
        cmocka_unit_test(a_flood_of_keys_only_makes_it_laxer),
        cmocka_unit_test_setup_teardown(threads_together_get_no_more_than_one, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
