/* A socket sends, receives and waits as its contract says. */
#include "pair.h"

static void
carries_messages_both_ways(void **state)
{
    struct pair pair;

    (void)state;
    pair_open(&pair);
    pair_say(&pair, "hello");
    pair_say(&pair, "");
    pair_settle(&pair);
    assert_string_equal(buf_cstr(&pair.texts), "hello||");
    assert_int_equal(pair.heard, 1);
    assert_true(pair_send(&pair, "welcome"));
    assert_true(pair_send(&pair, ""));
    pair_fetch(&pair);
    pair_expect(&pair, 0x81, "welcome");
    pair_expect(&pair, 0x81, "");
    assert_int_equal(pair_seen(&pair).head, -1);
    pair_close(&pair);
}

static void
large_messages_arrive_whole(void **state)
{
    struct pair pair;
    size_t n = 700000;
    char *text = malloc(n);

    (void)state;
    assert_non_null(text);
    memset(text, 'y', n);
    pair_open(&pair);
    pair_put(&pair, 0x81, text, n);
    pair_settle(&pair);
    assert_int_equal(buf_size(&pair.texts), n + 1);
    pair.inside = true;
    assert_true(ws_send(pair.ws, text, n));
    pair.inside = false;
    for (int i = 0; i < 1000 && buf_size(&pair.got) < n + 10; i++) {
        pair_fetch(&pair);
        pair_round(&pair, 0);
    }
    struct seen seen = pair_seen(&pair);
    assert_int_equal(seen.n, n);
    assert_memory_equal(seen.payload, text, n);
    assert_false(ws_is_busy(pair.ws));
    free(text);
    pair_close(&pair);
}

static void
bytes_behind_the_handshake_come_first_and_later(void **state)
{
    struct buf bytes = { 0 };
    struct pair pair;

    (void)state;
    frame_put(&bytes, &(struct shape){ 0x81, "first", 5, 0, 0 });
    frame_put(&bytes, &(struct shape){ 0x81, "second", 6, 0, 0 });
    pair_open_extra(&pair, buf_bytes(&bytes), buf_size(&bytes) - 3);
    assert_int_equal(pair.ntexts, 0);
    pair_write(&pair, buf_bytes(&bytes) + buf_size(&bytes) - 3, 3, 0);
    pair_say(&pair, "third");
    pair_settle(&pair);
    assert_string_equal(buf_cstr(&pair.texts), "first|second|third|");
    buf_done(&bytes);
    pair_close(&pair);
}

