/* Errors are made once, keep what they were told, and are cut at a character's end. */
#include "base/err.h"

#include "base/must.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

static void
keeps_code_field_and_reason(void **state)
{
    struct err err = { 0 };

    (void)state;
    assert_false(err_setf(&err, ERR_VALIDATION_ERROR, "name", "name: %d", 7));
    assert_int_equal(err.code, ERR_VALIDATION_ERROR);
    assert_string_equal(err.field, "name");
    assert_string_equal(err.reason, "name: 7");
    assert_string_equal(err.note, "");
}

static void
uses_the_standard_sentence_and_keeps_the_note_apart(void **state)
{
    struct err err = { 0 };

    (void)state;
    assert_false(err_fault(&err, ERR_DATABASE_UNAVAILABLE, "at %s", "host"));
    assert_string_equal(err.reason, err_text(ERR_DATABASE_UNAVAILABLE));
    assert_string_equal(err.note, "at host");
}

static void
drops_a_fifth_fact(void **state)
{
    struct err err = { 0 };

    (void)state;
    err_set(&err, ERR_RATE_LIMITED, NULL, NULL);
    for (int i = 0; i < 5; i++)
        err_fact_number(&err, "n", i);
    assert_int_equal(err.nfacts, 4);
    assert_int_equal(err.facts[3].number, 3);
}

static void
cuts_a_long_reason_between_characters(void **state)
{
    struct err err = { 0 };
    char reason[400] = "x";

    (void)state;
    for (int i = 0; i < 150; i++)
        strcat(reason, "é");
    err_set(&err, ERR_VALIDATION_ERROR, NULL, reason);
    size_t n = strlen(err.reason);
    assert_true(n > 150 && n < sizeof err.reason);
    assert_int_equal((unsigned char)err.reason[n - 1], 0xa9);
}

static void
has_a_status_and_a_sentence_for_every_code(void **state)
{
    (void)state;
    for (int code = ERR_NONE + 1; code < ERR_COUNT; code++) {
        int status = err_status((enum err_code)code);

        assert_true(status >= 400 && status < 600);
        assert_true(strlen(err_text((enum err_code)code)) > 10);
        assert_true(strlen(err_text((enum err_code)code)) < sizeof((struct err *)0)->reason);
        for (int other = ERR_NONE + 1; other < code; other++)
            assert_string_not_equal(err_name((enum err_code)code), err_name((enum err_code)other));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_code_field_and_reason),
        cmocka_unit_test(uses_the_standard_sentence_and_keeps_the_note_apart),
        cmocka_unit_test(drops_a_fifth_fact),
        cmocka_unit_test(cuts_a_long_reason_between_characters),
        cmocka_unit_test(has_a_status_and_a_sentence_for_every_code),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
