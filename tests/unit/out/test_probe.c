/* A probe tells who is there, asks nobody it may not ask, and lets no host hold up the others. */
#include "base/clock.h"
#include "out/probe.h"
#include "upstream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { TIMEOUT_MS = 1000 };

struct told {
    int count, drops, status, latency_ms;
    bool alive;
    char error[128];
};

static struct guard guard;

static void
on_done(void *arg, const struct probe_answer *answer)
{
    struct told *told = arg;

    if (answer == NULL) {
        told->drops++;
        return;
    }
    told->count++;
    told->alive = answer->alive;
    told->status = answer->http_status;
    told->latency_ms = answer->latency_ms;
    snprintf(told->error, sizeof told->error, "%s", answer->error != NULL ? answer->error : "");
}

static void
finish(struct prober *prober)
{
    int64_t until = clock_ms() + 10000;

    while (prober_run(prober, 100) > 0)
        assert_true(clock_ms() < until);
}

static struct told
ask(const struct upstream *up, const char *scheme, const char *ca_file)
{
    struct trust *trust = trust_read(ca_file);
    struct prober *prober = prober_new(&guard, trust, 10, 2, TIMEOUT_MS);
    struct told told = { 0 };
    char url[64];

    snprintf(url, sizeof url, "%s://127.0.0.1:%d/x", scheme, up->port);
    prober_add(prober, url, on_done, &told);
    assert_int_equal(told.count, 0);
    finish(prober);
    assert_int_equal(told.count, 1);
    prober_free(prober);
    trust_free(trust);
    return told;
}

static const char *const *answers; /* to the first request, the second … */

static void
play(struct peer *peer)
{
    for (int i = 0; peer_request(peer); i++)
        if (answers[i] == NULL || !peer_text(peer, answers[i]))
            return;
}

static void
knows_the_living_from_the_dead(void **state)
{
    static const struct {
        const char *answers[3];
        bool alive;
        int status, requests;
    } cases[] = {
        { { "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n" }, true, 200, 1 },
        { { "HTTP/1.1 204 No\r\n\r\n" }, true, 204, 1 },
        { { "HTTP/1.1 301 Moved\r\nLocation: /y\r\nContent-Length: 0\r\n\r\n" }, true, 301, 1 },
        { { "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n" }, true, 401, 1 },
        { { "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n" }, true, 404, 1 },
        { { "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n" }, false, 500, 1 },
        { { "HTTP/1.1 503 Oh\r\nContent-Length: 0\r\n\r\n" }, false, 503, 1 },
        { { "HTTP/1.1 405 No\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" },
          true,
          200,
          2 },
        { { "HTTP/1.1 501 No\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n" },
          false,
          500,
          2 },
        { { "HTTP/1.1 405 No\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 405 No\r\nContent-Length: 0\r\n\r\n" },
          true,
          405,
          2 },
        { { "SSH-2.0-OpenSSH_9.2\r\n\r\n" }, false, 0, 1 },
        { { "HTTP/1.1 100 Continue\r\n\r\n" }, false, 0, 1 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        answers = cases[i].answers;
        struct upstream *up = upstream_new(play, NULL);
        struct told told = ask(up, "http", NULL);

        if (told.alive != cases[i].alive || told.status != cases[i].status ||
            up->requests != cases[i].requests || (told.error[0] == '\0') != told.alive)
            fail_msg("case %zu: alive %d, status %d, %d requests, %s", i, told.alive, told.status,
                     up->requests, told.error);
        upstream_free(up);
    }
}

static void
say_nothing(struct peer *peer)
{
    peer_request(peer);
    peer_wait(peer);
}

static void
stream_for_ever(struct peer *peer)
{
    static const char piece[8192];

    peer_request(peer);
    peer_text(peer, "HTTP/1.1 405 No\r\nContent-Length: 0\r\n\r\n");
    peer_request(peer);
    peer_text(peer, "HTTP/1.1 200 OK\r\n\r\n");
    while (peer_write(peer, piece, sizeof piece))
        continue;
}

static void
gives_up_in_time(void **state)
{
    struct upstream *up = upstream_new(say_nothing, NULL);
    struct told told = ask(up, "http", NULL);

    (void)state;
    assert_false(told.alive);
    assert_int_equal(told.status, 0);
    assert_in_range(told.latency_ms, TIMEOUT_MS - 20, TIMEOUT_MS * 3);
    assert_string_equal(told.error, err_text(ERR_RESPONSE_TIMEOUT));
    upstream_free(up);

    up = upstream_new(stream_for_ever, NULL);
    told = ask(up, "http", NULL);
    assert_true(told.alive);
    assert_true(told.latency_ms < TIMEOUT_MS);
    upstream_free(up);
}

static void
says_why_nobody_was_there(void **state)
{
    struct upstream *up = upstream_new(say_nothing, NULL);
    struct upstream gone = { .port = up->port };
    struct prober *prober = prober_new(&guard, NULL, 10, 2, TIMEOUT_MS);
    struct told told = { 0 };

    (void)state;
    upstream_free(up);
    assert_string_equal(ask(&gone, "http", NULL).error, err_text(ERR_CONNECTION_REFUSED));
    prober_add(prober, "gopher://127.0.0.1/", on_done, &told);
    finish(prober);
    assert_int_equal(told.count, 1);
    assert_false(told.alive);
    assert_non_null(strstr(told.error, "url"));
    prober_free(prober);
}

static void
asks_only_where_the_guard_allows(void **state)
{
    static const struct guard strict = { .allow_http = true };
    static const char *const hosts[] = { "127.0.0.1", "127.0.0.2", "[::1]", "localhost" };
    struct upstream *up = upstream_new(say_nothing, NULL);
    struct prober *prober = prober_new(&strict, NULL, 10, 2, TIMEOUT_MS);
    struct told told[4] = { 0 };

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        char url[64];

        snprintf(url, sizeof url, "http://%s:%d/", hosts[i], up->port);
        prober_add(prober, url, on_done, &told[i]);
    }
    finish(prober);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(told[i].count, 1);
        assert_false(told[i].alive);
    }
    prober_free(prober);
    assert_int_equal(up->accepts, 0);
    upstream_free(up);
}

