/* Mail arrives once and in order, the bound holds, and nobody waits beyond the deadline. */
#include "base/mailbox.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

enum { SENDERS = 4, EACH = 5000 };

struct note {
    struct letter letter;
    int sender, number;
};

static struct note notes[SENDERS][EACH];

static void *
send_all(void *arg)
{
    static _Atomic int senders;
    int me = senders++;

    for (int i = 0; i < EACH; i++) {
        notes[me][i].sender = me;
        notes[me][i].number = i;
        while (!mailbox_put(arg, &notes[me][i].letter))
            usleep(100);
    }
    return NULL;
}

static void
delivers_every_letter_once_in_the_order_of_its_sender(void **state)
{
    struct mailbox *box = mailbox_new(64);
    pthread_t threads[SENDERS];
    int next[SENDERS] = { 0 };

    (void)state;
    for (int i = 0; i < SENDERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, send_all, box), 0);
    for (int i = 0; i < SENDERS * EACH; i++) {
        struct note *note = (struct note *)mailbox_take(box, clock_ms() + 10000);

        assert_non_null(note);
        assert_int_equal(note->number, next[note->sender]++);
        assert_true(mailbox_count(box) <= 64);
    }
    for (int i = 0; i < SENDERS; i++)
        pthread_join(threads[i], NULL);
    assert_null(mailbox_take(box, 0));
    mailbox_free(box);
}

static void
refuses_letters_beyond_its_bound_and_after_closing(void **state)
{
    struct mailbox *box = mailbox_new(2);
    struct letter a, b, c;

    (void)state;
    assert_true(mailbox_put(box, &a));
    assert_true(mailbox_put(box, &b));
    assert_false(mailbox_put(box, &c));
    assert_ptr_equal(mailbox_take(box, 0), &a);
    mailbox_close(box);
    assert_false(mailbox_put(box, &c));
    assert_ptr_equal(mailbox_take_all(box, 0), &b);
    assert_null(mailbox_take(box, clock_ms() + 60000)); /* closed and empty: at once */
    mailbox_free(box);
}

static void
gives_up_at_the_deadline(void **state)
{
    struct mailbox *box = mailbox_new(0);
    int64_t begun = clock_ms();

    (void)state;
    assert_null(mailbox_take(box, begun + 50));
    assert_in_range(clock_ms() - begun, 50, 5000);
    mailbox_free(box);
}

static void
rings_when_the_first_letter_comes(void **state)
{
    struct mailbox *box = mailbox_new(0);
    struct pollfd bell = { .fd = mailbox_bell(box), .events = POLLIN };
    struct letter a;
    uint64_t rung;

    (void)state;
    assert_int_equal(poll(&bell, 1, 0), 0);
    assert_true(mailbox_put(box, &a));
    assert_int_equal(poll(&bell, 1, 0), 1);
    assert_int_equal(read(bell.fd, &rung, sizeof rung), sizeof rung);
    assert_ptr_equal(mailbox_take_all(box, 0), &a);
    assert_int_equal(poll(&bell, 1, 0), 0);
    mailbox_free(box);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delivers_every_letter_once_in_the_order_of_its_sender),
        cmocka_unit_test(refuses_letters_beyond_its_bound_and_after_closing),
        cmocka_unit_test(gives_up_at_the_deadline),
        cmocka_unit_test(rings_when_the_first_letter_comes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
