/* A connection is handed over whole, and the front end forgets it. */
#include "base/clock.h"
#include "http/draw.h"
#include "http/server.h"
#include "ws/ws.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST = 2000 };

static const struct route rows[] = {
    { "GET", "/sock", .name = "sock", .ok = 101, .flags = ROUTE_LOOP },
    { "GET", "/plain", .name = "plain", .ok = 200, .flags = ROUTE_LOOP },
    ROUTE_LAST,
};
static const struct route *const tables[] = { rows, NULL };
static const char *const prefixes[] = { "/", NULL };
static const struct dialect dialect = { .name = "all", .prefixes = prefixes, .routes = tables };
static const struct dialect *const dialects[] = { &dialect, NULL };

struct bench {
    struct poll *poll;
    struct timers *timers;
    struct router *router;
    struct http *http;
    int port;
    bool park; /* the answer is given later */
    struct request *parked;
    bool inside;
    size_t taken, refused, done;
    int status; /* of the last request that ended */
    int fd;     /* taken last; -1: none          */
    char extra[64];
    /* Sockets, when they are wanted. */
    bool open;
    struct ws *socks[MOST];
    size_t opened, closed;
    int codes[MOST];
};

static struct bench bench;

struct sock_arg {
    size_t slot;
};

static struct sock_arg slots[MOST];

static void
text(void *arg, const char *bytes, size_t size)
{
    struct sock_arg *slot = arg;

    if (!ws_send(bench.socks[slot->slot], bytes, size))
        fail();
}

static void
closed(void *arg, int code, const char *reason)
{
    struct sock_arg *slot = arg;

    (void)reason;
    assert_non_null(bench.socks[slot->slot]);
    bench.socks[slot->slot] = NULL;
    bench.codes[slot->slot] = code;
    bench.closed++;
}

static const struct ws_events events = { text, NULL, closed };
static const struct ws_limits limits = { 65536, 16, 65536, 60000, 60000, 5000 };

static void
take(void *arg, int fd, const char *extra, size_t n)
{
    assert_ptr_equal(arg, &bench);
    assert_false(bench.inside);
    if (fd < 0) {
        bench.refused++;
        return;
    }
    assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0 && (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    bench.taken++;
    if (bench.open) {
        size_t slot = bench.opened++;

        slots[slot].slot = slot;
        bench.socks[slot] =
            ws_open(bench.poll, bench.timers, fd, extra, n, &events, &limits, &slots[slot]);
        return;
    }
    assert_true(n < sizeof bench.extra);
    memcpy(bench.extra, extra, n);
    bench.extra[n] = '\0';
    bench.fd = fd;
}

static void
give(struct request *rq)
{
    bench.inside = true;
    http_answer_upgrade(rq, take, &bench);
    bench.inside = false;
}

static void
start(struct request *rq)
{
    if (rq->err.code != ERR_NONE || rq->route != &rows[0] || !http_can_upgrade(rq)) {
        rq->reply.status = rq->err.code != ERR_NONE ? 400 : rq->route == &rows[0] ? 426 : 200;
        rq->reply.bytes = "plain";
        rq->reply.size = 5;
        http_answer(rq);
        return;
    }
    reply_header(rq, "Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    if (bench.park)
        bench.parked = rq;
    else
        give(rq);
}

static void
done(struct request *rq)
{
    bench.done++;
    bench.status = rq->reply.status;
    if (bench.parked == rq)
        bench.parked = NULL;
}

static const struct http_hooks hooks = { .start = start, .done = done };

static int
begin(void **state)
{
    struct err err = { 0 };
    int fd;

    (void)state;
    bench = (struct bench){ .poll = poll_new(), .timers = timers_new(), .fd = -1 };
    bench.router = router_new(dialects);
    if (!http_listen("127.0.0.1:0", &fd, 1, &bench.port, &err))
        return -1;
    struct http_options options = {
        .poll = bench.poll,
        .timers = bench.timers,
        .router = bench.router,
        .hooks = &hooks,
        .listen_fd = fd,
        .connections = MOST + 10,
        .header_timeout = 300,
        .body_timeout = 300,
        .idle_timeout = 300,
        .request_timeout = 300,
    };
    bench.http = http_open(&options, &err);
    return bench.http == NULL ? -1 : 0;
}

static int
end(void **state)
{
    (void)state;
    if (bench.fd >= 0)
        close(bench.fd);
    if (bench.http != NULL) {
        http_quiesce(bench.http);
        http_close(bench.http);
    }
    router_free(bench.router);
    timers_free(bench.timers);
    poll_free(bench.poll);
    return 0;
}

/* One round, as work/loop.c has it. */
static void
turn(int wait)
{
    int most = timers_wait(bench.timers, clock_ms(), wait);

    poll_run(bench.poll, bench.http == NULL ? most : http_wait(bench.http, most));
    timers_run(bench.timers, clock_ms());
    if (bench.http != NULL)
        http_run(bench.http);
}

static void
turn_for(int ms)
{
    for (int64_t until = clock_ms() + ms; clock_ms() < until;)
        turn(10);
}

/* Turns until the number is reached, at most 20 seconds. */
static void
turn_until(const size_t *number, size_t wanted)
{
    for (int64_t until = clock_ms() + 20000; *number < wanted && clock_ms() < until;)
        turn(20);
    assert_int_equal(*number, wanted);
}

static int
dial(void)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)bench.port) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static void
say(int fd, const char *text_)
{
    assert_int_equal(send(fd, text_, strlen(text_), MSG_NOSIGNAL), strlen(text_));
}

