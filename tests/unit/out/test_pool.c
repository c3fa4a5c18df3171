/* Connections are bounded, kept for a time, made room for; deadlines end what does not move. */
#include "base/clock.h"
#include "calls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#define OK "HTTP/1.1 200 OK\r\n"

static struct bench bench;

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
get_with_key(struct seen *seen, const struct upstream *up, const char *key)
{
    struct call_request request = {
        .url = url_of(up), .method = "GET", .pool_key = key, .pool_key_size = strlen(key)
    };

    bench_begin(&bench, seen, &request);
}

static void
answer(struct peer *peer)
{
    while (peer_request(peer))
        peer_text(peer, OK "Content-Length: 0\r\n\r\n");
}

/* Takes the connection and never says a word. */
static void
be_silent(struct peer *peer)
{
    peer_request(peer);
    peer_wait(peer);
}

static void
begin_an_answer(struct peer *peer)
{
    peer_request(peer);
    peer_text(peer, OK "Content-Length: 100\r\n\r\nab");
    peer_wait(peer);
}

/* A byte every now and then, for ever. */
static void
drip(struct peer *peer)
{
    struct timespec pause = { 0, 30000000 };

    peer_request(peer);
    peer_text(peer, OK "\r\n");
    for (int i = 0; i < 200 && peer_text(peer, "x"); i++)
        nanosleep(&pause, NULL);
}

static void
read_nothing(struct peer *peer)
{
    peer_wait(peer);
}

static char body[65536];

static void
give_without_end(struct seen *seen)
{
    while (call_send(seen->call, body, sizeof body) == sizeof body)
        continue;
}

static void
ends_a_call_by_the_deadline_that_it_misses(void **state)
{
    static const struct {
        peer_script *script;
        int64_t body_size;
        struct out_limits limits; /* connect, response, idle, total, keep */
        enum err_code code;
        int heads;
    } cases[] = {
        { be_silent, 0, { 5000, 200, 5000, 0, 5000 }, ERR_RESPONSE_TIMEOUT, 0 },
        { begin_an_answer, 0, { 5000, 5000, 200, 0, 5000 }, ERR_RESPONSE_TIMEOUT, 1 },
        { drip, 0, { 5000, 5000, 5000, 200, 5000 }, ERR_RESPONSE_TIMEOUT, 1 },
        { be_silent, 0, { 5000, 5000, 5000, 200, 5000 }, ERR_RESPONSE_TIMEOUT, 0 },
        { read_nothing, INT64_MAX, { 5000, 5000, 200, 0, 5000 }, ERR_RESPONSE_TIMEOUT, 0 },
        { be_silent, -1, { 5000, 5000, 100, 200, 5000 }, ERR_RESPONSE_TIMEOUT, 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct upstream *up = upstream_new(cases[i].script, NULL);
        struct call_request request = { .url = url_of(up),
                                        .method = "POST",
                                        .body_size = cases[i].body_size };
        struct seen seen = { .on_room = give_without_end };
        int64_t begun = clock_ms();

        bench.limits = cases[i].limits;
        bench.limits.connections = bench.limits.per_origin = 10;
        bench.limits.head_max = 16384;
        bench_begin(&bench, &seen, &request);
        if (cases[i].body_size > 0)
            give_without_end(&seen);
        assert_true(bench_wait(&bench, &seen));
        int64_t took = clock_ms() - begun;
        if (seen.code != cases[i].code || seen.heads != cases[i].heads || took < 195 || took > 4000)
            fail_msg("case %zu: %s after %d ms", i, err_name(seen.code), (int)took);
        assert_int_equal(out_stats(bench.out).connections, 0);
        seen_done(&seen);
        upstream_free(up);
    }
}

static void
does_not_count_the_time_in_which_it_waits_for_its_caller(void **state)
{
    struct upstream *up = upstream_new(be_silent, NULL);
    struct upstream *slow = upstream_new(begin_an_answer, NULL);
    struct call_request request = { .url = url_of(up), .method = "POST", .body_size = -1 };
    struct seen upload = { 0 }, paused = { 0 };

    (void)state;
    bench.limits.idle_ms = 100;
    bench_begin(&bench, &upload, &request);
    bench_get(&bench, &paused, url_of(slow), "GET");
    call_pause(paused.call);
    bench_turn(&bench, 400);
    assert_int_equal(paused.fails, 0);
    call_resume(paused.call);
    assert_true(bench_wait(&bench, &paused));
    assert_int_equal(paused.code, ERR_RESPONSE_TIMEOUT);
    assert_string_equal(buf_cstr(&paused.body), "ab");
    seen_done(&paused);
    assert_non_null(upload.call);
    call_cancel(upload.call);
    upstream_free(slow);
    upstream_free(up);
}

static void
sends_endless_heads_away(struct peer *peer)
{
    peer_request(peer);
    peer_text(peer, OK);
    while (peer_text(peer, "X-Filler: 0123456789012345678901234567890123456789\r\n"))
        continue;
}

static void
bounds_the_head_of_an_answer(void **state)
{
    struct upstream *up = upstream_new(sends_endless_heads_away, NULL);
    struct seen seen = { 0 };

    (void)state;
    bench_get(&bench, &seen, url_of(up), "GET");
    assert_true(bench_wait(&bench, &seen));
    assert_int_equal(seen.code, ERR_RESPONSE_HEADERS_TOO_LARGE);
    upstream_free(up);
}

static void
bounds_its_connections(void **state)
{
    static const struct {
        int connections, per_origin;
    } cases[] = { { 2, 9 }, { 9, 2 } };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct upstream *up = upstream_new(be_silent, NULL);
        struct seen seen[3] = { 0 };

        bench.limits.connections = cases[i].connections;
        bench.limits.per_origin = cases[i].per_origin;
        for (size_t k = 0; k < 3; k++)
            bench_get(&bench, &seen[k], url_of(up), "GET");
        assert_true(bench_wait(&bench, &seen[2]));
        assert_int_equal(seen[2].code, ERR_CONNECTION_LIMIT);
        for (int k = 0; k < 1000 && up->accepts < 2; k++)
            bench_turn(&bench, 5);
        assert_int_equal(up->accepts, 2);
        call_cancel(seen[0].call);
        call_cancel(seen[1].call);
        upstream_free(up);
        assert_true(bench_is_empty(&bench));
    }
}

