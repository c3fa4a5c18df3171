/* Watches are told of their events, and never after they were removed. */
#include "base/poll.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/epoll.h>
#include <unistd.h>

struct end {
    struct watch watch;
    int called;
    struct end *other;
};

static void
ready(struct watch *watch, uint32_t events)
{
    struct end *end = (struct end *)watch;

    assert_true(events & EPOLLIN);
    end->called++;
    if (end->other != NULL)
        poll_remove(&end->other->watch);
}

static void
does_not_call_a_watch_that_was_removed_in_the_same_round(void **state)
{
    struct poll *poll = poll_new();
    struct end a = { .called = 0 }, b = { .called = 0 };
    int one[2], two[2];

    (void)state;
    assert_int_equal(pipe(one), 0);
    assert_int_equal(pipe(two), 0);
    assert_int_equal(write(one[1], "x", 1), 1);
    assert_int_equal(write(two[1], "x", 1), 1);
    assert_true(poll_add(poll, &a.watch, one[0], EPOLLIN, ready));
    assert_true(poll_add(poll, &b.watch, two[0], EPOLLIN, ready));
    a.other = &b;
    b.other = &a;
    poll_run(poll, 1000);
    assert_int_equal(a.called + b.called, 1);
    poll_remove(&a.watch);
    poll_remove(&b.watch);
    poll_remove(&b.watch);
    poll_run(poll, 0);
    assert_int_equal(a.called + b.called, 1);
    poll_free(poll);
    for (int i = 0; i < 2; i++) {
        close(one[i]);
        close(two[i]);
    }
}

static void
follows_a_change_of_events(void **state)
{
    struct poll *poll = poll_new();
    struct end a = { .called = 0 };
    int fd[2];

    (void)state;
    assert_int_equal(pipe(fd), 0);
    assert_int_equal(write(fd[1], "x", 1), 1);
    assert_true(poll_add(poll, &a.watch, fd[0], 0, ready));
    poll_run(poll, 0);
    assert_int_equal(a.called, 0);
    poll_change(&a.watch, EPOLLIN);
    poll_run(poll, 1000);
    assert_int_equal(a.called, 1);
    poll_remove(&a.watch);
    poll_free(poll);
    close(fd[0]);
    close(fd[1]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(does_not_call_a_watch_that_was_removed_in_the_same_round),
        cmocka_unit_test(follows_a_change_of_events),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
