/* Array literals are read as PostgreSQL writes them, and as we write them; others are refused. */
#include "../../../src/db/db_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

static void
reads_array_literals(void **state)
{
    static const struct {
        const char *literal;
        size_t n;
        const char *entries[4];
    } cases[] = {
        { "{}", 0, { NULL } },
        { "{a}", 1, { "a" } },
        { "{a,b,c}", 3, { "a", "b", "c" } },
        { "{NULL,\"NULL\",null}", 3, { NULL, "NULL", "null" } },
        { "{\"\"}", 1, { "" } },
        { "{\"\",a,\"\"}", 3, { "", "a", "" } },
        { "{\"a b\",\"c,d\",\"{}\"}", 3, { "a b", "c,d", "{}" } },
        { "{\"q\\\"uote\",\"back\\\\slash\"}", 2, { "q\"uote", "back\\slash" } },
        { "{\xc3\xa9,\"\xf0\x9f\x98\x80\"}", 2, { "\xc3\xa9", "\xf0\x9f\x98\x80" } },
        { "{a:b,x y}", 2, { "a:b", "x y" } },
    };
    struct arena *mem = arena_new();

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct texts texts;

        assert_true(db_rows_array(cases[i].literal, &texts, mem));
        assert_int_equal(texts.n, cases[i].n);
        for (size_t k = 0; k < texts.n; k++) {
            if (cases[i].entries[k] == NULL)
                assert_null(texts.v[k]);
            else
                assert_string_equal(texts.v[k], cases[i].entries[k]);
        }
    }
    arena_free(mem);
}

static void
refuses_what_is_no_array_of_one_dimension(void **state)
{
    static const char *const bad[] = {
        "",     "a",     "{",      "{a",          "{a}x",   "{\"a}", "{\"a\"b}", "{a,}",
        "{,a}", "{{a}}", "{a}{b}", "[2:3]={a,b}", "{\"a\\", "{a\\",  "{}}",      "{a\"b\"}",
    };
    struct arena *mem = arena_new();
    struct texts texts;

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++)
        if (db_rows_array(bad[i], &texts, mem))
            fail_msg("accepted: %s", bad[i]);
    arena_free(mem);
}

static void
reads_back_what_args_write(void **state)
{
    const char *v[] = {
        "", NULL, "NULL", "\\", "\"", "\\\"", ",{}", " a ", "\t\n", "\xe2\x82\xac"
    };
    struct texts in = { v, COUNT(v) }, out;
    struct arena *mem = arena_new();

    (void)state;
    assert_true(db_rows_array(db_args_array(&in, mem), &out, mem));
    assert_int_equal(out.n, in.n);
    for (size_t i = 0; i < in.n; i++) {
        if (v[i] == NULL)
            assert_null(out.v[i]);
        else
            assert_string_equal(out.v[i], v[i]);
    }
    arena_free(mem);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_array_literals),
        cmocka_unit_test(refuses_what_is_no_array_of_one_dimension),
        cmocka_unit_test(reads_back_what_args_write),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