static const char handshake[] = "GET /sock HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
                                "Connection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/* What the client gets until the text has come, at most 20 seconds. */
static void
hear(int fd, const char *wanted, char *got, size_t size)
{
    size_t n = 0;

    got[0] = '\0';
    for (int64_t until = clock_ms() + 20000; strstr(got, wanted) == NULL && clock_ms() < until;) {
        turn(5);
        ssize_t more = recv(fd, got + n, size - n - 1, 0);
        n += more > 0 ? (size_t)more : 0;
        got[n] = '\0';
        if (more == 0)
            break;
    }
    assert_non_null(strstr(got, wanted));
}

static void
the_connection_is_handed_over_with_what_was_read(void **state)
{
    char got[1024];
    int client = dial();

    (void)state;
    say(client, handshake);
    say(client, "early bytes");
    hear(client, "\r\n\r\n", got, sizeof got);
    assert_memory_equal(got, "HTTP/1.1 101 ", 13);
    assert_non_null(strcasestr(got, "\r\nConnection: Upgrade\r\n"));
    assert_non_null(strstr(got, "\r\nUpgrade: websocket\r\n"));
    assert_non_null(strstr(got, "\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    assert_non_null(strstr(got, "\r\nRequest-Id: "));
    assert_null(strcasestr(got, "\r\nContent-Length:"));
    turn_until(&bench.taken, 1);
    assert_int_equal(bench.done, 1);
    assert_int_equal(bench.status, 101);
    assert_int_equal(http_count(bench.http), 0);
    assert_int_equal(http_connections(bench.http), 0);
    if (bench.extra[0] == '\0')
        assert_int_equal(recv(bench.fd, bench.extra, sizeof bench.extra - 1, 0), 11);
    assert_string_equal(bench.extra, "early bytes");
    /* No deadline of the front end touches it, and it can do without the front end. */
    turn_for(700);
    http_quiesce(bench.http);
    http_hurry(bench.http, clock_ms());
    turn_for(50);
    http_close(bench.http);
    bench.http = NULL;
    say(bench.fd, "from us");
    hear(client, "from us", got, sizeof got);
    say(client, "to us");
    turn_for(20);
    assert_int_equal(recv(bench.fd, got, sizeof got, 0), 5);
    close(client);
}

static void
the_answer_may_come_later(void **state)
{
    char got[1024];
    int client = dial();

    (void)state;
    bench.park = true;
    say(client, handshake);
    for (int i = 0; i < 1000 && bench.parked == NULL; i++)
        turn(10);
    assert_non_null(bench.parked);
    turn_for(20);
    give(bench.parked);
    hear(client, " 101 ", got, sizeof got);
    turn_until(&bench.taken, 1);
    close(client);
}

static void
a_client_that_left_is_said_to_have_left(void **state)
{
    struct linger now = { 1, 0 };
    int client = dial();

    (void)state;
    bench.park = true;
    say(client, handshake);
    for (int i = 0; i < 1000 && bench.parked == NULL; i++)
        turn(10);
    assert_non_null(bench.parked);
    setsockopt(client, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(client);
    turn_for(20);
    give(bench.parked);
    turn_until(&bench.refused, 1);
    assert_int_equal(bench.taken, 0);
    assert_int_equal(http_connections(bench.http), 0);
}

static void
a_request_may_be_cut_after_it_was_answered_so(void **state)
{
    int client = dial();

    (void)state;
    bench.park = true;
    say(client, handshake);
    for (int i = 0; i < 1000 && bench.parked == NULL; i++)
        turn(10);
    give(bench.parked);
    http_cut(bench.parked);
    turn_until(&bench.refused, 1);
    assert_int_equal(bench.taken, 0);
    close(client);
}

static void
the_end_of_the_front_end_tells_those_who_wait(void **state)
{
    int client = dial();

    (void)state;
    bench.park = true;
    say(client, handshake);
    for (int i = 0; i < 1000 && bench.parked == NULL; i++)
        turn(10);
    give(bench.parked);
    http_quiesce(bench.http);
    http_hurry(bench.http, clock_ms());
    for (int i = 0; i < 1000 && http_count(bench.http) > 0; i++)
        turn(10);
    turn_for(10);
    assert_int_equal(bench.taken + bench.refused, 1);
    close(client);
}

static void
a_kept_connection_can_be_handed_over(void **state)
{
    char got[1024];
    int client = dial();

    (void)state;
    say(client, "GET /plain HTTP/1.1\r\nHost: x\r\n\r\n");
    hear(client, "plain", got, sizeof got);
    say(client, handshake);
    hear(client, " 101 ", got, sizeof got);
    turn_until(&bench.taken, 1);
    close(client);
}

static void
says_what_cannot_be_handed_over(void **state)
{
    static const char *const heads[] = {
        "GET /sock HTTP/1.0\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        "GET /sock HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nContent-Length: 2\r\n\r\nab",
        "GET /sock HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        "HEAD /sock HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n",
    };
    char got[1024];

    (void)state;
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        int client = dial();

        say(client, heads[i]);
        hear(client, " 426 ", got, sizeof got);
        close(client);
    }
    assert_int_equal(bench.taken + bench.refused, 0);
}

static int clients[MOST];

/* As many as the limit of descriptors allows: a client's, ours, and libmicrohttpd's for a moment.
 */
static size_t
as_many_as_may_be(void)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
    size_t most = limit.rlim_cur < 1024 ? 200 : (size_t)(limit.rlim_cur - 400) / 3;
    return most < MOST ? most : MOST;
}

static void
many_sockets_may_close_from_both_sides_at_once(void **state)
{
    static const unsigned char bye[] = { 0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8 };
    size_t most = as_many_as_may_be();
    char got[1024];

    (void)state;
    bench.open = true;
    for (size_t i = 0; i < most; i++) {
        clients[i] = dial();
        say(clients[i], handshake);
        if (i % 100 == 99)
            turn_until(&bench.taken, i + 1);
    }
    turn_until(&bench.taken, most);
    assert_int_equal(bench.opened, most);
    assert_int_equal(http_connections(bench.http), 0);
    for (size_t i = 0; i < most; i++) {
        if (i % 3 != 0)
            assert_int_equal(send(clients[i], bye, sizeof bye, MSG_NOSIGNAL), sizeof bye);
        if (i % 3 != 1)
            ws_close(bench.socks[i], WS_GOING_AWAY, "both");
        if (i % 3 == 0)
            assert_int_equal(send(clients[i], bye, sizeof bye, MSG_NOSIGNAL), sizeof bye);
        if (i % 7 == 0)
            shutdown(clients[i], SHUT_WR);
    }
    turn_until(&bench.closed, most);
    for (size_t i = 0; i < most; i++) {
        assert_int_equal(bench.codes[i], i % 3 == 1 ? WS_NORMAL : WS_GOING_AWAY);
        ssize_t n = recv(clients[i], got, sizeof got, 0);
        assert_true(n > 4);
        assert_int_equal(recv(clients[i], got, sizeof got, 0), 0);
        close(clients[i]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_connection_is_handed_over_with_what_was_read, begin,
                                        end),
        cmocka_unit_test_setup_teardown(the_answer_may_come_later, begin, end),
        cmocka_unit_test_setup_teardown(a_client_that_left_is_said_to_have_left, begin, end),
        cmocka_unit_test_setup_teardown(a_request_may_be_cut_after_it_was_answered_so, begin, end),
        cmocka_unit_test_setup_teardown(the_end_of_the_front_end_tells_those_who_wait, begin, end),
        cmocka_unit_test_setup_teardown(a_kept_connection_can_be_handed_over, begin, end),
        cmocka_unit_test_setup_teardown(says_what_cannot_be_handed_over, begin, end),
        cmocka_unit_test_setup_teardown(many_sockets_may_close_from_both_sides_at_once, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
