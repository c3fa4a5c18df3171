/* Dialling goes where the guard allows and nowhere else, and says why it failed. */
#include "calls.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static void
answer(struct peer *peer)
{
    while (peer_request(peer))
        peer_text(peer, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
}

static enum err_code
code_for(const char *host, int port, bool https)
{
    struct seen seen = { 0 };

    bench_get(&bench, &seen, bench_url(&bench, port, https, host), "GET");
    assert_true(bench_wait(&bench, &seen));
    assert_int_equal(out_stats(bench.out).calls, 0);
    seen_done(&seen);
    return seen.code;
}

/* A port of 127.0.0.1 on which nobody listens. */
static int
closed_port(void)
{
    struct upstream *up = upstream_new(answer, NULL);
    int port = up->port;

    upstream_free(up);
    return port;
}

static void
says_that_nobody_listens(void **state)
{
    (void)state;
    assert_int_equal(code_for("127.0.0.1", closed_port(), false), ERR_CONNECTION_REFUSED);
    assert_int_equal(code_for("127.0.0.1", closed_port(), true), ERR_CONNECTION_REFUSED);
    assert_int_equal(out_stats(bench.out).connections, 0);
}

static void
never_touches_an_address_that_is_not_allowed(void **state)
{
    static const char *const hosts[] = { "127.0.0.1", "::1", "localhost", "0.0.0.0",
                                         "127.1",     "::",  "10.0.0.1",  "::ffff:127.0.0.1" };
    struct upstream *up = upstream_new(answer, NULL);

    (void)state;
    bench.guard = (struct guard){ .allow_http = true };
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++)
        if (code_for(hosts[i], up->port, i % 2 == 0) != ERR_IP_PROHIBITED)
            fail_msg("%s", hosts[i]);
    /* Open or closed: the answer is the same. */
    assert_int_equal(code_for("127.0.0.1", closed_port(), false), ERR_IP_PROHIBITED);
    assert_int_equal(up->accepts, 0);
    upstream_free(up);
}

static void
goes_on_to_an_address_that_is_allowed(void **state)
{
    struct upstream *up = upstream_new(answer, NULL);
    struct err err = { 0 };

    (void)state;
    assert_true(guard_read(&bench.guard, "127.0.0.0/8", true, &err));
    assert_int_equal(code_for("localhost", up->port, false), ERR_NONE);
    assert_int_equal(up->accepts, 1);
    upstream_free(up);
}

static void
takes_no_notice_of_proxies_in_the_environment(void **state)
{
    struct upstream *up = upstream_new(answer, NULL), *proxy = upstream_new(answer, NULL);
    static const char *const names[] = { "http_proxy", "https_proxy", "all_proxy", "ALL_PROXY" };
    char url[64];

    (void)state;
    snprintf(url, sizeof url, "http://127.0.0.1:%d", proxy->port);
    for (size_t i = 0; i < 4; i++)
        setenv(names[i], url, 1);
    assert_int_equal(code_for("127.0.0.1", up->port, false), ERR_NONE);
    for (size_t i = 0; i < 4; i++)
        unsetenv(names[i]);
    assert_int_equal(up->requests, 1);
    assert_int_equal(proxy->accepts, 0);
    upstream_free(proxy);
    upstream_free(up);
}

static void
says_that_a_name_means_nothing(void **state)
{
    (void)state;
    bench.limits.connect_ms = 3000;
    enum err_code code = code_for("no-such-name.invalid", 80, false);
    /* Without a name server at hand it takes too long instead. */
    assert_true(code == ERR_DNS_ERROR || code == ERR_DNS_TIMEOUT);
    assert_int_equal(code_for("", 80, false), ERR_DNS_ERROR);
}

/* A listener whose queue is full: the kernel lets further connections wait. */
static int
deaf_port(int fds[8])
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001) };
    socklen_t size = sizeof address;

    fds[0] = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fds[0], (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fds[0], 0), 0);
    assert_int_equal(getsockname(fds[0], (struct sockaddr *)&address, &size), 0);
    for (int i = 1; i < 8; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(fds[i], (struct sockaddr *)&address, sizeof address);
    }
    return ntohs(address.sin_port);
}

static void
gives_up_connecting_in_time_and_lets_go_of_what_was_cancelled(void **state)
{
    int fds[8], port = deaf_port(fds);
    struct seen seen = { 0 };
    int64_t begun = clock_ms();

    (void)state;
    bench.limits.connect_ms = 300;
    assert_int_equal(code_for("127.0.0.1", port, false), ERR_CONNECTION_TIMEOUT);
    assert_in_range(clock_ms() - begun, 250, 2000);

    /* What libcurl dials, by name, goes on for a while. */
    for (size_t by_name = 0; by_name < 2; by_name++) {
        const char *host = by_name ? "localhost" : "127.0.0.1";

        bench_get(&bench, &seen, bench_url(&bench, port, false, host), "GET");
        bench_turn(&bench, 50);
        call_cancel(seen.call);
        assert_int_equal(out_stats(bench.out).calls, 0);
        assert_int_equal(out_stats(bench.out).connections, by_name);
        assert_true(bench_is_empty(&bench));
        assert_int_equal(seen.fails, 0);
    }

    /* One more that is under way when all ends. */
    bench_get(&bench, &seen, bench_url(&bench, port, false, "127.0.0.1"), "GET");
    bench_turn(&bench, 20);
    for (int i = 0; i < 8; i++)
        close(fds[i]);
}

static void
does_not_wait_for_a_resolver_when_it_ends(void **state)
{
    struct seen seen = { 0 };
    int64_t begun = clock_ms();

    (void)state;
    bench_get(&bench, &seen, bench_url(&bench, 80, false, "slow-name.invalid"), "GET");
    bench_turn(&bench, 0);
    out_free(bench.out);
    bench.out = NULL;
    assert_true(clock_ms() - begun < 500);
    assert_int_equal(seen.fails, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(says_that_nobody_listens),
        TEST(never_touches_an_address_that_is_not_allowed),
        TEST(goes_on_to_an_address_that_is_allowed),
        TEST(takes_no_notice_of_proxies_in_the_environment),
        TEST(says_that_a_name_means_nothing),
        TEST(gives_up_connecting_in_time_and_lets_go_of_what_was_cancelled),
        TEST(does_not_wait_for_a_resolver_when_it_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
