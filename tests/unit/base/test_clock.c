/* RFC 3339 in and out, and clocks that go forward. */
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void
writes_and_reads_back_rfc3339(void **state)
{
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        { 0, "1970-01-01T00:00:00.000Z" },
        { 951782400123, "2000-02-29T00:00:00.123Z" },
        { 1795305600000, "2026-11-22T00:00:00.000Z" },
        { -1, "1969-12-31T23:59:59.999Z" },
        { 253402300799999, "9999-12-31T23:59:59.999Z" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[CLOCK_TEXT_SIZE];
        int64_t back;

        assert_string_equal(clock_text(cases[i].ms, text), cases[i].text);
        assert_true(clock_read(text, &back));
        assert_int_equal(back, cases[i].ms);
    }
}

static void
reads_offsets_and_fractions(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        { "2000-01-01T01:00:00+01:00", 946684800000 },
        { "1999-12-31T19:00:00-05:00", 946684800000 },
        { "2000-01-01 00:00:00z", 946684800000 },
        { "2000-01-01T00:00:00.5Z", 946684800500 },
        { "2000-01-01T00:00:00.123456Z", 946684800123 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t ms;

        assert_true(clock_read(cases[i].text, &ms));
        assert_int_equal(ms, cases[i].ms);
    }
}

static void
refuses_what_is_no_date_time(void **state)
{
    static const char *const bad[] = {
        "",
        "now",
        "2000-01-01",
        "2000-13-01T00:00:00Z",
        "2000-00-01T00:00:00Z",
        "2001-02-29T00:00:00Z",
        "2000-04-31T00:00:00Z",
        "2000-01-01T24:00:00Z",
        "2000-01-01T00:60:00Z",
        "2000-01-01T00:00:00",
        "2000-01-01T00:00:00.Z",
        "2000-01-01T00:00:00+1:00",
        "2000-01-01T00:00:00+25:00",
        "2000-01-01T00:00:00Zx",
        "+000-01-01T00:00:00Z",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t ms;

        assert_false(clock_read(bad[i], &ms));
    }
}

static void
never_goes_backwards(void **state)
{
    int64_t last = clock_us();

    (void)state;
    for (int i = 0; i < 1000; i++) {
        int64_t now = clock_us();

        assert_true(now >= last);
        last = now;
    }
    assert_true(clock_ms() - last / 1000 < 1000);
    assert_true(clock_wall_ms() > 1700000000000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_and_reads_back_rfc3339),
        cmocka_unit_test(reads_offsets_and_fractions),
        cmocka_unit_test(refuses_what_is_no_date_time),
        cmocka_unit_test(never_goes_backwards),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