static void
a_full_queue_closes_with_try_again_later(void **state)
{
    struct pair pair;
    char text[4096];
    int sent = 0;

    (void)state;
    memset(text, 'z', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    pair_open(&pair);
    pair.limits.queue_frames = 8;
    assert_false(ws_is_busy(pair.ws));
    while (pair_send(&pair, text))
        assert_true(++sent < 10000);
    assert_true(ws_is_busy(pair.ws));
    assert_false(pair_send(&pair, "more"));
    pair_settle(&pair);
    assert_int_equal(pair.closed, 0);
    /* Whoever reads on still gets what was promised, and then hears why. */
    for (int i = 0; i < 200; i++) {
        pair_fetch(&pair);
        pair_round(&pair, 0);
    }
    for (int i = 0; i < sent; i++)
        pair_expect(&pair, 0x81, text);
    pair_expect(&pair, 0x88, "\x03\xf5slow_consumer");
    pair_put(&pair, 0x88, "\x03\xf5", 2);
    pair_wait_closed(&pair);
    assert_int_equal(pair.code, WS_TRY_LATER);
    assert_string_equal(pair.reason, "slow_consumer");
    pair_close(&pair);
}

static void
the_queue_is_bounded_in_bytes(void **state)
{
    struct pair pair;
    char text[4096];

    (void)state;
    memset(text, 'z', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    pair_open(&pair);
    pair.limits.queue_bytes = 2 * sizeof text;
    pair.limits.queue_frames = 1 << 20;
    pair.limits.close_within_ms = 0;
    for (int i = 0; pair_send(&pair, text); i++)
        assert_true(i < 1000);
    pair_wait_closed(&pair);
    assert_int_equal(pair.code, WS_TRY_LATER);
    pair_close(&pair);
}

static void
pause_itself(struct pair *pair)
{
    ws_pause(pair->ws);
}

static void
a_paused_socket_leaves_messages_where_they_are(void **state)
{
    struct pair pair;

    (void)state;
    pair_open(&pair);
    pair.on_text = pause_itself;
    for (int i = 0; i < 4; i++)
        pair_say(&pair, "x");
    pair_settle(&pair);
    pair_say(&pair, "x");
    assert_int_equal(pair.ntexts, 1);
    /* The loop may sleep meanwhile. */
    int64_t begun = clock_ms();
    pair_round(&pair, 50);
    assert_true(clock_ms() - begun >= 40);
    for (size_t i = 2; i <= 5; i++) {
        ws_resume(pair.ws);
        assert_int_equal(pair.ntexts, i - 1);
        pair_settle(&pair);
        assert_int_equal(pair.ntexts, i);
    }
    /* It can send meanwhile. */
    assert_true(pair_send(&pair, "still here"));
    pair_fetch(&pair);
    pair_expect(&pair, 0x81, "still here");
    pair_close(&pair);
}

static void
silence_is_not_held_against_a_peer_while_paused(void **state)
{
    struct pair pair;

    (void)state;
    pair_open(&pair);
    pair.limits.ping_after_ms = pair.limits.pong_within_ms = 20;
    ws_pause(pair.ws);
    for (int64_t until = clock_ms() + 150; clock_ms() < until;)
        pair_round(&pair, 20);
    assert_int_equal(pair.closed, 0);
    pair_fetch(&pair);
    assert_int_equal(buf_size(&pair.got), 0);
    ws_resume(pair.ws);
    pair_wait_closed(&pair);
    assert_string_equal(pair.reason, "ping_timeout");
    pair_close(&pair);
}

static void
silence_counts_from_the_end_of_a_pause(void **state)
{
    struct pair pair;

    (void)state;
    pair_open(&pair);
    pair.limits.ping_after_ms = 1000;
    ws_pause(pair.ws);
    usleep(1100000);
    ws_resume(pair.ws);
    pair_round(&pair, 0);
    pair_fetch(&pair);
    assert_int_equal(buf_size(&pair.got), 0);
    pair_close(&pair);
}

static void
a_silent_peer_is_pinged_and_then_given_up(void **state)
{
    struct pair pair;
    int64_t begun = clock_ms();

    (void)state;
    pair_open(&pair);
    pair.limits.ping_after_ms = 50;
    pair.limits.pong_within_ms = 50;
    pair_say(&pair, "a byte moves the deadline, and the timer only later");
    pair_wait_closed(&pair);
    assert_true(clock_ms() - begun >= 100);
    assert_int_equal(pair.code, WS_ABNORMAL);
    assert_string_equal(pair.reason, "ping_timeout");
    pair_fetch(&pair);
    pair_expect(&pair, 0x89, "");
    assert_true(pair.eof);
    pair_close(&pair);
}

static void
one_who_answers_pings_stays(void **state)
{
    struct pair pair;
    int pings = 0;

    (void)state;
    pair_open(&pair);
    pair.limits.ping_after_ms = 20;
    pair.limits.pong_within_ms = 10000;
    pair_say(&pair, "now the timer is set anew");
    for (int64_t until = clock_ms() + 20000; pings < 4 && clock_ms() < until;) {
        pair_round(&pair, 20);
        pair_fetch(&pair);
        if (pair_seen(&pair).head == 0x89) {
            int64_t heard = ws_heard(pair.ws);

            pings++;
            pair_put(&pair, 0x8a, "", 0);
            pair_settle(&pair);
            assert_true(ws_heard(pair.ws) > heard);
        }
    }
    assert_int_equal(pings, 4);
    assert_int_equal(pair.closed, 0);
    assert_true(pair.heard >= 4);
    pair_close(&pair);
}

static void
what_lay_unread_while_we_slept_counts_as_life(void **state)
{
    struct pair pair;

    (void)state;
    pair_open(&pair);
    pair.limits.ping_after_ms = 10;
    pair.limits.pong_within_ms = 10;
    pair_say(&pair, "x");
    for (int i = 0; i < 100 && buf_size(&pair.got) == 0; i++) {
        pair_round(&pair, 20);
        pair_fetch(&pair);
    }
    pair_expect(&pair, 0x89, "");
    pair_put(&pair, 0x8a, "", 0);
    usleep(50000);
    /* The timer comes before the socket, as it may in a round with many events. */
    timers_run(pair.timers, clock_ms());
    assert_int_equal(pair.closed, 0);
    pair_settle(&pair);
    assert_int_equal(pair.closed, 0);
    pair_close(&pair);
}

static void
answer_itself(struct pair *pair)
{
    if (!ws_send(pair->ws, "answer", 6))
        pair->on_text = NULL;
}

static void
answers_in_an_event_are_not_held_up_by_the_bound(void **state)
{
    struct pair pair;

    (void)state;
    pair_open(&pair);
    pair.limits.queue_frames = 2;
    pair.on_text = answer_itself;
    for (int i = 0; i < 20; i++)
        pair_say(&pair, "q");
    pair_settle(&pair);
    pair_fetch(&pair);
    for (int i = 0; i < 20; i++)
        pair_expect(&pair, 0x81, "answer");
    pair_close(&pair);
}

static void
flood(struct pair *pair)
{
    struct buf bytes = { 0 };
    int pongs = 0, pings = 20000;

    for (int i = 0; i < pings; i++)
        frame_put(&bytes, &(struct shape){ 0x89, NULL, 125, 0, 0 });
    size_t done = 0;
    for (int i = 0; i < 1000000 && pongs < pings; i++) {
        ssize_t n = done == buf_size(&bytes) ? 0
                                             : send(pair->client, buf_bytes(&bytes) + done,
                                                    buf_size(&bytes) - done, MSG_NOSIGNAL);
        if (n > 0)
            done += (size_t)n;
        /* At first nobody reads the pongs. */
        pair_round(pair, 0);
        if (i < 50)
            continue;
        assert_int_equal(pair->closed, 0);
        pair_fetch(pair);
        for (struct seen seen; (seen = pair_seen(pair)).head == 0x8a; pongs++)
            assert_int_equal(seen.n, 125);
    }
    assert_int_equal(pongs, pings);
    buf_done(&bytes);
}

static void
a_flood_of_pings_is_answered_in_full_with_bounded_memory(void **state)
{
    struct pair pair;

    (void)state;
    pair_open(&pair);
    flood(&pair);
    pair_close(&pair);
    pair_open_tcp(&pair);
    flood(&pair);
    pair_close(&pair);
}

static void
one_busy_socket_leaves_room_for_others(void **state)
{
    struct pair pair;
    struct buf bytes = { 0 };

    (void)state;
    pair_open(&pair);
    for (int i = 0; i < 1000; i++)
        frame_put(&bytes, &(struct shape){ 0x81, "x", 1, 0, 0 });
    pair_write(&pair, buf_bytes(&bytes), buf_size(&bytes), 0);
    poll_run(pair.poll, 0);
    assert_in_range(pair.ntexts, 1, 200);
    pair_settle(&pair);
    assert_int_equal(pair.ntexts, 1000);
    buf_done(&bytes);
    pair_close(&pair);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(carries_messages_both_ways),
        cmocka_unit_test(large_messages_arrive_whole),
        cmocka_unit_test(bytes_behind_the_handshake_come_first_and_later),
        cmocka_unit_test(a_full_queue_closes_with_try_again_later),
        cmocka_unit_test(the_queue_is_bounded_in_bytes),
        cmocka_unit_test(a_paused_socket_leaves_messages_where_they_are),
        cmocka_unit_test(silence_is_not_held_against_a_peer_while_paused),
        cmocka_unit_test(silence_counts_from_the_end_of_a_pause),
        cmocka_unit_test(a_silent_peer_is_pinged_and_then_given_up),
        cmocka_unit_test(one_who_answers_pings_stays),
        cmocka_unit_test(what_lay_unread_while_we_slept_counts_as_life),
        cmocka_unit_test(answers_in_an_event_are_not_held_up_by_the_bound),
        cmocka_unit_test(a_flood_of_pings_is_answered_in_full_with_bounded_memory),
        cmocka_unit_test(one_busy_socket_leaves_room_for_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
