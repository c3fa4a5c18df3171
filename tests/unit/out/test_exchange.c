/* Bytes flow both ways at the pace of the slower side, and a call can be left at any moment. */
#include "calls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define OK "HTTP/1.1 200 OK\r\n"

enum { BIG = 20 * 1024 * 1024, SOCKET_BUFFERS = 12 * 1024 * 1024 };

static struct bench bench;
static char *big; /* a pattern that shows a shift */

static int
set_up(void **state)
{
    (void)state;
    bench_open(&bench, NULL);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    bench_close(&bench);
    return 0;
}

static const struct out_url *
url_of(const struct upstream *up)
{
    return bench_url(&bench, up->port, false, "127.0.0.1");
}

static void
begin_upload(struct seen *seen, const struct upstream *up, int64_t size)
{
    struct call_request request = { .url = url_of(up), .method = "POST", .body_size = size };

    bench_begin(&bench, seen, &request);
}

/* Gives as much as is taken; seen->arg counts. */
static void
give(struct seen *seen)
{
    size_t *given = seen->arg;

    *given += call_send(seen->call, big + *given, BIG - *given);
    if (*given == BIG)
        call_send_end(seen->call);
}

/* Waits, then reads all and says whether it was what should come. */
static void
read_late(struct peer *peer)
{
    char *got = malloc(BIG);

    peer_request(peer);
    peer_wait(peer);
    bool same = got != NULL && peer_read(peer, got, BIG) && memcmp(got, big, BIG) == 0;
    peer_text(peer, same ? OK "Content-Length: 4\r\n\r\nsame" : OK "Content-Length: 3\r\n\r\nbad");
    free(got);
}

static void
holds_an_upload_back_when_the_target_does_not_read(void **state)
{
    struct upstream *up = upstream_new(read_late, NULL);
    size_t given = 0;
    struct seen seen = { .on_room = give, .arg = &given };

    (void)state;
    begin_upload(&seen, up, BIG);
    give(&seen);
    assert_true(given > 60000 && given < 65536);
    bench_turn(&bench, 300);
    size_t stuck = given;
    assert_true(stuck > 65536 && stuck < 65536 + SOCKET_BUFFERS);
    assert_int_equal(call_send(seen.call, big, 1), 0);
    /* Nobody spins meanwhile. */
    clock_t cpu = clock();
    bench_turn(&bench, 300);
    assert_true(clock() - cpu < CLOCKS_PER_SEC / 10);
    assert_int_equal(given, stuck);
    upstream_go(up);
    assert_true(bench_wait(&bench, &seen));
    assert_string_equal(buf_cstr(&seen.body), "same");
    assert_int_equal(out_stats(bench.out).kept, 1);
    seen_done(&seen);
    upstream_free(up);
}

static void
write_all(struct peer *peer)
{
    peer_request(peer);
    peer_text(peer, OK "Content-Length: 20971520\r\n\r\n");
    peer_write(peer, big, BIG);
    peer_wait(peer);
}

struct reader {
    size_t at;
    bool same, paused;
};

static void
check_and_pause(struct seen *seen)
{
    struct reader *reader = seen->arg;

    assert_false(reader->paused);
    reader->paused = true;
    call_pause(seen->call);
}

static void
stops_reading_while_paused(void **state)
{
    struct upstream *up = upstream_new(write_all, NULL);
    struct reader reader = { 0 };
    struct seen seen = { .on_body = check_and_pause, .arg = &reader };
    int pauses = 0;

    (void)state;
    bench_get(&bench, &seen, url_of(up), "GET");
    while (seen.call != NULL && pauses < 2000) {
        bench_turn(&bench, pauses < 3 ? 100 : 1);
        if (!reader.paused)
            continue;
        pauses++;
        int bodies = seen.bodies;
        reader.paused = false;
        call_resume(seen.call);
        assert_int_equal(seen.bodies, bodies);
    }
    assert_true(pauses > 100);
    assert_int_equal(seen.ends, 1);
    assert_int_equal(seen.received, BIG);
    seen_done(&seen);
    upstream_free(up);
}

