/* Heads of answers: the good are read, the ambiguous refused, whole and byte by byte. */
#include "out/head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define S   "HTTP/1.1 200 OK\r\n"
#define END "\r\n"

/* What is read is drawn as one line: status, length, c(hunked), x (close), then the headers. */
static const struct {
    const char *head, *want;
} good[] = {
    { S END, "200 -1 .." },
    { "HTTP/1.1 200\r\n\r\n", "200 -1 .." },
    { "HTTP/1.1 200 \r\n\r\n", "200 -1 .." },
    { "HTTP/1.0 404 Not Found\r\n\r\n", "404 -1 .x" },
    { "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n", "200 -1 .x" },
    { "HTTP/1.1 599 \xc3\xa4\t!\r\n\r\n", "599 -1 .." },
    { "HTTP/1.1 100 Continue\r\n\r\n", "100 -1 .." },
    { S "A: b" END END, "200 -1 .. a=b" },
    { S "A:b" END END, "200 -1 .. a=b" },
    { S "A: \t b \t" END END, "200 -1 .. a=b" },
    { S "A:" END END, "200 -1 .. a=" },
    { S "A: " END END, "200 -1 .. a=" },
    { S "A: b\tc: d" END END, "200 -1 .. a=b\tc: d" },
    { S "!#$%&'*+-.^_`|~09aZ: 1" END END, "200 -1 .. !#$%&'*+-.^_`|~09az=1" },
    { S "Set-Cookie: a" END "Set-Cookie: b" END END, "200 -1 .. set-cookie=a set-cookie=b" },
    { S "X: \x80\xff" END END, "200 -1 .. x=\x80\xff" },
    { S "Content-Length: 0" END END, "200 0 .." },
    { S "CONTENT-LENGTH: 12" END END, "200 12 .." },
    { S "content-length:\t0012 " END END, "200 12 .." },
    { S "Content-Length: 9223372036854775807" END END, "200 9223372036854775807 .." },
    { S "Transfer-Encoding: chunked" END END, "200 -1 c." },
    { S "transfer-encoding: CHUNKED" END END, "200 -1 c." },
    { S "Connection: close" END END, "200 -1 .x" },
    { S "Connection: Keep-Alive, CLOSE" END END, "200 -1 .x" },
    { S "A: 1" END "Connection: a" END "B: 2" END END, "200 -1 .. b=2" },
    { S "Connection: b,, a ," END "A: 1" END "B: 2" END "C: 3" END END, "200 -1 .. c=3" },
    { S "Connection: b" END "Connection: A" END "A: 1" END "B: 2" END END, "200 -1 .." },
    { S "Connection:" END END, "200 -1 .." },
    { S "Keep-Alive: x" END "Upgrade: x" END "TE: x" END "Trailer: x" END "A: 1" END END,
      "200 -1 .. a=1" },
    { S "Proxy-Connection: x" END "Proxy-Authenticate: x" END "P: 1" END END, "200 -1 .. p=1" },
};

