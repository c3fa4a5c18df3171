/* The buffer keeps its bytes in order, grows, and refuses to pass its limit. */
#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

static void
keeps_bytes_in_order_while_they_come_and_go(void **state)
{
    struct buf buf;
    unsigned char next_in = 0, next_out = 0;

    (void)state;
    buf_init(&buf, 0);
    for (int round = 0; round < 500; round++) {
        unsigned char piece[37];

        for (size_t i = 0; i < sizeof piece; i++)
            piece[i] = next_in++;
        assert_true(buf_put(&buf, piece, sizeof piece));
        for (size_t left = (size_t)round % 40; left > 0 && buf_size(&buf) > 0; left--) {
            assert_int_equal((unsigned char)buf_bytes(&buf)[0], next_out++);
            buf_drop(&buf, 1);
        }
    }
    while (buf_size(&buf) > 0) {
        assert_int_equal((unsigned char)buf_bytes(&buf)[0], next_out++);
        buf_drop(&buf, 1);
    }
    assert_int_equal(next_in, next_out);
    buf_done(&buf);
}

static void
refuses_what_would_pass_the_limit_and_says_so(void **state)
{
    struct buf buf;

    (void)state;
    buf_init(&buf, 8);
    assert_true(buf_text(&buf, "12345678"));
    assert_false(buf.overflow);
    assert_false(buf_text(&buf, "9"));
    assert_true(buf.overflow);
    assert_string_equal(buf_cstr(&buf), "12345678");
    buf_drop(&buf, 3);
    assert_true(buf_printf(&buf, "%d", 900));
    assert_string_equal(buf_cstr(&buf), "45678900");
    buf_done(&buf);
    assert_int_equal(buf_size(&buf), 0);
    assert_string_equal(buf_cstr(&buf), "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_bytes_in_order_while_they_come_and_go),
        cmocka_unit_test(refuses_what_would_pass_the_limit_and_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
