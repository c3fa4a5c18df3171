/* An answer that is read when there is somewhere to put it: every byte once, no sooner than asked
 * for, and nothing is kept of a connection that gave more or less. */
#include "calls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define OK "HTTP/1.1 200 OK\r\n"

enum { BIG = 20 * 1024 * 1024, SOCKET_BUFFERS = 12 * 1024 * 1024, BLOCK = 64 * 1024 };

static struct bench bench;
static char *big, *got; /* a pattern that shows a shift; what was read */
static struct upstream_cert ca, cert;
static char ca_file[64];

static int
set_up(void **state)
{
    (void)state;
    bench_open(&bench, ca_file);
    memset(got, 0, BIG);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    bench_close(&bench);
    return 0;
}

static void
pull_it(struct seen *seen)
{
    call_pull(seen->call);
}

static void
begin(struct seen *seen, const struct upstream *up, bool https)
{
    seen->on_head = pull_it;
    bench_get(&bench, seen, bench_url(&bench, up->port, https, "127.0.0.1"), "GET");
    assert_true(bench_until(&bench, &seen->heads, 1));
}

/* Reads in blocks until all is here or nothing comes for 15 s; how many bytes. */
static size_t
read_on(struct seen *seen, size_t at, size_t block)
{
    bool over = false;

    while (seen->call != NULL) {
        int readies = seen->readies;
        size_t n = call_read(seen->call, got + at, block, &over);

        at += n;
        if (over)
            seen->call = NULL;
        for (int i = 0; n == 0 && i < 3000 && seen->call != NULL && seen->readies == readies; i++)
            bench_turn(&bench, 5);
        if (n == 0 && seen->call != NULL && seen->readies == readies)
            break;
    }
    return at;
}

static void
write_all(struct peer *peer)
{
    while (peer_request(peer)) {
        peer_text(peer, OK "Content-Length: 20971520\r\n\r\n");
        peer_write(peer, big, BIG);
    }
}

static void
reads_all(bool https, size_t block)
{
    struct upstream *up = upstream_new(write_all, https ? &cert : NULL);
    unsigned long long reuses = out_stats(bench.out).reuses;

    for (int i = 0; i < 2; i++) {
        struct seen seen = { 0 };

        memset(got, 0, BIG);
        begin(&seen, up, https);
        assert_int_equal(read_on(&seen, 0, block), BIG);
        assert_null(seen.call);
        assert_memory_equal(got, big, BIG);
        assert_int_equal(seen.bodies + seen.ends + seen.fails, 0);
        assert_int_equal(out_stats(bench.out).kept, 1);
    }
    assert_int_equal(out_stats(bench.out).reuses, reuses + 1);
    upstream_free(up);
    assert_true(bench_is_empty(&bench));
}

static void
reads_every_byte_once_and_keeps_the_connection(void **state)
{
    (void)state;
    reads_all(false, BLOCK);
    reads_all(false, BLOCK / 2 + 1);
}

static void
reads_every_byte_once_over_tls(void **state)
{
    (void)state;
    reads_all(true, BLOCK);
    reads_all(true, BLOCK / 8 - 1);
}

static void
holds_the_target_back_and_sleeps_until_somebody_reads(void **state)
{
    struct upstream *up = upstream_new(write_all, NULL);
    struct seen seen = { 0 };
    bool over;

    (void)state;
    bench.limits.idle_ms = 50;
    begin(&seen, up, false);
    clock_t cpu = clock();
    bench_turn(&bench, 300);
    assert_true(clock() - cpu < CLOCKS_PER_SEC / 10);
    assert_int_equal(seen.fails, 0);
    size_t n = call_read(seen.call, got, 1000, &over);
    assert_int_equal(n, 1000);
    cpu = clock();
    bench_turn(&bench, 300);
    assert_true(clock() - cpu < CLOCKS_PER_SEC / 10);
    assert_int_equal(seen.fails, 0);
    bench.limits.idle_ms = 15000;
    assert_int_equal(read_on(&seen, n, BLOCK), BIG);
    assert_memory_equal(got, big, BIG);
    upstream_free(up);
}

static void
write_two_and_wait(struct peer *peer)
{
    peer_request(peer);
    peer_text(peer, OK "Content-Length: 4\r\n\r\nab");
    peer_wait(peer);
    peer_text(peer, "cd");
    peer_wait(peer);
}

static void
is_told_when_more_is_here(void **state)
{
    struct upstream *up = upstream_new(write_two_and_wait, NULL);
    struct seen seen = { 0 };
    bool over;

    (void)state;
    begin(&seen, up, false);
    assert_int_equal(call_read(seen.call, got, BLOCK, &over), 2);
    assert_int_equal(call_read(seen.call, got + 2, BLOCK, &over), 0);
    assert_int_equal(seen.readies, 0);
    upstream_go(up);
    assert_true(bench_until(&bench, &seen.readies, 1));
    clock_t cpu = clock();
    bench_turn(&bench, 200);
    assert_true(clock() - cpu < CLOCKS_PER_SEC / 10);
    assert_int_equal(seen.readies, 1);
    assert_int_equal(call_read(seen.call, got + 2, BLOCK, &over), 2);
    assert_true(over);
    assert_memory_equal(got, "abcd", 4);
    assert_int_equal(out_stats(bench.out).kept, 1);
    upstream_go(up);
    upstream_free(up);
}

