/* Bodies are cut out of their framing exactly, however the bytes come. */
#include "out/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRAILERS_MAX = 64 };

/* The result of a run: the body, then what the last step was, then how many bytes are left over. */
static void
run(const struct head *head, bool no_body, const char *text, size_t step, char *drawn)
{
    struct frame frame;
    size_t n = strlen(text), done = 0, out = 0;
    enum frame_step last = FRAME_MORE;

    frame_begin(&frame, head, no_body, TRAILERS_MAX);
    for (size_t given = 0; last != FRAME_END && last != FRAME_BAD;) {
        struct piece piece;
        size_t used;

        /* One exact copy for each step: the sanitizer sees what reads beyond. */
        char *exact = malloc(given - done + 1);
        assert_non_null(exact);
        memcpy(exact, text + done, given - done);
        last = frame_next(&frame, exact, given - done, &used, &piece);
        assert_true(used <= given - done);
        if (last == FRAME_PIECE) {
            assert_true(piece.n > 0 && piece.bytes >= exact &&
                        piece.bytes + piece.n <= exact + used);
            memcpy(drawn + out, piece.bytes, piece.n);
            out += piece.n;
        }
        free(exact);
        done += used;
        if (last != FRAME_MORE)
            continue;
        assert_int_equal(done, given);
        if (given == n)
            break;
        given = given + step < n ? given + step : n;
    }
    sprintf(drawn + out, "|%s|%zu",
            last == FRAME_END   ? "end"
            : last == FRAME_BAD ? "bad"
                                : "more",
            n - done);
}

static void
cuts_chunks(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        { "0\r\n\r\n", "|end|0" },
        { "3\r\nabc\r\n0\r\n\r\n", "abc|end|0" },
        { "1\r\na\r\n2\r\nbc\r\n0\r\n\r\nrest", "abc|end|4" },
        { "A\r\n0123456789\r\n00\r\n\r\n", "0123456789|end|0" },
        { "a\r\n01234\r\n789\r\n0000000000000000\r\n\r\n", "01234\r\n789|end|0" },
        { "3;x\r\nabc\r\n0;y=\"z;\t\"\r\n\r\n", "abc|end|0" },
        { "0\r\nA: b\r\nC: d\r\n\r\n", "|end|0" },
        { "3\r\nabc\r\n", "abc|more|0" },
        { "3\r\nab", "ab|more|0" },
        { "0\r\n", "|more|0" },
        { "0\r\n\r", "|more|0" },
        { "7fffffffffffffff\r\nab", "ab|more|0" },
    };
    const struct head head = { .chunked = true, .length = -1 };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t step = 1; step < 100; step = step * 2 + 1) {
            char drawn[256];

            run(&head, false, cases[i].text, step, drawn);
            if (strcmp(drawn, cases[i].want) != 0)
                fail_msg("%s: %s", cases[i].text, drawn);
        }
}

static void
refuses_broken_chunks(void **state)
{
    static const char *const cases[] = {
        "\r\n\r\n",
        "x\r\n",
        "-1\r\n",
        "+1\r\na",
        " 1\r\na",
        "1 \r\na",
        "0x1\r\na",
        "1\na",
        "1\ra",
        "1\r\nab\r\n",
        "1\r\na\n",
        "1\r\na\r0",
        "1\r\na0\r\n\r\n",
        "8000000000000000\r\n",
        "ffffffffffffffff\r\n",
        "00000000000000000\r\n",
        "10000000000000000\r\n",
        "1;a\nb\r\na",
        "1;a\rb\r\na",
        "1;a\x01\r\na",
        "0\r\nA: b\n\r\n",
        "0\r\nA: b\rC\r\n\r\n",
        "0\r\n\n",
        "0\r\nA: \x7f\r\n\r\n",
        ";a\r\n",
    };
    const struct head head = { .chunked = true, .length = -1 };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t step = 1; step < 100; step = step * 2 + 1) {
            char drawn[256];

            run(&head, false, cases[i], step, drawn);
            if (strstr(drawn, "|bad|") == NULL)
                fail_msg("%s: %s", cases[i], drawn);
        }
}

static void
bounds_extensions_and_trailers(void **state)
{
    const struct head head = { .chunked = true, .length = -1 };
    char text[1024], drawn[1024];

    (void)state;
    for (int extra = 0; extra <= 1; extra++) {
        snprintf(text, sizeof text, "1;%0*d\r\na\r\n0\r\n\r\n", FRAME_EXTENSION_MAX + extra, 1);
        run(&head, false, text, 1, drawn);
        assert_int_equal(strstr(drawn, "bad") != NULL, extra);

        snprintf(text, sizeof text, "0\r\nA: %0*d\r\nB: 1\r\n\r\n", TRAILERS_MAX - 7 + extra, 1);
        run(&head, false, text, 1, drawn);
        assert_int_equal(strstr(drawn, "bad") != NULL, extra);
    }
}

static void
counts_a_length(void **state)
{
    static const struct {
        int64_t length;
        const char *text, *want;
    } cases[] = {
        { 0, "", "|end|0" },          { 0, "x", "|end|1" },       { 3, "abc", "abc|end|0" },
        { 3, "abcdef", "abc|end|3" }, { 4, "abc", "abc|more|0" }, { INT64_MAX, "a", "a|more|0" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t step = 1; step < 8; step++) {
            const struct head head = { .length = cases[i].length };
            char drawn[256];

            run(&head, false, cases[i].text, step, drawn);
            /* Bytes that were not given yet are left over as well. */
            assert_memory_equal(drawn, cases[i].want, strlen(cases[i].want) - 1);
        }
}

static void
goes_on_until_the_connection_closes(void **state)
{
    const struct head head = { .length = -1 };
    char drawn[256];

    (void)state;
    run(&head, false, "anything\r\n\r\n", 3, drawn);
    assert_string_equal(drawn, "anything\r\n\r\n|more|0");
}

static void
has_no_body_where_there_is_none(void **state)
{
    const struct head heads[] = { { .length = 5 },
                                  { .length = -1, .chunked = true },
                                  { .length = -1 } };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        char drawn[256];

        run(&heads[i], true, "hello", 5, drawn);
        assert_string_equal(drawn, "|end|5");
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_chunks),
        cmocka_unit_test(refuses_broken_chunks),
        cmocka_unit_test(bounds_extensions_and_trailers),
        cmocka_unit_test(counts_a_length),
        cmocka_unit_test(goes_on_until_the_connection_closes),
        cmocka_unit_test(has_no_body_where_there_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
