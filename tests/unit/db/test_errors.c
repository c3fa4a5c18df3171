/* Each SQLSTATE is the error that tells a client whether trying again may help. */
#include "../../../src/db/db_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

static void
maps_sqlstates_to_codes(void **state)
{
    static const struct {
        const char *sqlstate;
        enum err_code code;
    } cases[] = {
        { "08006", ERR_DATABASE_UNAVAILABLE }, { "25006", ERR_DATABASE_UNAVAILABLE },
        { "25P03", ERR_DATABASE_UNAVAILABLE }, { "40001", ERR_DATABASE_UNAVAILABLE },
        { "40P01", ERR_DATABASE_UNAVAILABLE }, { "53100", ERR_DATABASE_UNAVAILABLE },
        { "53300", ERR_DATABASE_UNAVAILABLE }, { "55P03", ERR_DATABASE_UNAVAILABLE },
        { "57014", ERR_DATABASE_UNAVAILABLE }, { "57P01", ERR_DATABASE_UNAVAILABLE },
        { "57P03", ERR_DATABASE_UNAVAILABLE }, { "22P05", ERR_VALIDATION_ERROR },
        { "22P02", ERR_VALIDATION_ERROR },     { "22021", ERR_VALIDATION_ERROR },
        { "23505", ERR_INTERNAL_ERROR },       { "25P02", ERR_INTERNAL_ERROR },
        { "42601", ERR_INTERNAL_ERROR },       { "40002", ERR_INTERNAL_ERROR },
        { "XX000", ERR_INTERNAL_ERROR },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(db_errors_code(cases[i].sqlstate), cases[i].code);
}

static void
makes_one_line_of_a_message_and_cuts_it(void **state)
{
    static const struct {
        const char *text, *line;
        size_t size;
    } cases[] = {
        { "plain", "plain", 64 },
        { "", "", 64 },
        { "two\nlines\n", "two lines", 64 },
        { "\n\tindented\r\n\t deep \n", "indented deep", 64 },
        { "abcdefghij", "abcdef", 8 },
        { "abcde fghij", "abcde f", 9 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char out[64];

        db_errors_line(cases[i].text, out, cases[i].size);
        assert_string_equal(out, cases[i].line);
        assert_true(strlen(out) < cases[i].size);
    }
}

static void
says_why_a_link_was_lost_and_never_that_nothing_happened(void **state)
{
    static const struct stmt stmt = { "agents_insert", "" };
    struct db_reply reply = { .why = "server closed the connection" };
    struct err lost = { 0 }, unsent = { 0 };

    (void)state;
    assert_false(db_errors_set(&lost, DB_END_LOST, &reply, &stmt));
    assert_int_equal(lost.code, ERR_DATABASE_UNAVAILABLE);
    assert_string_equal(lost.note, "agents_insert: server closed the connection");
    assert_false(db_errors_set(&unsent, DB_END_UNSENT, &reply, NULL));
    assert_int_equal(unsent.code, ERR_DATABASE_UNAVAILABLE);
    assert_string_equal(unsent.note, "not sent, the deadline had passed");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_sqlstates_to_codes),
        cmocka_unit_test(makes_one_line_of_a_message_and_cuts_it),
        cmocka_unit_test(says_why_a_link_was_lost_and_never_that_nothing_happened),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
