/* Expressions keep to the grammar, and every id of the list is found (it must be sorted for that).
 */
#include "json/spdx.h"

#include "base/must.h"
#include "json/formats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

static const char *const licences[] = {
#define LICENCE(id) id,
#include "../../../src/json/spdx_ids.def"
#undef LICENCE
};

static const char *const exceptions[] = {
#define EXCEPTION(id) id,
#include "../../../src/json/spdx_ids.def"
#undef EXCEPTION
};

static void
finds_every_licence_of_the_list(void **state)
{
    (void)state;
    assert_true(COUNT(licences) > 600);
    for (size_t i = 0; i < COUNT(licences); i++)
        if (!spdx_is_expression(licences[i]))
            fail_msg("%s is not found", licences[i]);
}

static void
finds_every_exception_of_the_list(void **state)
{
    char text[200];

    (void)state;
    assert_true(COUNT(exceptions) > 50);
    for (size_t i = 0; i < COUNT(exceptions); i++) {
        snprintf(text, sizeof text, "MIT WITH %s", exceptions[i]);
        if (!spdx_is_expression(text))
            fail_msg("%s is not found", exceptions[i]);
        snprintf(text, sizeof text, "MIT OR %s", exceptions[i]);
        assert_false(spdx_is_expression(text));
    }
}

static void
reads_the_grammar_of_expressions(void **state)
{
    (void)state;
    for (size_t i = 0; format_spdx.good[i] != NULL; i++)
        assert_true(spdx_is_expression(format_spdx.good[i]));
    for (size_t i = 0; format_spdx.bad[i] != NULL; i++)
        assert_false(spdx_is_expression(format_spdx.bad[i]));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_grammar_of_expressions),
        cmocka_unit_test(finds_every_licence_of_the_list),
        cmocka_unit_test(finds_every_exception_of_the_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