static void
fails_when_the_target_falls_silent_while_somebody_waits(void **state)
{
    struct upstream *up = upstream_new(write_two_and_wait, NULL);
    struct seen seen = { 0 };

    (void)state;
    bench.limits.idle_ms = 100;
    begin(&seen, up, false);
    assert_int_equal(read_on(&seen, 0, BLOCK), 2);
    assert_null(seen.call);
    assert_int_equal(seen.code, ERR_RESPONSE_TIMEOUT);
    assert_int_equal(out_stats(bench.out).connections, 0);
    upstream_go(up);
    upstream_go(up);
    upstream_free(up);
}

static void
write_half(struct peer *peer)
{
    peer_request(peer);
    peer_text(peer, OK "Content-Length: 20971520\r\n\r\n");
    peer_write(peer, big, 100000);
}

static void
write_two_and_reset(struct peer *peer)
{
    peer_request(peer);
    peer_text(peer, OK "Content-Length: 4\r\n\r\nab");
    peer_wait(peer);
    peer_reset(peer);
}

/* All that came is given; then it fails, later and only once. */
static void
fails_when_the_target_is_lost_in_the_middle(void **state)
{
    struct upstream *up = upstream_new(write_half, NULL);
    struct seen half = { 0 }, reset = { 0 };

    (void)state;
    begin(&half, up, false);
    bench_turn(&bench, 50);
    assert_int_equal(half.fails, 0);
    assert_int_equal(read_on(&half, 0, BLOCK), 100000);
    assert_int_equal(half.fails, 1);
    assert_int_equal(half.code, ERR_RESPONSE_INCOMPLETE);
    assert_memory_equal(got, big, 100000);
    upstream_free(up);

    up = upstream_new(write_two_and_reset, NULL);
    begin(&reset, up, false);
    upstream_go(up);
    clock_t cpu = clock();
    bench_turn(&bench, 300);
    assert_true(clock() - cpu < CLOCKS_PER_SEC / 10);
    assert_int_equal(reset.fails, 0);
    assert_int_equal(read_on(&reset, 0, BLOCK), 2);
    assert_int_equal(reset.fails, 1);
    assert_int_equal(reset.code, ERR_RESPONSE_INCOMPLETE);
    assert_int_equal(out_stats(bench.out).connections, 0);
    upstream_free(up);
}

static void
write_too_much(struct peer *peer)
{
    while (peer_request(peer))
        peer_text(peer, OK "Content-Length: 4\r\n\r\nabcdHTTP/1.1 200 OK\r\n\r\n");
}

static void
does_not_keep_a_connection_that_gave_more_than_was_announced(void **state)
{
    struct upstream *up = upstream_new(write_too_much, NULL);
    struct seen seen = { 0 };

    (void)state;
    begin(&seen, up, false);
    assert_int_equal(read_on(&seen, 0, 2), 4);
    assert_int_equal(seen.fails, 0);
    assert_memory_equal(got, "abcd", 4);
    assert_int_equal(out_stats(bench.out).connections, 0);
    upstream_free(up);
}

static void
can_be_cancelled_at_any_byte(void **state)
{
    struct upstream *up = upstream_new(write_all, NULL);

    (void)state;
    for (size_t n = 0; n < 4; n++) {
        struct seen seen = { 0 };
        bool over;

        begin(&seen, up, false);
        for (size_t i = 0; i < n; i++)
            call_read(seen.call, got, n == 3 ? BIG : 1000, &over);
        call_cancel(seen.call);
        bench_turn(&bench, 20);
        assert_int_equal(seen.ends + seen.fails + seen.readies, 0);
        assert_int_equal(out_stats(bench.out).connections, 0);
    }
    upstream_free(up);
}

static int
make(void **state)
{
    (void)state;
    big = malloc(BIG);
    got = malloc(BIG);
    if (big == NULL || got == NULL)
        return -1;
    for (size_t i = 0; i < BIG; i++)
        big[i] = (char)('a' + i % 23);
    ca = upstream_cert(NULL, NULL, 1);
    cert = upstream_cert(&ca, "IP:127.0.0.1", 1);
    upstream_cert_write(&ca, ca_file);
    return 0;
}

static int
unmake(void **state)
{
    (void)state;
    free(big);
    free(got);
    unlink(ca_file);
    upstream_cert_done(&cert);
    upstream_cert_done(&ca);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reads_every_byte_once_and_keeps_the_connection),
        TEST(reads_every_byte_once_over_tls),
        TEST(holds_the_target_back_and_sleeps_until_somebody_reads),
        TEST(is_told_when_more_is_here),
        TEST(fails_when_the_target_falls_silent_while_somebody_waits),
        TEST(fails_when_the_target_is_lost_in_the_middle),
        TEST(does_not_keep_a_connection_that_gave_more_than_was_announced),
        TEST(can_be_cancelled_at_any_byte),
    };

    return cmocka_run_group_tests(tests, make, unmake);
}
