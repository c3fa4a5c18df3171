/* The sample agent answers what it was asked, over plain sockets, and never shows a credential. */
#include "app/echo.h"

#include "app/loopback.h"
#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct echo *echo;

static int
set_up(void **state)
{
    struct err err = { 0 };

    (void)state;
    echo = echo_open(&err);
    assert_non_null(echo);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    echo_close(echo);
    return 0;
}

/* Sends n bytes and reads until the other side closes, or until want stands in the answer. */
static char *
exchange(struct arena *mem, const char *bytes, size_t n, const char *want)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)echo_port(echo)),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    const struct timeval patience = { .tv_sec = 5 };
    char *answer = arena_alloc(mem, 1 << 19);
    size_t got = 0;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    assert_int_equal(send(fd, bytes, n, MSG_NOSIGNAL), n);
    while (want == NULL || strstr(answer, want) == NULL) {
        ssize_t r = recv(fd, answer + got, (1 << 19) - 1 - got, 0);
        if (r <= 0)
            break;
        got += (size_t)r;
    }
    close(fd);
    return answer;
}

static const struct {
    const char *request, *line, *body;
} asked[] = {
    { "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 OK",
      "{\"method\":\"GET\",\"target\":\"/\",\"content_type\":null,\"authorization\":false,"
      "\"body_bytes\":0,\"body\":\"\"}\n" },
    { "POST /a?b=c HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer S3CR3T\r\nContent-Type: text/x\r\n"
      "Content-Length: 4\r\nConnection: close\r\n\r\n\"h\xc3\xa9",
      "HTTP/1.1 200 OK",
      "{\"method\":\"POST\",\"target\":\"/a?b=c\",\"content_type\":\"text/x\","
      "\"authorization\":true,\"body_bytes\":4,\"body\":\"\\\"h\xc3\xa9\"}\n" },
    { "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
      "3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n",
      "HTTP/1.1 200 OK",
      "{\"method\":\"POST\",\"target\":\"/\",\"content_type\":null,\"authorization\":false,"
      "\"body_bytes\":13,\"body\":\"abc0123456789\"}\n" },
    { "POST / HTTP/1.1\r\nContent-Length: 2\r\nConnection: close\r\n\r\n\xff\xfe",
      "HTTP/1.1 200 OK",
      "{\"method\":\"POST\",\"target\":\"/\",\"content_type\":null,\"authorization\":false,"
      "\"body_bytes\":2,\"body\":null}\n" },
    { "HEAD / HTTP/1.1\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 OK", "" },
    { "POST / HTTP/1.1\r\nContent-Length: 65537\r\n\r\n", "HTTP/1.1 413 Content Too Large", "" },
    { "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
      "HTTP/1.1 413 Content Too Large", "" },
    { "nonsense\r\n\r\n", "HTTP/1.1 413 Content Too Large", "" },
};

static void
answers_with_what_was_asked(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        struct arena *mem = arena_new();
        char *answer = exchange(mem, asked[i].request, strlen(asked[i].request), NULL);
        const char *body = strstr(answer, "\r\n\r\n");

        assert_memory_equal(answer, asked[i].line, strlen(asked[i].line));
        assert_non_null(body);
        assert_string_equal(body + 4, asked[i].body);
        assert_null(strstr(answer, "S3CR3T"));
        arena_free(mem);
    }
}

static void
answers_each_of_several_requests_on_one_connection(void **state)
{
    static const char requests[] = "GET /one HTTP/1.1\r\n\r\nPOST /two HTTP/1.1\r\n"
                                   "Content-Length: 1\r\n\r\nxGET /three HTTP/1.1\r\n"
                                   "Connection: close\r\n\r\n";
    struct arena *mem = arena_new();
    char *answer = exchange(mem, requests, strlen(requests), NULL);
    const char *one = strstr(answer, "/one"), *two = strstr(answer, "/two");
    const char *three = strstr(answer, "/three");

    (void)state;
    assert_non_null(one);
    assert_true(two > one);
    assert_true(three > two);
    arena_free(mem);
}

static void
asks_for_the_body_that_waits_for_leave(void **state)
{
    static const char head[] =
        "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
    struct arena *mem = arena_new();

    (void)state;
    assert_non_null(strstr(exchange(mem, head, strlen(head), "100 Continue"), "100 Continue"));
    arena_free(mem);
}

static void
the_small_client_reads_status_and_body(void **state)
{
    const struct loopback to = { "0.0.0.0", echo_port(echo) };
    struct arena *mem = arena_new();
    const char *body;

    (void)state;
    int status = loopback_call(
        &to,
        &(struct loopback_call){
            .method = "POST", .target = "/x", .bearer = "t", .idempotency_key = "k", .body = "{}" },
        mem, &body);
    assert_int_equal(status, 200);
    assert_non_null(strstr(body, "\"authorization\":true"));
    assert_non_null(strstr(body, "\"body\":\"{}\""));
    arena_free(mem);
}

static void
the_small_client_says_when_nobody_is_there(void **state)
{
    struct arena *mem = arena_new();
    const char *body;
    const struct loopback to = { "127.0.0.1", 1 };

    (void)state;
    assert_int_equal(
        loopback_call(&to, &(struct loopback_call){ .method = "GET", .target = "/" }, mem, &body),
        0);
    assert_string_equal(body, "");
    arena_free(mem);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(answers_with_what_was_asked),
        TEST(answers_each_of_several_requests_on_one_connection),
        TEST(asks_for_the_body_that_waits_for_leave),
        TEST(the_small_client_reads_status_and_body),
        TEST(the_small_client_says_when_nobody_is_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
