/* Nothing is said to a target that cannot prove who it is; a cut answer looks cut. */
#include "calls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OK "HTTP/1.1 200 OK\r\n"

enum { BIG = 20 * 1024 * 1024 };

static struct bench bench;
static struct upstream_cert authority;
static char ca_file[64];
static char *big;

static int
set_up(void **state)
{
    (void)state;
    bench_open(&bench, ca_file);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    bench_close(&bench);
    return 0;
}

static struct upstream *
serve(peer_script *script, const char *names, int days)
{
    struct upstream_cert cert = upstream_cert(&authority, names, days);
    struct upstream *up = upstream_new(script, &cert);

    upstream_cert_done(&cert);
    return up;
}

static void
get(struct seen *seen, const struct upstream *up, const char *host)
{
    bench_get(&bench, seen, bench_url(&bench, up->port, true, host), "GET");
}

static void
answer(struct peer *peer)
{
    for (int n = 1; peer_request(peer); n++) {
        char text[128];

        snprintf(text, sizeof text, OK "Content-Length: 1\r\n\r\n%d", n);
        peer_text(peer, text);
    }
}

static void
talks_to_a_target_that_proves_its_name(void **state)
{
    static const char *const hosts[] = { "127.0.0.1", "localhost" };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct upstream *up = serve(answer, "DNS:localhost,IP:127.0.0.1", 1);

        for (int n = 1; n <= 3; n++) {
            struct seen seen = { 0 };
            char want[2] = { (char)('0' + n), '\0' };

            get(&seen, up, hosts[i]);
            assert_true(bench_wait(&bench, &seen));
            assert_string_equal(seen.note, "");
            assert_string_equal(buf_cstr(&seen.body), want);
            seen_done(&seen);
            bench_turn(&bench, 30);
            assert_int_equal(out_stats(bench.out).kept, 1);
        }
        assert_int_equal(up->accepts, 1);
        upstream_free(up);
        assert_true(bench_is_empty(&bench));
    }
}

static void
says_nothing_to_one_that_does_not(void **state)
{
    static const struct {
        const char *host, *names;
        int days;
        bool stranger; /* signed by another authority */
    } cases[] = {
        { "127.0.0.1", "DNS:localhost", 1, false },
        { "127.0.0.1", "DNS:127.0.0.1", 1, false },
        { "localhost", "IP:127.0.0.1", 1, false },
        { "localhost", "DNS:local*,DNS:*host", 1, false },
        { "localhost", "DNS:localhost.example", 1, false },
        { "localhost", "DNS:localhost", -1, false },
        { "localhost", "DNS:localhost", 1, true },
        { "localhost", NULL, 1, false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct upstream_cert other = upstream_cert(NULL, NULL, 1);
        struct upstream_cert cert =
            upstream_cert(cases[i].stranger ? &other : &authority, cases[i].names, cases[i].days);
        struct upstream *up = upstream_new(answer, &cert);
        const struct param key = { "Authorization", "Bearer secret" };
        struct call_request request = {
            .url = bench_url(&bench, up->port, true, cases[i].host),
            .method = "POST",
            .headers = &(struct params){ &key, 1 },
            .body_size = 5,
        };
        struct seen seen = { 0 };

        bench_begin(&bench, &seen, &request);
        assert_int_equal(call_send(seen.call, "hello", 5), 5);
        call_send_end(seen.call);
        assert_true(bench_wait(&bench, &seen));
        if (seen.code != ERR_TLS_CERTIFICATE_ERROR)
            fail_msg("case %zu: %s (%s)", i, err_name(seen.code), seen.note);
        bench_turn(&bench, 20);
        assert_int_equal(up->bytes, 0);
        upstream_free(up);
        upstream_cert_done(&cert);
        upstream_cert_done(&other);
    }
}

static void
speak_plainly(struct peer *peer)
{
    peer_text(peer, "HTTP/1.1 400 Bad Request\r\n\r\n");
}

static void
close_at_once(struct peer *peer)
{
    (void)peer;
}

static void
say_nothing(struct peer *peer)
{
    peer_wait(peer);
}

static void
says_why_there_is_no_handshake(void **state)
{
    static const struct {
        peer_script *script;
        enum err_code code;
    } cases[] = {
        { speak_plainly, ERR_TLS_PROTOCOL_ERROR },
        { close_at_once, ERR_TLS_PROTOCOL_ERROR },
        { say_nothing, ERR_CONNECTION_TIMEOUT },
    };

    (void)state;
    bench.limits.connect_ms = 300;
    for (size_t i = 0; i < 3; i++) {
        struct upstream *up = upstream_new(cases[i].script, NULL);
        struct seen seen = { 0 };

        get(&seen, up, "127.0.0.1");
        assert_true(bench_wait(&bench, &seen));
        assert_int_equal(seen.code, cases[i].code);
        assert_int_equal(out_stats(bench.out).connections, 0);
        upstream_free(up);
    }
}

static const char *answer_text;
static bool cuts;

static void
answer_and_end(struct peer *peer)
{
    peer_request(peer);
    peer_text(peer, answer_text);
    if (cuts)
        peer_cut(peer);
}

static void
notices_an_answer_that_was_cut(void **state)
{
    static const struct {
        const char *text;
        bool cuts;
        enum err_code code;
    } cases[] = {
        { OK "\r\nabc", false, ERR_NONE },
        { OK "\r\nabc", true, ERR_RESPONSE_INCOMPLETE },
        { OK "Content-Length: 3\r\n\r\nabc", true, ERR_NONE },
        { OK "Content-Length: 4\r\n\r\nabc", true, ERR_RESPONSE_INCOMPLETE },
        { OK "Content-Length: 4\r\n\r\nabc", false, ERR_RESPONSE_INCOMPLETE },
        { OK "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", false, ERR_RESPONSE_INCOMPLETE },
        { "", true, ERR_CONNECTION_TERMINATED },
        { "", false, ERR_CONNECTION_TERMINATED },
    };
    struct upstream *up = serve(answer_and_end, "IP:127.0.0.1", 1);

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct seen seen = { 0 };

        answer_text = cases[i].text;
        cuts = cases[i].cuts;
        get(&seen, up, "127.0.0.1");
        assert_true(bench_wait(&bench, &seen));
        if (seen.code != cases[i].code)
            fail_msg("case %zu: %s (%s)", i, err_name(seen.code), seen.note);
        if (seen.heads > 0)
            assert_string_equal(buf_cstr(&seen.body), "abc");
        seen_done(&seen);
        assert_true(bench_is_empty(&bench));
    }
    upstream_free(up);
}

