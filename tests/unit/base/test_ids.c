/* Identifiers have their forms, differ, and are read back exactly. */
#include "base/ids.h"

#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

static void
makes_random_version_4_uuids(void **state)
{
    struct arena *mem = arena_new();
    char *a = ids_uuid(mem), *b = ids_uuid(mem);
    struct uuid read;
    char again[UUID_TEXT_SIZE];

    (void)state;
    assert_string_not_equal(a, b);
    assert_int_equal(a[14], '4');
    assert_non_null(strchr("89ab", a[19]));
    assert_true(ids_uuid_read(a, &read));
    assert_string_equal(ids_uuid_text(&read, again), a);
    arena_free(mem);
}

static void
reads_uuids_in_either_case_and_nothing_around_them(void **state)
{
    static const char *const bad[] = { "",
                                       "0",
                                       "00000000-0000-4000-8000-00000000000",
                                       "00000000-0000-4000-8000-0000000000010",
                                       " 0000000-0000-4000-8000-000000000001",
                                       "00000000-0000-4000-8000-00000000000g",
                                       "000000000000-4000-8000-00000000000000",
                                       "0000000-00000-4000-8000-000000000001",
                                       "00000000-0000-4000-80000-00000000001",
                                       "{0000000-0000-4000-8000-00000000001}" };
    struct uuid lower, upper;

    (void)state;
    assert_true(ids_uuid_read("abcdef00-0000-4000-8000-000000000001", &lower));
    assert_true(ids_uuid_read("ABCDEF00-0000-4000-8000-000000000001", &upper));
    assert_memory_equal(&lower, &upper, sizeof lower);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(ids_uuid_read(bad[i], &lower));
    assert_memory_equal(&lower, &upper, sizeof lower);
}

static void
makes_and_knows_permanent_ids(void **state)
{
    static const char *const bad[] = { "agt-",         "agt-1234567",  "agt-123456789",
                                       "agt-1234567G", "AGT-12345678", "agt-ABCDEF12",
                                       "12345678" };
    struct arena *mem = arena_new();

    (void)state;
    for (int i = 0; i < 100; i++)
        assert_true(ids_is_permanent(ids_permanent(mem)));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(ids_is_permanent(bad[i]));
    arena_free(mem);
}

static void
makes_request_ids_that_differ(void **state)
{
    char a[REQUEST_ID_SIZE], b[REQUEST_ID_SIZE];

    (void)state;
    ids_request(a);
    ids_request(b);
    assert_int_equal(strlen(a), REQUEST_ID_SIZE - 1);
    assert_memory_equal(a, "req_", 4);
    assert_string_not_equal(a, b);
}

static void
turns_bytes_to_hex_and_back(void **state)
{
    const unsigned char bytes[] = { 0x00, 0x0f, 0xa5, 0xff };
    unsigned char back[4];
    char hex[9];

    (void)state;
    assert_string_equal(ids_hex(bytes, 4, hex), "000fa5ff");
    assert_true(ids_unhex(hex, back, 4));
    assert_memory_equal(bytes, back, 4);
    assert_int_equal(ids_hex_digit('f'), 15);
    assert_int_equal(ids_hex_digit('F'), 15);
    assert_int_equal(ids_hex_digit('9'), 9);
    assert_int_equal(ids_hex_digit('g'), -1);
    assert_int_equal(ids_hex_digit('\x10'), -1);
    assert_int_equal(ids_hex_digit('\0'), -1);
    assert_false(ids_unhex("000fa5fF", back, 4));
    assert_false(ids_unhex("000fa5f", back, 4));
    assert_false(ids_unhex("000fa5ff0", back, 4));
    assert_false(ids_unhex("000fa5fx", back, 4));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_random_version_4_uuids),
        cmocka_unit_test(reads_uuids_in_either_case_and_nothing_around_them),
        cmocka_unit_test(makes_and_knows_permanent_ids),
        cmocka_unit_test(makes_request_ids_that_differ),
        cmocka_unit_test(turns_bytes_to_hex_and_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
