/* Forms: what is read, and what is refused. */
#include "http/form.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

static const struct {
    const char *form, *json;
} good[] = {
    { "", "{}" },
    { "a=1", "{\"a\":\"1\"}" },
    { "a=1&b=2", "{\"a\":\"1\",\"b\":\"2\"}" },
    { "&a=1&&b=2&", "{\"a\":\"1\",\"b\":\"2\"}" },
    { "a=b=c", "{\"a\":\"b=c\"}" },
    { "a=one+two", "{\"a\":\"one two\"}" },
    { "a=%31%2B%26%3d", "{\"a\":\"1+&=\"}" },
    { "%61=1", "{\"a\":\"1\"}" },
    { "a=%c3%a4", "{\"a\":\"\xc3\xa4\"}" },
    { "a=", "{}" },
    { "a", "{}" },
    { "=1", "{\"\":\"1\"}" },
};

static void
a_form_is_read_as_texts_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        struct arena *mem = arena_new();
        struct err err = { 0 };
        json_t *form = form_read(good[i].form, strlen(good[i].form), mem, &err);
        json_t *want = json_loads(good[i].json, 0, NULL);

        assert_non_null(form);
        assert_true(json_equal(form, want));
        json_decref(want);
        arena_free(mem);
    }
}

static const char *const bad[] = {
    "a=%",   "a=%4",  "a=%zz", "%=1",   "a=%00",  "%00=a",  "a=1&a=2", "a=1&%61=2", "a=&a=1",
    "a=%ff", "a=%c3", "%ff=1", "a=%-1", "a=%4 1", "a=\xff", "a&a",     "a=1&a",
};

static void
a_form_that_could_be_read_in_two_ways_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct arena *mem = arena_new();
        struct err err = { 0 };

        assert_null(form_read(bad[i], strlen(bad[i]), mem, &err));
        assert_int_equal(err.code, ERR_VALIDATION_ERROR);
        arena_free(mem);
    }
}

static void
a_nul_is_refused_wherever_it_stands(void **state)
{
    static const char form[] = "a=1&b=2";

    (void)state;
    for (size_t i = 0; i < sizeof form - 1; i++) {
        struct arena *mem = arena_new();
        struct err err = { 0 };
        char *copy = arena_textn(mem, form, sizeof form - 1);

        copy[i] = '\0';
        assert_null(form_read(copy, sizeof form - 1, mem, &err));
        arena_free(mem);
    }
}

static void
a_form_has_so_many_parameters_at_most(void **state)
{
    (void)state;
    for (int n = FORM_PARAMS_MAX; n <= FORM_PARAMS_MAX + 1; n++) {
        struct arena *mem = arena_new();
        struct err err = { 0 };
        const char *form = "";

        for (int i = 0; i < n; i++)
            form = arena_printf(mem, "%s&p%d=1", form, i);
        json_t *read = form_read(form, strlen(form), mem, &err);
        assert_int_equal(read != NULL, n == FORM_PARAMS_MAX);
        arena_free(mem);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_form_is_read_as_texts_by_name),
        cmocka_unit_test(a_form_that_could_be_read_in_two_ways_is_refused),
        cmocka_unit_test(a_nul_is_refused_wherever_it_stands),
        cmocka_unit_test(a_form_has_so_many_parameters_at_most),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