static const struct {
    const char *head;
} bad[] = {
    { "HTTP/2 200 OK\r\n\r\n" },
    { "HTTP/1.2 200 OK\r\n\r\n" },
    { "HTTP/1.10 200 OK\r\n\r\n" },
    { "HTTP/0.9 200 OK\r\n\r\n" },
    { "http/1.1 200 OK\r\n\r\n" },
    { " HTTP/1.1 200 OK\r\n\r\n" },
    { "\r\nHTTP/1.1 200 OK\r\n\r\n" },
    { "ICY 200 OK\r\n\r\n" },
    { "<html></html>\r\n\r\n" },
    { "HTTP/1.1  200 OK\r\n\r\n" },
    { "HTTP/1.1\t200 OK\r\n\r\n" },
    { "HTTP/1.1 20 OK\r\n\r\n" },
    { "HTTP/1.1 2000 OK\r\n\r\n" },
    { "HTTP/1.1 099 OK\r\n\r\n" },
    { "HTTP/1.1 600 OK\r\n\r\n" },
    { "HTTP/1.1 +20 OK\r\n\r\n" },
    { "HTTP/1.1 2x0 OK\r\n\r\n" },
    { "HTTP/1.1 200OK\r\n\r\n" },
    { "HTTP/1.1 200 O\rK\r\n\r\n" },
    { "HTTP/1.1 200 O\x01K\r\n\r\n" },
    { "HTTP/1.1 200 OK\n\n" },
    { "HTTP/1.1 200 OK\n\r\n" },
    { "HTTP/1.1 200 OK\r\n\n" },
    { S "A: b\n\r\n" },
    { S "A: b\nC: d\r\n\r\n" },
    { S "A: b\rC: d\r\n\r\n" },
    { S "A: b\r\r\n\r\n" },
    { S " A: b" END END },
    { S "\tA: b" END END },
    { S "A: b" END " c" END END },
    { S "A: b" END "\tc" END END },
    { S "A : b" END END },
    { S "A\t: b" END END },
    { S "A b: c" END END },
    { S ": b" END END },
    { S "A" END END },
    { S "A\x80: b" END END },
    { S "A(: b" END END },
    { S "A: b\x7f" END END },
    { S "A: \x01" END END },
    { S "A: b\x0b" END END },
    { S "Content-Length: 1" END "Content-Length: 2" END END },
    { S "Content-Length: 1" END "Content-Length: 1" END END },
    { S "Content-Length: 1, 1" END END },
    { S "Content-Length:" END END },
    { S "Content-Length: +1" END END },
    { S "Content-Length: -1" END END },
    { S "Content-Length: 0x1" END END },
    { S "Content-Length: 1 2" END END },
    { S "Content-Length: 1a" END END },
    { S "Content-Length: 9223372036854775808" END END },
    { S "Content-Length: 18446744073709551616" END END },
    { S "Content-Length: 184467440737095516160000000000000001" END END },
    { S "Content-Length: 1" END "Transfer-Encoding: chunked" END END },
    { S "Transfer-Encoding: chunked" END "Content-Length: 1" END END },
    { S "Transfer-Encoding: gzip, chunked" END END },
    { S "Transfer-Encoding: chunked, chunked" END END },
    { S "Transfer-Encoding: chunked" END "Transfer-Encoding: chunked" END END },
    { S "Transfer-Encoding: identity" END END },
    { S "Transfer-Encoding: xchunked" END END },
    { S "Transfer-Encoding:" END END },
    { S "Transfer-Encoding : chunked" END END },
    { S "Transfer-Encoding: \x0b"
        "chunked" END END },
    { "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" },
    { S "Connection: a b" END END },
    { S "Connection: (" END END },
    { S "Connection: a;b" END END },
};

static struct param fields[HEAD_FIELDS_MAX];

/* Looks for the end with pieces of the given size; what is found is parsed in a copy that has not
 * one byte more, so that the sanitizer sees what reads beyond. */
static enum err_code
read_head(const char *text, size_t n, size_t step, struct head *head, char **copy)
{
    size_t scanned = 0, given = 0;
    ssize_t size = 0;

    *copy = NULL;
    while (size == 0 && given < n) {
        char *exact;

        given = given + step < n ? given + step : n;
        exact = malloc(given);
        assert_non_null(exact);
        memcpy(exact, text, given);
        size = head_find(exact, given, &scanned);
        free(exact);
    }
    if (size < 0)
        return ERR_HTTP_PROTOCOL_ERROR;
    assert_int_equal(size, n);
    *copy = malloc(n);
    assert_non_null(*copy);
    memcpy(*copy, text, n);
    return head_parse(*copy, n, fields, head);
}

static void
reads_what_is_well_formed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        for (size_t step = 1; step < 1000; step = step * 3 + 2) {
            struct head head;
            char drawn[512], *copy;
            size_t n = strlen(good[i].head);

            if (read_head(good[i].head, n, step, &head, &copy) != ERR_NONE)
                fail_msg("good[%zu] is refused: %s", i, head.fault);
            int at =
                snprintf(drawn, sizeof drawn, "%d %lld %c%c", head.status, (long long)head.length,
                         head.chunked ? 'c' : '.', head.close ? 'x' : '.');
            for (size_t k = 0; k < head.headers.n; k++)
                at += snprintf(drawn + at, sizeof drawn - (size_t)at, " %s=%s",
                               head.headers.v[k].name, head.headers.v[k].value);
            assert_string_equal(drawn, good[i].want);
            free(copy);
        }
    }
}