static void
echo_all(struct peer *peer)
{
    char *got = malloc(BIG);

    peer_request(peer);
    if (got != NULL && peer_read(peer, got, BIG)) {
        peer_text(peer, OK "Content-Length: 20971520\r\n\r\n");
        peer_write(peer, got, BIG);
    }
    free(got);
    peer_wait(peer);
}

static void
give(struct seen *seen)
{
    size_t *given = seen->arg;

    *given += call_send(seen->call, big + *given, BIG - *given);
    if (*given == BIG)
        call_send_end(seen->call);
}

static void
pause_now_and_then(struct seen *seen)
{
    if (seen->bodies % 50 == 0)
        call_pause(seen->call);
}

static void
carries_large_bodies_both_ways_with_pauses(void **state)
{
    struct upstream *up = serve(echo_all, "IP:127.0.0.1", 1);
    size_t given = 0;
    struct seen seen = { .on_room = give, .on_body = pause_now_and_then, .arg = &given };
    struct call_request request = { .url = bench_url(&bench, up->port, true, "127.0.0.1"),
                                    .method = "POST",
                                    .body_size = BIG };

    (void)state;
    bench_begin(&bench, &seen, &request);
    give(&seen);
    for (int i = 0; i < 20000 && seen.call != NULL; i++) {
        bench_turn(&bench, 1);
        if (seen.call != NULL)
            call_resume(seen.call);
    }
    assert_int_equal(seen.ends, 1);
    assert_int_equal(seen.received, BIG);
    assert_memory_equal(buf_bytes(&seen.body), big, buf_size(&seen.body));
    seen_done(&seen);
    upstream_free(up);
}

static void
answer_in_one_record(struct peer *peer)
{
    peer_request(peer);
    peer_text(peer, OK "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n2\r\ncd\r\n");
    peer_text(peer, "2\r\nef\r\n");
    peer_text(peer, "0\r\n\r\n");
    peer_wait(peer);
}

static void
pause_it(struct seen *seen)
{
    call_pause(seen->call);
}

static void
hands_on_what_tls_holds_when_the_socket_is_quiet(void **state)
{
    struct upstream *up = serve(answer_in_one_record, "IP:127.0.0.1", 1);
    struct seen seen = { .on_head = pause_it, .on_body = pause_it };

    (void)state;
    get(&seen, up, "127.0.0.1");
    assert_true(bench_until(&bench, &seen.heads, 1));
    for (int i = 1; i <= 3; i++) {
        call_resume(seen.call);
        assert_true(bench_until(&bench, &seen.bodies, i));
    }
    call_resume(seen.call);
    assert_true(bench_until(&bench, &seen.ends, 1));
    assert_string_equal(buf_cstr(&seen.body), "abcdef");
    seen_done(&seen);
    upstream_free(up);
}

static void
refuses_all_when_no_authority_is_known(void **state)
{
    struct upstream *up = serve(answer, "IP:127.0.0.1", 1);
    struct seen seen = { 0 };

    (void)state;
    out_free(bench.out);
    trust_free(bench.trust);
    bench.trust = trust_read("/nonexistent");
    bench.out = out_new(bench.poll, bench.timers, &bench.guard, &bench.limits, bench.trust);
    get(&seen, up, "127.0.0.1");
    assert_true(bench_wait(&bench, &seen));
    assert_int_equal(seen.code, ERR_TLS_CERTIFICATE_ERROR);
    upstream_free(up);
}

static int
prepare(void **state)
{
    (void)state;
    authority = upstream_cert(NULL, NULL, 1);
    upstream_cert_write(&authority, ca_file);
    big = malloc(BIG);
    for (size_t i = 0; big != NULL && i < BIG; i++)
        big[i] = (char)(i ^ i >> 8 ^ i >> 16);
    return big == NULL;
}

static int
clean_up(void **state)
{
    (void)state;
    unlink(ca_file);
    upstream_cert_done(&authority);
    free(big);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(talks_to_a_target_that_proves_its_name),
        TEST(says_nothing_to_one_that_does_not),
        TEST(says_why_there_is_no_handshake),
        TEST(notices_an_answer_that_was_cut),
        TEST(carries_large_bodies_both_ways_with_pauses),
        TEST(hands_on_what_tls_holds_when_the_socket_is_quiet),
        TEST(refuses_all_when_no_authority_is_known),
    };

    return cmocka_run_group_tests(tests, prepare, clean_up);
}