static void
verifies_certificates(void **state)
{
    static const char *const ok[] = { "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", NULL };
    struct upstream_cert authority = upstream_cert(NULL, NULL, 1);
    char ca_file[64];

    (void)state;
    answers = ok;
    upstream_cert_write(&authority, ca_file);
    for (int good = 0; good < 2; good++) {
        struct upstream_cert cert =
            upstream_cert(&authority, good ? "IP:127.0.0.1" : "IP:127.0.0.2", 1);
        struct upstream *up = upstream_new(play, &cert);
        struct told told = ask(up, "https", ca_file);

        assert_int_equal(told.alive, good);
        assert_int_equal(up->requests, good);
        assert_string_equal(told.error, good ? "" : err_text(ERR_TLS_CERTIFICATE_ERROR));
        upstream_free(up);
        upstream_cert_done(&cert);
    }
    unlink(ca_file);
    upstream_cert_done(&authority);
}

static void
answer_all(struct peer *peer)
{
    while (peer_request(peer))
        peer_text(peer, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
}

static void
is_not_held_up_by_a_host_that_hangs(void **state)
{
    struct upstream *slow = upstream_new(say_nothing, NULL), *up = upstream_new(answer_all, NULL);
    struct prober *prober = prober_new(&guard, NULL, 6, 2, TIMEOUT_MS);
    static struct told hanging[8], told[200];
    char url[64];

    (void)state;
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", slow->port);
    for (size_t i = 0; i < 8; i++)
        prober_add(prober, url, on_done, &hanging[i]);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", up->port);
    for (size_t i = 0; i < 200; i++)
        prober_add(prober, url, on_done, &told[i]);
    assert_int_equal(prober_run(prober, 0) > 200, true);
    while (told[199].count == 0)
        prober_run(prober, 20);
    int ended = 0;
    for (size_t i = 0; i < 8; i++)
        ended += hanging[i].count;
    assert_true(ended < 8);
    assert_true(slow->accepts <= 2 + ended);
    for (size_t i = 0; i < 200; i++)
        assert_true(told[i].alive);
    /* Kept connections serve them all. */
    assert_true(up->accepts <= 2);
    prober_free(prober);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(hanging[i].count + hanging[i].drops, 1);
    upstream_free(up);
    upstream_free(slow);
}

static atomic_int busy, most_busy;

static void
answer_slowly(struct peer *peer)
{
    while (peer_request(peer)) {
        int now = atomic_fetch_add(&busy, 1) + 1, most = atomic_load(&most_busy);

        while (now > most && !atomic_compare_exchange_weak(&most_busy, &most, now))
            continue;
        usleep(2000);
        atomic_fetch_sub(&busy, 1);
        peer_text(peer, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }
}

static void
asks_one_host_only_so_often_at_once(void **state)
{
    struct upstream *up = upstream_new(answer_slowly, NULL);
    struct prober *prober = prober_new(&guard, NULL, 20, 3, 5 * TIMEOUT_MS);
    static struct told told[60];

    (void)state;
    for (size_t i = 0; i < COUNT(told); i++) {
        char url[64];

        snprintf(url, sizeof url, "http://127.0.0.1:%d/%zu", up->port, i);
        prober_add(prober, url, on_done, &told[i]);
    }
    finish(prober);
    for (size_t i = 0; i < COUNT(told); i++)
        assert_true(told[i].alive);
    assert_int_equal(most_busy, 3);
    assert_int_equal(up->accepts, 3);
    prober_free(prober);
    upstream_free(up);
}

static void
hosts_that_were_late_leave_half_of_the_places_to_others(void **state)
{
    enum { LATE = 4, TIMES = 2, MOST = 4, SOON_MS = 300 };
    struct upstream *slow[LATE], *up = upstream_new(answer_all, NULL);
    struct prober *prober = prober_new(&guard, NULL, MOST, 1, SOON_MS);
    static struct told late[TIMES][LATE], told[100];
    char url[64];
    int begun = 0, ended = 0;

    (void)state;
    for (size_t i = 0; i < LATE; i++)
        slow[i] = upstream_new(say_nothing, NULL);
    for (size_t time = 0; time < TIMES; time++) {
        finish(prober);
        for (size_t i = 0; i < LATE; i++) {
            snprintf(url, sizeof url, "http://127.0.0.1:%d/", slow[i]->port);
            prober_add(prober, url, on_done, &late[time][i]);
        }
    }
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", up->port);
    for (size_t i = 0; i < COUNT(told); i++)
        prober_add(prober, url, on_done, &told[i]);
    while (told[COUNT(told) - 1].count == 0)
        prober_run(prober, 5);
    for (size_t i = 0; i < LATE; i++) {
        assert_string_equal(late[0][i].error, err_text(ERR_RESPONSE_TIMEOUT));
        begun += slow[i]->accepts - 1;
        ended += late[1][i].count;
    }
    assert_true(begun <= MOST / 2 + ended);
    prober_free(prober);
    for (size_t i = 0; i < LATE; i++)
        upstream_free(slow[i]);
    upstream_free(up);
}

static void
answer_once(struct peer *peer)
{
    if (peer_request(peer))
        peer_text(peer, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    peer_request(peer);
}

static void
a_kept_connection_that_ends_is_no_answer(void **state)
{
    struct upstream *up = upstream_new(answer_once, NULL);
    struct prober *prober = prober_new(&guard, NULL, 2, 2, TIMEOUT_MS);
    char url[64];

    (void)state;
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", up->port);
    for (int i = 0; i < 2; i++) {
        struct told told = { 0 };

        prober_add(prober, url, on_done, &told);
        finish(prober);
        assert_true(told.alive);
    }
    assert_int_equal(up->requests, 3);
    assert_int_equal(up->accepts, 2);
    prober_free(prober);
    upstream_free(up);
}

static void *
wake(void *arg)
{
    usleep(50000);
    prober_wake(arg);
    return NULL;
}

static void
can_be_woken(void **state)
{
    struct prober *prober = prober_new(&guard, NULL, 6, 2, TIMEOUT_MS);
    int64_t begun = clock_ms();
    pthread_t thread;

    (void)state;
    pthread_create(&thread, NULL, wake, prober);
    assert_int_equal(prober_run(prober, 5000), 0);
    assert_in_range(clock_ms() - begun, 40, 2000);
    pthread_join(thread, NULL);
    prober_free(prober);
}

static int
allow_loopback(void **state)
{
    struct err err = { 0 };

    (void)state;
    signal(SIGPIPE, SIG_IGN);
    return !guard_read(&guard, "127.0.0.0/8, ::1", true, &err);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_the_living_from_the_dead),
        cmocka_unit_test(gives_up_in_time),
        cmocka_unit_test(says_why_nobody_was_there),
        cmocka_unit_test(asks_only_where_the_guard_allows),
        cmocka_unit_test(verifies_certificates),
        cmocka_unit_test(is_not_held_up_by_a_host_that_hangs),
        cmocka_unit_test(asks_one_host_only_so_often_at_once),
        cmocka_unit_test(hosts_that_were_late_leave_half_of_the_places_to_others),
        cmocka_unit_test(a_kept_connection_that_ends_is_no_answer),
        cmocka_unit_test(can_be_woken),
    };

    return cmocka_run_group_tests(tests, allow_loopback, NULL);
}
