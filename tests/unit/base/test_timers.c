/* Timers fire in the order of their deadlines, once, and never after they were stopped. */
#include "base/timers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

enum { MANY = 2000 };

struct alarm {
    struct timer timer;
    int64_t wanted;
    int fired;
};

static int64_t last_due;
static struct timers *all;

static void
fire(struct timer *timer)
{
    struct alarm *alarm = (struct alarm *)timer;

    assert_int_equal(alarm->wanted, timer->due);
    assert_true(timer->due >= last_due);
    last_due = timer->due;
    alarm->fired++;
}

static void
fires_in_order_what_is_due_and_nothing_else(void **state)
{
    static struct alarm alarms[MANY];
    struct timers *timers = timers_new();

    (void)state;
    srandom(7);
    last_due = 0;
    for (int i = 0; i < MANY; i++) {
        alarms[i].timer.fire = fire;
        timers_set(timers, &alarms[i].timer, random() % 1000);
    }
    for (int i = 0; i < MANY; i++) {
        alarms[i].wanted = random() % 1000;
        timers_set(timers, &alarms[i].timer, alarms[i].wanted);
    }
    for (int i = 0; i < MANY; i += 3)
        timers_stop(timers, &alarms[i].timer);
    timers_run(timers, 500);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(alarms[i].fired, i % 3 != 0 && alarms[i].wanted <= 500);
    timers_run(timers, 1000);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(alarms[i].fired, i % 3 != 0);
    assert_int_equal(timers_wait(timers, 0, 77), 77);
    timers_free(timers);
}

static void
fire_again(struct timer *timer)
{
    ((struct alarm *)timer)->fired++;
    timers_set(all, timer, timer->due);
}

static void
does_not_spin_on_a_timer_that_sets_itself_again(void **state)
{
    struct alarm alarm = { .timer = { .fire = fire_again } };

    (void)state;
    all = timers_new();
    timers_set(all, &alarm.timer, 10);
    assert_int_equal(timers_wait(all, 3, 100), 7);
    assert_int_equal(timers_wait(all, 30, 100), 0);
    timers_run(all, 10);
    assert_int_equal(alarm.fired, 1);
    timers_stop(all, &alarm.timer);
    timers_stop(all, &alarm.timer);
    timers_run(all, 10);
    assert_int_equal(alarm.fired, 1);
    timers_free(all);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fires_in_order_what_is_due_and_nothing_else),
        cmocka_unit_test(does_not_spin_on_a_timer_that_sets_itself_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
