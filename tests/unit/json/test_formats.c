/* Each format's samples are held against its check and against the pattern that it publishes. */
#include "json/formats.h"

#include "base/must.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
takes_the_good_and_refuses_the_bad(void **state)
{
    (void)state;
    for (size_t i = 0; formats_all[i] != NULL; i++) {
        const struct format *f = formats_all[i];

        assert_non_null(f->good[0]);
        assert_non_null(f->bad[0]);
        for (size_t k = 0; f->good[k] != NULL; k++)
            if (!f->check(f->good[k]))
                fail_msg("%s refuses \"%s\"", f->name, f->good[k]);
        for (size_t k = 0; f->bad[k] != NULL; k++)
            if (f->check(f->bad[k]))
                fail_msg("%s takes \"%s\"", f->name, f->bad[k]);
    }
}

/* ECMA's \u00XX as the byte itself, which POSIX expressions want; \u0000 cannot be in a C text. */
static void
compile(regex_t *re, const char *pattern)
{
    char text[512];
    size_t n = 0;

    for (; *pattern != '\0'; n++) {
        assert_true(n + 1 < sizeof text);
        if (strncmp(pattern, "\\u", 2) == 0) {
            char digits[5] = { pattern[2], pattern[3], pattern[4], pattern[5], '\0' };
            long code = strtol(digits, NULL, 16);

            text[n] = (char)(code == 0 ? 1 : code);
            pattern += 6;
        } else {
            text[n] = *pattern++;
        }
    }
    text[n] = '\0';
    assert_int_equal(regcomp(re, text, REG_EXTENDED | REG_NOSUB), 0);
}

/* A pattern cannot say which tokens are ours; nothing else is left to the check alone. */
static bool
is_excused(const struct format *f, const char *text)
{
    return f == &format_header_name && strspn(text, "abcdefghijklmnopqrstuvwxyz"
                                                    "ABCDEFGHIJKLMNOPQRSTUVWXYZ-") == strlen(text);
}

static void
publishes_a_pattern_that_agrees_with_the_check(void **state)
{
    (void)state;
    for (size_t i = 0; formats_all[i] != NULL; i++) {
        const struct format *f = formats_all[i];
        regex_t re;

        if (f->pattern == NULL)
            continue;
        assert_int_equal(f->pattern[0], '^');
        assert_int_equal(f->pattern[strlen(f->pattern) - 1], '$');
        compile(&re, f->pattern);
        for (size_t k = 0; f->good[k] != NULL; k++)
            if (regexec(&re, f->good[k], 0, NULL, 0) != 0)
                fail_msg("the pattern of %s refuses \"%s\"", f->name, f->good[k]);
        for (size_t k = 0; f->bad[k] != NULL; k++)
            if (regexec(&re, f->bad[k], 0, NULL, 0) == 0 && !is_excused(f, f->bad[k]))
                fail_msg("the pattern of %s takes \"%s\"", f->name, f->bad[k]);
        regfree(&re);
    }
}

/* Each sample with one character dropped, doubled or replaced, against both. */
static void
agrees_with_its_pattern_on_samples_with_one_change(void **state)
{
    static const char changes[] = " -:;=+\"\\/aZ09~\n";

    (void)state;
    for (size_t i = 0; formats_all[i] != NULL; i++) {
        const struct format *f = formats_all[i];
        regex_t re;

        if (f->pattern == NULL)
            continue;
        compile(&re, f->pattern);
        for (size_t k = 0; f->good[k] != NULL; k++)
            for (size_t at = 0; at < strlen(f->good[k]); at++)
                for (size_t c = 0; c < sizeof changes; c++) {
                    char text[200];

                    snprintf(text, sizeof text, "%.*s%.1s%s", (int)at, f->good[k], changes + c,
                             f->good[k] + at + 1);
                    if (f->check(text) != (regexec(&re, text, 0, NULL, 0) == 0) &&
                        !is_excused(f, text))
                        fail_msg("%s and its pattern differ about \"%s\"", f->name, text);
                }
        regfree(&re);
    }
}

static void
has_a_name_of_its_own_and_a_sentence(void **state)
{
    (void)state;
    for (size_t i = 0; formats_all[i] != NULL; i++) {
        assert_int_equal(strncmp(formats_all[i]->say, "must ", 5), 0);
        assert_true(strlen(formats_all[i]->say) < 110);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(formats_all[i]->name, formats_all[k]->name);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_the_good_and_refuses_the_bad),
        cmocka_unit_test(publishes_a_pattern_that_agrees_with_the_check),
        cmocka_unit_test(agrees_with_its_pattern_on_samples_with_one_change),
        cmocka_unit_test(has_a_name_of_its_own_and_a_sentence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