static void
compare(struct seen *seen)
{
    size_t *at = seen->arg, n = seen->received - *at;

    assert_true(seen->received <= BIG);
    *at += n;
}

static void
reads_a_large_answer_quickly(void **state)
{
    struct upstream *up = upstream_new(write_all, NULL);
    size_t at = 0;
    struct seen seen = { .on_body = compare, .arg = &at };

    (void)state;
    bench_get(&bench, &seen, url_of(up), "GET");
    assert_true(bench_wait(&bench, &seen));
    assert_int_equal(at, BIG);
    assert_memory_equal(buf_bytes(&seen.body), big, buf_size(&seen.body));
    seen_done(&seen);
    upstream_free(up);
}

static void
answer_in_one_piece(struct peer *peer)
{
    while (peer_request(peer))
        peer_text(peer, OK "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n");
}

static void
pause_it(struct seen *seen)
{
    call_pause(seen->call);
}

static void
pause_and_resume(struct seen *seen)
{
    call_pause(seen->call);
    call_resume(seen->call);
}

static void
hands_on_what_was_read_before_the_pause(void **state)
{
    struct upstream *up = upstream_new(answer_in_one_piece, NULL);
    struct seen seen = { .on_head = pause_it, .on_body = pause_it };

    (void)state;
    bench_get(&bench, &seen, url_of(up), "GET");
    assert_true(bench_until(&bench, &seen.heads, 1));
    assert_int_equal(seen.bodies, 0);
    for (int i = 1; i <= 2; i++) {
        call_resume(seen.call);
        assert_int_equal(seen.bodies, i - 1);
        assert_true(bench_until(&bench, &seen.bodies, i));
        assert_int_equal(seen.ends, 0);
    }
    call_resume(seen.call);
    assert_true(bench_until(&bench, &seen.ends, 1));
    assert_string_equal(buf_cstr(&seen.body), "abcd");
    assert_int_equal(out_stats(bench.out).kept, 1);
    seen_done(&seen);

    struct seen quick = { .on_head = pause_and_resume, .on_body = pause_and_resume };
    bench_get(&bench, &quick, url_of(up), "GET");
    assert_true(bench_wait(&bench, &quick));
    assert_string_equal(buf_cstr(&quick.body), "abcd");
    seen_done(&quick);
    upstream_free(up);
}

static void
answer_and_reset(struct peer *peer)
{
    peer_request(peer);
    peer_text(peer, OK "Content-Length: 10\r\n\r\nab");
    peer_wait(peer);
    peer_reset(peer);
}

static void
sleeps_when_the_target_is_lost_during_a_pause(void **state)
{
    struct upstream *up = upstream_new(answer_and_reset, NULL);
    struct seen seen = { .on_head = pause_it };

    (void)state;
    bench_get(&bench, &seen, url_of(up), "GET");
    assert_true(bench_until(&bench, &seen.heads, 1));
    upstream_go(up);
    clock_t cpu = clock();
    bench_turn(&bench, 300);
    assert_true(clock() - cpu < CLOCKS_PER_SEC / 10);
    assert_int_equal(seen.fails, 0);
    call_resume(seen.call);
    assert_true(bench_wait(&bench, &seen));
    assert_int_equal(seen.code, ERR_RESPONSE_INCOMPLETE);
    assert_string_equal(buf_cstr(&seen.body), "ab");
    seen_done(&seen);
    upstream_free(up);
}

/* Refuses at once and reads nothing more: unread bytes turn its close into a reset. */
static void
refuse_early(struct peer *peer)
{
    peer_request(peer);
    peer_text(peer, "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nno!");
    peer_wait(peer);
}

