/* Arguments reach PostgreSQL in the form they should: literals quoted, binary laid out. */
#include "../../../src/db/db_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

static void
quotes_every_entry_of_a_text_array(void **state)
{
    static const struct {
        const char *entries[3];
        size_t n;
        const char *literal;
    } cases[] = {
        { { NULL }, 0, "{}" },
        { { "a" }, 1, "{\"a\"}" },
        { { "a", "b" }, 2, "{\"a\",\"b\"}" },
        { { "" }, 1, "{\"\"}" },
        { { NULL, "NULL", "null" }, 3, "{NULL,\"NULL\",\"null\"}" },
        { { "a\"b", "c\\d", "{e,f}" }, 3, "{\"a\\\"b\",\"c\\\\d\",\"{e,f}\"}" },
        { { "\\\"", "\n", "\xc3\xa9" }, 3, "{\"\\\\\\\"\",\"\n\",\"\xc3\xa9\"}" },
    };
    struct arena *mem = arena_new();

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *v[3] = { cases[i].entries[0], cases[i].entries[1], cases[i].entries[2] };
        struct texts texts = { v, cases[i].n };

        assert_string_equal(db_args_array(&texts, mem), cases[i].literal);
    }
    arena_free(mem);
}

static void
lays_out_lists_of_numbers_and_uuids_in_binary(void **state)
{
    static const unsigned char ints[] = {
        0, 0, 0, 1, 0,   0,   0,   0,   0,   0,   0,   20,  0, 0, 0, 2, 0, 0, 0, 1, /* head       */
        0, 0, 0, 8, 0,   0,   0,   0,   0,   0,   1,   2,                           /* 258        */
        0, 0, 0, 8, 255, 255, 255, 255, 255, 255, 255, 255,                         /* -1         */
    };
    static const unsigned char uuids[] = {
        0, 0, 0, 1,  0, 0, 0, 0, 0, 0, 11, 134, 0, 0,  0,  1,  0,  0,  0,  1,
        0, 0, 0, 16, 1, 2, 3, 4, 5, 6, 7,  8,   9, 10, 11, 12, 13, 14, 15, 16,
    };
    static const unsigned char none[] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 20 };
    static const int64_t numbers[] = { 258, -1 };
    static const struct uuid uuid = { { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 } };
    struct arena *mem = arena_new();
    struct db_params p =
        db_args_bind(DB_ARGS(DB_INTS(numbers, 2), DB_UUIDS(&uuid, 1), DB_INTS(NULL, 0)), mem);

    (void)state;
    assert_int_equal(p.n, 3);
    assert_int_equal(p.lengths[0], sizeof ints);
    assert_memory_equal(p.values[0], ints, sizeof ints);
    assert_int_equal(p.lengths[1], sizeof uuids);
    assert_memory_equal(p.values[1], uuids, sizeof uuids);
    assert_int_equal(p.lengths[2], sizeof none);
    assert_memory_equal(p.values[2], none, sizeof none);
    for (int i = 0; i < 3; i++)
        assert_int_equal(p.formats[i], 1);
    arena_free(mem);
}

static void
sends_plain_values_as_text_and_nothing_as_null(void **state)
{
    struct arena *mem = arena_new();
    struct db_params p =
        db_args_bind(DB_ARGS(DB_TEXT("x"), DB_INT(INT64_MIN), DB_BOOL(true), DB_BOOL(false),
                             DB_TIME(1004), DB_TEXT(NULL), DB_TIME(0), DB_TEXTS(NULL),
                             DB_BYTES(((struct bytes){ NULL, 0 })), DB_UUID(NULL)),
                     mem);
    static const char *const want[] = { "x", "-9223372036854775808", "t", "f",
                                        "1970-01-01T00:00:01.004Z" };

    (void)state;
    for (int i = 0; i < 5; i++) {
        assert_string_equal(p.values[i], want[i]);
        assert_int_equal(p.formats[i], 0);
    }
    for (int i = 5; i < 10; i++)
        assert_null(p.values[i]);
    arena_free(mem);
}

static void
tells_empty_bytes_from_no_bytes(void **state)
{
    struct arena *mem = arena_new();
    struct db_params p =
        db_args_bind(DB_ARGS(DB_BYTES(((struct bytes){ (const unsigned char *)"", 0 }))), mem);

    (void)state;
    assert_non_null(p.values[0]);
    assert_int_equal(p.lengths[0], 0);
    assert_int_equal(p.formats[0], 1);
    arena_free(mem);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quotes_every_entry_of_a_text_array),
        cmocka_unit_test(lays_out_lists_of_numbers_and_uuids_in_binary),
        cmocka_unit_test(sends_plain_values_as_text_and_nothing_as_null),
        cmocka_unit_test(tells_empty_bytes_from_no_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
