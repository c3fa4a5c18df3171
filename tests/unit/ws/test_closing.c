/* How a socket ends, from either side, and in the middle of anything. */
#include "pair.h"

static void
one_who_never_reads_is_given_up(void **state)
{
    struct pair pair;
    char text[4096] = "";

    (void)state;
    memset(text, 'z', sizeof text - 1);
    pair_open(&pair);
    pair.limits.close_within_ms = 50;
    pair.limits.queue_frames = 4;
    while (pair_send(&pair, text))
        continue;
    pair_wait_closed(&pair);
    assert_int_equal(pair.code, WS_TRY_LATER);
    pair_close(&pair);
}

static void
one_who_breaks_a_rule_gets_nothing_more_than_the_reason(void **state)
{
    struct pair pair;
    char text[4096];
    int sent = 0, whole = 0;

    (void)state;
    memset(text, 'z', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    pair_open(&pair);
    for (; !ws_is_busy(pair.ws); sent++)
        assert_true(pair_send(&pair, text));
    pair_put(&pair, 0x82, "b", 1);
    pair_round(&pair, 0);
    for (int i = 0; i < 100; i++) {
        pair_fetch(&pair);
        pair_round(&pair, 0);
    }
    struct seen seen;
    while ((seen = pair_seen(&pair)).head == 0x81)
        whole++;
    assert_int_equal(seen.head, 0x88);
    assert_memory_equal(seen.payload,
                        "\x03\xeb"
                        "binary_not_supported",
                        seen.n);
    /* What the kernel had, and the frame that had begun; not the half of the queue that waited. */
    assert_in_range(whole, 1, sent - (int)pair.limits.queue_frames / 2);
    pair_close(&pair);
}

static void
our_close_is_answered(void **state)
{
    struct pair pair;

    (void)state;
    pair_open(&pair);
    assert_true(pair_send(&pair, "last words"));
    pair_end(&pair, WS_GOING_AWAY, "shutdown");
    assert_false(pair_send(&pair, "too late"));
    pair_end(&pair, WS_NORMAL, "twice");
    /* What was on its way is let pass, and given to nobody; a ping is not answered. */
    pair_say(&pair, "crossing");
    pair_put(&pair, 0x89, "p", 1);
    pair_settle(&pair);
    assert_int_equal(pair.closed, 0);
    pair_put(&pair, 0x88, "\x03\xe8", 2);
    pair_wait_closed(&pair);
    assert_int_equal(pair.ntexts, 0);
    assert_int_equal(pair.code, WS_GOING_AWAY);
    assert_string_equal(pair.reason, "shutdown");
    pair_fetch(&pair);
    pair_expect(&pair, 0x81, "last words");
    pair_expect(&pair, 0x88, "\x03\xe9shutdown");
    assert_int_equal(pair_seen(&pair).head, -1);
    assert_true(pair.eof);
    pair_close(&pair);
}

static void
a_fragmented_message_may_end_after_our_close(void **state)
{
    struct pair pair;

    (void)state;
    pair_open(&pair);
    pair_put(&pair, 0x01, "one", 3);
    pair_settle(&pair);
    pair_end(&pair, WS_RESTART, "");
    pair_put(&pair, 0x00, "two", 3);
    pair_put(&pair, 0x80, "\xff", 1);
    pair_say(&pair, "and another");
    pair_put(&pair, 0x88, "", 0);
    pair_wait_closed(&pair);
    assert_int_equal(pair.code, WS_RESTART);
    assert_int_equal(pair.ntexts, 0);
    pair_close(&pair);
}

static void
our_close_does_not_wait_for_ever(void **state)
{
    struct pair pair;

    (void)state;
    pair_open(&pair);
    pair.limits.close_within_ms = 50;
    int64_t begun = clock_ms();
    pair_end(&pair, WS_NORMAL, "");
    pair_wait_closed(&pair);
    assert_in_range(clock_ms() - begun, 50, 15000);
    assert_int_equal(pair.code, WS_NORMAL);
    pair_close(&pair);
}

static void
the_peers_close_is_echoed(void **state)
{
    struct pair pair;

    (void)state;
    pair_open(&pair);
    pair_put(&pair, 0x88, "\x0b\xb8see you", 9);
    pair_say(&pair, "nothing may follow");
    pair_wait_closed(&pair);
    assert_int_equal(pair.code, 3000);
    assert_string_equal(pair.reason, "see you");
    assert_int_equal(pair.ntexts, 0);
    pair_fetch(&pair);
    pair_expect(&pair, 0x88, "\x0b\xb8");
    assert_true(pair.eof || errno == ECONNRESET);
    pair_close(&pair);
}

static void
a_close_without_a_code_is_echoed_without_one(void **state)
{
    struct pair pair;

    (void)state;
    pair_open(&pair);
    pair_put(&pair, 0x88, "", 0);
    pair_wait_closed(&pair);
    assert_int_equal(pair.code, WS_NO_STATUS);
    pair_fetch(&pair);
    pair_expect(&pair, 0x88, "");
    pair_close(&pair);
}

static void
a_hang_up_is_abnormal(void **state)
{
    struct pair pair;

    (void)state;
    pair_open(&pair);
    pair_say(&pair, "and away");
    close(pair.client);
    pair.client = -1;
    pair_wait_closed(&pair);
    assert_int_equal(pair.code, WS_ABNORMAL);
    assert_string_equal(pair.reason, "eof");
    assert_string_equal(buf_cstr(&pair.texts), "and away|");
    pair_close(&pair);
}

static void
a_hang_up_is_noticed_while_paused_and_told_outside_of_sending(void **state)
{
    struct pair pair;

    (void)state;
    pair_open(&pair);
    ws_pause(pair.ws);
    close(pair.client);
    pair.client = -1;
    assert_true(pair_send(&pair, "into the void"));
    assert_false(pair_send(&pair, "not again"));
    pair_wait_closed(&pair);
    assert_int_equal(pair.code, WS_ABNORMAL);
    pair_close(&pair);
}

static void
what_came_before_a_hang_up_is_read_although_sending_failed(void **state)
{
    struct pair pair;

    (void)state;
    pair_open(&pair);
    pair_say(&pair, "testament");
    pair_put(&pair, 0x88, "\x03\xe8", 2);
    close(pair.client);
    pair.client = -1;
    assert_true(pair_send(&pair, "into the void"));
    pair_wait_closed(&pair);
    assert_string_equal(buf_cstr(&pair.texts), "testament|");
    assert_int_equal(pair.code, WS_NORMAL);
    pair_close(&pair);
}

static void
drop_itself(struct pair *pair)
{
    ws_drop(pair->ws);
    pair->ws = NULL;
}

static void
may_be_dropped_in_an_event(void **state)
{
    struct pair pair;

    (void)state;
    pair_open(&pair);
    pair.on_text = drop_itself;
    pair_say(&pair, "one");
    pair_say(&pair, "two");
    pair_settle(&pair);
    assert_int_equal(pair.ntexts, 1);
    assert_int_equal(pair.closed, 0);
    pair_fetch(&pair);
    assert_true(pair.eof || errno == ECONNRESET);
    pair_close(&pair);
}

static void
drop_in_the_middle(struct pair *pair)
{
    assert_true(ws_send(pair->ws, "bye", 3));
    ws_close(pair->ws, WS_NORMAL, "");
    drop_itself(pair);
}

static void
may_be_closed_and_dropped_in_a_fragmented_message(void **state)
{
    struct pair pair;

    (void)state;
    pair_open(&pair);
    pair.on_text = drop_in_the_middle;
    pair_put(&pair, 0x01, "one", 3);
    pair_put(&pair, 0x80, "two", 3);
    pair_say(&pair, "three");
    pair_settle(&pair);
    assert_string_equal(buf_cstr(&pair.texts), "onetwo|");
    pair_close(&pair);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_who_never_reads_is_given_up),
        cmocka_unit_test(one_who_breaks_a_rule_gets_nothing_more_than_the_reason),
        cmocka_unit_test(our_close_is_answered),
        cmocka_unit_test(a_fragmented_message_may_end_after_our_close),
        cmocka_unit_test(our_close_does_not_wait_for_ever),
        cmocka_unit_test(the_peers_close_is_echoed),
        cmocka_unit_test(a_close_without_a_code_is_echoed_without_one),
        cmocka_unit_test(a_hang_up_is_abnormal),
        cmocka_unit_test(a_hang_up_is_noticed_while_paused_and_told_outside_of_sending),
        cmocka_unit_test(what_came_before_a_hang_up_is_read_although_sending_failed),
        cmocka_unit_test(may_be_dropped_in_an_event),
        cmocka_unit_test(may_be_closed_and_dropped_in_a_fragmented_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