static void
hands_on_a_refusal_that_comes_before_the_body_is_sent(void **state)
{
    struct upstream *up = upstream_new(refuse_early, NULL);
    size_t given = 0;
    struct seen seen = { .on_room = give, .arg = &given };

    (void)state;
    begin_upload(&seen, up, BIG);
    give(&seen);
    assert_true(bench_wait(&bench, &seen));
    assert_int_equal(seen.status, 413);
    assert_string_equal(buf_cstr(&seen.body), "no!");
    assert_int_equal(out_stats(bench.out).connections, 0);
    assert_true(given < BIG || up->bytes < BIG);
    seen_done(&seen);
    upstream_free(up);
}

static void
refuse_and_reset(struct peer *peer)
{
    peer_request(peer);
    peer_text(peer, "HTTP/1.1 503 Busy\r\nContent-Length: 3\r\n\r\nno!");
}

static void
throws_away_what_the_target_does_not_want(void **state)
{
    struct upstream *up = upstream_new(refuse_and_reset, NULL);
    struct seen seen = { .on_head = pause_it };

    (void)state;
    begin_upload(&seen, up, BIG);
    assert_int_equal(call_send(seen.call, big, 1000), 1000);
    assert_true(bench_until(&bench, &seen.status, 503));
    for (int i = 0; i < 100; i++)
        assert_int_equal(call_send(seen.call, big, 100000), 100000);
    call_send_end(seen.call);
    call_resume(seen.call);
    assert_true(bench_wait(&bench, &seen));
    assert_int_equal(seen.ends, 1);
    assert_string_equal(buf_cstr(&seen.body), "no!");
    seen_done(&seen);
    upstream_free(up);
}

/* Begins its answer at once and sends back what comes. */
static void
converse(struct peer *peer)
{
    char piece[4];

    peer_request(peer);
    peer_text(peer, OK "Content-Length: 12\r\n\r\n");
    for (int i = 0; i < 3 && peer_read(peer, piece, 4); i++)
        peer_write(peer, piece, 4);
    peer_wait(peer);
}

static void
goes_on_sending_to_a_target_that_answers_while_it_reads(void **state)
{
    struct upstream *up = upstream_new(converse, NULL);
    struct seen seen = { 0 };

    (void)state;
    begin_upload(&seen, up, 12);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(call_send(seen.call, &"onetwotwelve"[4 * i], 4), 4);
        if (i == 2)
            call_send_end(seen.call);
        assert_true(bench_until(&bench, &seen.bodies, (int)i + 1));
        assert_int_equal(seen.received, 4 * (i + 1));
    }
    assert_int_equal(seen.ends, 1);
    assert_int_equal(out_stats(bench.out).kept, 1);
    seen_done(&seen);
    upstream_free(up);
}

static void
cancel_it(struct seen *seen)
{
    call_cancel(seen->call);
    seen->call = NULL;
}

static void
can_be_cancelled_from_any_callback(void **state)
{
    struct upstream *up = upstream_new(answer_in_one_piece, NULL);
    struct upstream *late = upstream_new(read_late, NULL);
    size_t given = 0;
    struct seen in_head = { .on_head = cancel_it }, in_body = { .on_body = cancel_it };
    struct seen in_end = { .on_end = cancel_it }, in_room = { .on_room = cancel_it, .arg = &given };

    (void)state;
    bench_get(&bench, &in_head, url_of(up), "GET");
    assert_true(bench_wait(&bench, &in_head));
    assert_int_equal(in_head.bodies + in_head.ends + in_head.fails, 0);
    bench_get(&bench, &in_body, url_of(up), "GET");
    assert_true(bench_wait(&bench, &in_body));
    assert_int_equal(in_body.bodies, 1);
    assert_int_equal(in_body.ends + in_body.fails, 0);
    assert_int_equal(out_stats(bench.out).connections, 0);
    bench_get(&bench, &in_end, url_of(up), "GET");
    assert_true(bench_wait(&bench, &in_end));
    assert_int_equal(in_end.ends, 1);
    begin_upload(&in_room, late, BIG);
    give(&in_room);
    assert_true(bench_wait(&bench, &in_room));
    assert_int_equal(in_room.rooms, 1);
    assert_int_equal(in_room.ends + in_room.fails, 0);
    assert_int_equal(out_stats(bench.out).calls, 0);
    seen_done(&in_head);
    seen_done(&in_body);
    seen_done(&in_end);
    upstream_free(late);
    upstream_free(up);
}