static void
refuses_what_could_be_read_in_two_ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        for (size_t step = 1; step < 1000; step = step * 3 + 2) {
            struct head head = { 0 };
            char *copy;

            if (read_head(bad[i].head, strlen(bad[i].head), step, &head, &copy) !=
                ERR_HTTP_PROTOCOL_ERROR)
                fail_msg("bad[%zu] is taken: %s", i, bad[i].head);
            free(copy);
        }
    }
}

static void
refuses_a_nul_anywhere(void **state)
{
    static const char head[] = S "Name: value" END END;

    (void)state;
    for (size_t at = 0; at < sizeof head - 1; at++) {
        char text[sizeof head];
        struct head read;
        char *copy = NULL;
        size_t scanned = 0;

        memcpy(text, head, sizeof head);
        text[at] = '\0';
        /* In one of the line ends it may as well be that the end is not found. */
        ssize_t size = head_find(text, sizeof head - 1, &scanned);
        if (size <= 0)
            continue;
        assert_int_equal(read_head(text, sizeof head - 1, sizeof head, &read, &copy),
                         ERR_HTTP_PROTOCOL_ERROR);
        free(copy);
    }
}

static void
takes_two_hundred_lines_and_not_one_more(void **state)
{
    static char text[8192];
    struct head head;
    char *copy;

    (void)state;
    for (int lines = HEAD_FIELDS_MAX; lines <= HEAD_FIELDS_MAX + 1; lines++) {
        int n = snprintf(text, sizeof text, S);

        for (int i = 0; i < lines; i++)
            n += snprintf(text + n, sizeof text - (size_t)n, "X-%d: y\r\n", i);
        n += snprintf(text + n, sizeof text - (size_t)n, "\r\n");
        assert_int_equal(read_head(text, (size_t)n, 7, &head, &copy),
                         lines == HEAD_FIELDS_MAX ? ERR_NONE : ERR_RESPONSE_HEADERS_TOO_LARGE);
        if (lines == HEAD_FIELDS_MAX)
            assert_int_equal(head.headers.n, HEAD_FIELDS_MAX);
        free(copy);
    }
}

static void
bounds_the_names_in_connection(void **state)
{
    char text[512] = S "Connection: a";
    struct head head;
    char *copy;

    (void)state;
    for (int i = 0; i < HEAD_OPTIONS_MAX; i++)
        strcat(text, ",b");
    strcat(text, "\r\n\r\n");
    assert_int_equal(read_head(text, strlen(text), 512, &head, &copy), ERR_HTTP_PROTOCOL_ERROR);
    free(copy);
}

static void
leaves_what_follows_the_head(void **state)
{
    size_t scanned = 0;

    (void)state;
    assert_int_equal(head_find(S END "body\r\n\r\n", strlen(S) + 10, &scanned), strlen(S) + 2);
}

static void
knows_names_and_values(void **state)
{
    (void)state;
    assert_true(head_is_token("X-A_b"));
    assert_false(head_is_token(""));
    assert_false(head_is_token("a b"));
    assert_false(head_is_token("a\n"));
    assert_true(head_is_value(""));
    assert_true(head_is_value("a\tb \xc3\xa4"));
    assert_false(head_is_value("a\r\nb"));
    assert_false(head_is_value("\x7f"));
    assert_true(head_is_hop("te"));
    assert_true(head_is_hop("content-length"));
    assert_false(head_is_hop("content-type"));
    assert_false(head_is_hop("tea"));
}

static void
finds_a_control_character_wherever_it_stands(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 20; n++)
        for (size_t at = 0; at < n; at++)
            for (int c = 1; c < 256; c++) {
                char value[21] = "\xff ~!\x80zzzzzzzzzzzzzzz";

                value[n] = '\0';
                value[at] = (char)c;
                assert_int_equal(head_is_value(value), c == '\t' || (c >= 0x20 && c != 0x7f));
            }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_is_well_formed),
        cmocka_unit_test(refuses_what_could_be_read_in_two_ways),
        cmocka_unit_test(refuses_a_nul_anywhere),
        cmocka_unit_test(takes_two_hundred_lines_and_not_one_more),
        cmocka_unit_test(bounds_the_names_in_connection),
        cmocka_unit_test(leaves_what_follows_the_head),
        cmocka_unit_test(knows_names_and_values),
        cmocka_unit_test(finds_a_control_character_wherever_it_stands),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
