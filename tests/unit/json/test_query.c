/* spec_read_query reads parameters by the rows of a spec, and refuses what it cannot mean. */
#include "json/spec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct filter {
    const char *q;
    int64_t limit, since;
    bool all;
    int state;
};

static const char *const states[] = { "online", "offline", NULL };

static const struct field filter_fields[] = {
    { "q", TEXT_AT(struct filter, q), .max = 10 },
    { "limit", INT_AT(struct filter, limit), .min = 1, .max = 200 },
    { "since", TIME_AT(struct filter, since) },
    { "all", BOOL_AT(struct filter, all) },
    { "status", ENUM_AT(struct filter, state), .names = states },
    FIELD_LAST,
};

static const struct spec filter_spec = { "Filter", sizeof(struct filter), filter_fields };

static bool
read_query(const struct param *v, size_t n, struct filter *filter, struct arena *mem,
           struct err *err)
{
    const struct params query = { v, n };

    return spec_read_query(&filter_spec, &query, filter, mem, err);
}

static void
fills_in_what_is_given_and_leaves_the_rest(void **state)
{
    static const struct param all[] = {
        { "q", "B\xc3\xbcro" }, { "limit", "200" },      { "since", "2026-01-02T03:04:05Z" },
        { "all", "true" },      { "status", "offline" },
    };
    static const struct param no = { "all", "false" };
    struct arena *mem = arena_new();
    struct filter filter = { .limit = 20, .state = -1 };
    struct err err = { 0 };

    (void)state;
    assert_true(read_query(NULL, 0, &filter, mem, &err));
    assert_int_equal(filter.limit, 20);
    assert_int_equal(filter.state, -1);
    assert_true(read_query(all, COUNT(all), &filter, mem, &err));
    assert_string_equal(filter.q, "B\xc3\xbcro");
    assert_int_equal(filter.limit, 200);
    assert_int_equal(filter.since, 1767323045000);
    assert_true(filter.all);
    assert_int_equal(filter.state, 1);
    assert_true(read_query(&no, 1, &filter, mem, &err));
    assert_false(filter.all);
    arena_free(mem);
}

static void
names_the_parameter_at_fault(void **state)
{
    static const struct {
        struct param param;
        const char *reason;
    } cases[] = {
        { { "limit", "" }, "limit: must be a whole number from 1 to 200." },
        { { "limit", "0" }, "limit: must be a whole number from 1 to 200." },
        { { "limit", "201" }, "limit: must be a whole number from 1 to 200." },
        { { "limit", "4294967297" }, "limit: must be a whole number from 1 to 200." },
        { { "limit", "18446744073709551617" }, "limit: must be a whole number from 1 to 200." },
        { { "limit", "+5" }, "limit: must be a whole number from 1 to 200." },
        { { "limit", " 5" }, "limit: must be a whole number from 1 to 200." },
        { { "limit", "05" }, "limit: must be a whole number from 1 to 200." },
        { { "limit", "5.0" }, "limit: must be a whole number from 1 to 200." },
        { { "limit", "-" }, "limit: must be a whole number from 1 to 200." },
        { { "limit", "null" }, "limit: must be a whole number from 1 to 200." },
        { { "all", "" }, "all: must be true or false." },
        { { "all", "1" }, "all: must be true or false." },
        { { "all", "True" }, "all: must be true or false." },
        { { "status", "" }, "status: must be one of online, offline." },
        { { "since", "" },
          "since: must be a date and time after 1970, such as 2026-11-22T01:02:03Z." },
        { { "q", "12345678901" }, "q: must be at most 10 characters long." },
        { { "q", "a\nb" }, "q: must not contain control characters." },
        { { "q", "\xff" }, "q: must be UTF-8 text." },
        { { "limits", "5" }, "Unknown parameter \"limits\"; did you mean \"limit\"?" },
        { { "page", "5" }, "Unknown parameter \"page\"." },
        { { "\xff", "5" }, "Unknown parameter." },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct arena *mem = arena_new();
        struct filter filter = { 0 };
        struct err err = { 0 };

        if (read_query(&cases[i].param, 1, &filter, mem, &err))
            fail_msg("taken: %s=%s", cases[i].param.name, cases[i].param.value);
        assert_int_equal(err.code, ERR_VALIDATION_ERROR);
        assert_string_equal(err.reason, cases[i].reason);
        assert_string_equal(err.field, *cases[i].param.name == '\xff' ? "" : cases[i].param.name);
        arena_free(mem);
    }
}

static void
refuses_a_parameter_given_twice(void **state)
{
    static const struct param twice[] = { { "limit", "5" }, { "q", "x" }, { "limit", "5" } };
    struct arena *mem = arena_new();
    struct filter filter = { 0 };
    struct err err = { 0 };

    (void)state;
    assert_false(read_query(twice, COUNT(twice), &filter, mem, &err));
    assert_string_equal(err.field, "limit");
    assert_string_equal(err.reason, "limit: must not be given twice.");
    arena_free(mem);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_in_what_is_given_and_leaves_the_rest),
        cmocka_unit_test(names_the_parameter_at_fault),
        cmocka_unit_test(refuses_a_parameter_given_twice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