static void
closes_a_kept_connection_to_make_room(void **state)
{
    struct upstream *up = upstream_new(answer, NULL), *other = upstream_new(answer, NULL);
    static const char *const keys[] = { "a", "b", "c" };

    (void)state;
    bench.limits.connections = 3;
    bench.limits.per_origin = 2;
    for (size_t i = 0; i < 3; i++) {
        struct seen seen = { 0 };

        get_with_key(&seen, up, keys[i]);
        assert_true(bench_wait(&bench, &seen));
        assert_int_equal(seen.ends, 1);
    }
    assert_int_equal(out_stats(bench.out).kept, 2);
    for (size_t i = 0; i < 2; i++) {
        struct seen seen = { 0 };

        get_with_key(&seen, other, keys[i]);
        assert_true(bench_wait(&bench, &seen));
        assert_int_equal(seen.ends, 1);
    }
    /* The oldest went: of the first origin only the last is left. */
    struct seen seen = { 0 };
    get_with_key(&seen, up, "c");
    assert_true(bench_wait(&bench, &seen));
    assert_int_equal(out_stats(bench.out).reuses, 1);
    assert_int_equal(out_stats(bench.out).connections, 3);
    upstream_free(other);
    upstream_free(up);
}

static void
closes_a_connection_that_nobody_uses(void **state)
{
    struct upstream *up = upstream_new(answer, NULL);

    (void)state;
    bench.limits.keep_ms = 600;
    for (int i = 0; i < 3; i++) {
        struct seen seen = { 0 };

        bench_get(&bench, &seen, url_of(up), "GET");
        assert_true(bench_wait(&bench, &seen));
        bench_turn(&bench, 60);
    }
    assert_int_equal(out_stats(bench.out).kept, 1);
    assert_int_equal(up->accepts, 1);
    assert_true(bench_is_empty(&bench));
    bench.limits.keep_ms = 0;
    struct seen seen = { 0 };
    bench_get(&bench, &seen, url_of(up), "GET");
    assert_true(bench_wait(&bench, &seen));
    assert_int_equal(out_stats(bench.out).connections, 0);
    upstream_free(up);
}

static void
serves_others_while_many_calls_hang(void **state)
{
    struct upstream *silent = upstream_new(be_silent, NULL), *up = upstream_new(answer, NULL);
    static struct seen hanging[90];

    (void)state;
    for (size_t i = 0; i < 90; i++)
        bench_get(&bench, &hanging[i], url_of(silent), "GET");
    int64_t begun = clock_ms();
    for (int i = 0; i < 100; i++) {
        struct seen seen = { 0 };

        bench_get(&bench, &seen, url_of(up), "GET");
        assert_true(bench_wait(&bench, &seen));
        assert_int_equal(seen.ends, 1);
    }
    assert_true(clock_ms() - begun < 3000);
    assert_int_equal(up->accepts, 1);
    assert_int_equal(out_stats(bench.out).calls, 90);
    for (size_t i = 0; i < 90; i++)
        call_cancel(hanging[i].call);
    upstream_free(up);
    upstream_free(silent);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(ends_a_call_by_the_deadline_that_it_misses),
        TEST(does_not_count_the_time_in_which_it_waits_for_its_caller),
        TEST(bounds_the_head_of_an_answer),
        TEST(bounds_its_connections),
        TEST(closes_a_kept_connection_to_make_room),
        TEST(closes_a_connection_that_nobody_uses),
        TEST(serves_others_while_many_calls_hang),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