static void
can_be_cancelled_in_any_state(void **state)
{
    struct upstream *up = upstream_new(answer_and_reset, NULL);
    static const int waits[] = { -1, 0, 1, 50 };

    (void)state;
    for (size_t i = 0; i < 4; i++)
        for (int paused = 0; paused < 2; paused++) {
            struct seen seen = { 0 };

            begin_upload(&seen, up, i % 2 == 0 ? 0 : -1);
            if (waits[i] >= 0)
                bench_turn(&bench, waits[i]);
            if (paused)
                call_pause(seen.call);
            if (paused && waits[i] >= 0)
                bench_turn(&bench, waits[i]);
            int told = seen.heads + seen.bodies;
            call_cancel(seen.call);
            bench_turn(&bench, 50);
            assert_int_equal(seen.heads + seen.bodies, told);
            assert_int_equal(seen.ends + seen.fails + seen.rooms, 0);
            assert_int_equal(out_stats(bench.out).connections, 0);
            seen_done(&seen);
        }
    assert_int_equal(out_stats(bench.out).calls, 0);
    upstream_free(up);
}

static void
begin_next(struct seen *seen)
{
    bench_get(&bench, seen->arg, &bench.url, "GET");
}

static void
frees_its_connection_before_it_tells_the_end(void **state)
{
    struct upstream *up = upstream_new(answer_in_one_piece, NULL);
    struct seen second = { 0 }, first = { .on_end = begin_next, .arg = &second };

    (void)state;
    bench_get(&bench, &first, url_of(up), "GET");
    assert_true(bench_wait(&bench, &first));
    assert_non_null(second.call);
    assert_true(bench_wait(&bench, &second));
    assert_string_equal(buf_cstr(&second.body), "abcd");
    assert_int_equal(up->accepts, 1);
    seen_done(&first);
    seen_done(&second);
    upstream_free(up);
}

static void
can_be_freed_with_calls_in_every_state(void **state)
{
    struct upstream *up = upstream_new(answer_and_reset, NULL);
    struct seen seen[4] = { 0 };

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        begin_upload(&seen[i], up, -1);
        bench_turn(&bench, i < 2 ? 50 : 0);
    }
    out_free(bench.out);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(seen[i].ends + seen[i].fails, 0);
        seen_done(&seen[i]);
    }
    bench.out = NULL;
    upstream_free(up);
}

static int
make_pattern(void **state)
{
    (void)state;
    big = malloc(BIG);
    for (size_t i = 0; big != NULL && i < BIG; i++)
        big[i] = (char)(i ^ i >> 8 ^ i >> 16);
    return big == NULL;
}

static int
free_pattern(void **state)
{
    (void)state;
    free(big);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(holds_an_upload_back_when_the_target_does_not_read),
        TEST(stops_reading_while_paused),
        TEST(reads_a_large_answer_quickly),
        TEST(hands_on_what_was_read_before_the_pause),
        TEST(sleeps_when_the_target_is_lost_during_a_pause),
        TEST(hands_on_a_refusal_that_comes_before_the_body_is_sent),
        TEST(throws_away_what_the_target_does_not_want),
        TEST(goes_on_sending_to_a_target_that_answers_while_it_reads),
        TEST(can_be_cancelled_from_any_callback),
        TEST(can_be_cancelled_in_any_state),
        TEST(frees_its_connection_before_it_tells_the_end),
        TEST(can_be_freed_with_calls_in_every_state),
    };

    return cmocka_run_group_tests(tests, make_pattern, free_pattern);
}
