/* json_text is compact, keeps what it was given, and never makes a small body large. */
#include "json/text.h"

#include "base/must.h"
#include "json/read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

static json_t *
tree(struct arena *mem, const char *text)
{
    struct err err = { 0 };
    json_t *value = json_read(text, strlen(text), mem, &err);

    assert_non_null(value);
    return value;
}

static void
writes_each_value_compactly_and_in_order(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        { " { \"b\" : [ 1 , true , false , null ] , \"a\" : { } } ",
          "{\"b\":[1,true,false,null],\"a\":{}}" },
        { "[]", "[]" },
        { "\"\\u00e9\\/\\\"\\\\\\b\\f\\n\\r\\t\\u001f\\u007f\"",
          "\"\xc3\xa9/\\\"\\\\\\b\\f\\n\\r\\t\\u001f\x7f\"" },
        { "{\"a\\nb\":\"\"}", "{\"a\\nb\":\"\"}" },
        { "-9223372036854775808", "-9223372036854775808" },
    };
    struct arena *mem = arena_new();

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_string_equal(json_text(tree(mem, cases[i].in), 0, mem), cases[i].out);
    arena_free(mem);
}

static void
writes_reals_in_the_fewest_digits(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        { "0.1", "0.1" },
        { "1.0", "1.0" },
        { "-0.0", "-0.0" },
        { "12.50", "12.5" },
        { "1e2", "100.0" },
        { "1e300", "1e300" },
        { "1E-300", "1e-300" },
        { "0.001", "0.001" },
        { "1.7976931348623157e308", "1.7976931348623157e308" },
        { "5e-324", "5e-324" },
        { "1e14", "1e14" },
        { "0.30000000000000004", "0.30000000000000004" },
        { "-2.5e-3", "-0.0025" },
        { "123456.75", "123456.75" },
    };
    struct arena *mem = arena_new();

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        json_t *value = tree(mem, cases[i].in);
        const char *text = json_text(value, 0, mem);

        assert_string_equal(text, cases[i].out);
        assert_true(json_equal(value, tree(mem, text)));
        assert_true(strlen(text) <= 2 * strlen(cases[i].in));
    }
    arena_free(mem);
}

static void
stops_at_the_bound(void **state)
{
    static const char *const cases[] = { "{\"abc\":[1,2.5,true,null]}", "\"a\\nb\"",
                                         "[[[]],{\"a\":{}}]", "-12" };
    struct arena *mem = arena_new();

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        json_t *value = tree(mem, cases[i]);

        assert_string_equal(json_text(value, strlen(cases[i]), mem), cases[i]);
        for (size_t max = 1; max < strlen(cases[i]); max++)
            assert_null(json_text(value, max, mem));
    }
    arena_free(mem);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_each_value_compactly_and_in_order),
        cmocka_unit_test(writes_reals_in_the_fewest_digits),
        cmocka_unit_test(stops_at_the_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
