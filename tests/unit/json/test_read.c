/* json_read takes well-formed JSON within its limits, and says what is wrong with all else. */
#include "json/read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BYTES(text) (text), sizeof(text) - 1

static int
make_mem(void **state)
{
    *state = arena_new();
    return 0;
}

static int
drop_mem(void **state)
{
    arena_free(*state);
    return 0;
}

static void
takes_well_formed_json_of_any_type(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
    } cases[] = {
        { BYTES("{}") },
        { BYTES(" \t\r\n{\"a\": [1, -0, 1.5e3, true, false, null, \"\"]}\n") },
        { BYTES("7") },
        { BYTES("\"text\"") },
        { BYTES("[]") },
        { BYTES("null") },
        { BYTES("{\"\\ud83d\\ude00\": \"\xf0\x9f\x98\x80\"}") },
        { BYTES("{\"rtl\": \"\xe2\x80\xae"
                "abc\", \"zero\\u200bwidth\": 1}") },
        { BYTES("{\"caf\xc3\xa9\": 1, \"cafe\xcc\x81\": 2}") },
        { BYTES("{\"n\": 9223372036854775807, \"m\": -9223372036854775808}") },
        { BYTES("{\"a\": {\"b\": 1}, \"c\": {\"b\": 1}}") },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct err err = { 0 };

        if (json_read(cases[i].bytes, cases[i].n, *state, &err) == NULL)
            fail_msg("%s: %s", cases[i].bytes, err.reason);
        assert_int_equal(err.code, ERR_NONE);
    }
}

static const struct bad {
    const char *bytes;
    size_t n;
} malformed[] = {
    { BYTES("") },
    { BYTES(" ") },
    { BYTES("\xef\xbb\xbf{}") },
    { BYTES("\xff\xfe{\0}\0") },
    { BYTES("{} x") },
    { BYTES("{}{}") },
    { BYTES("{}\0") },
    { BYTES("\0") },
    { BYTES("{\"a\":1,}") },
    { BYTES("{\"a\" 1}") },
    { BYTES("{a:1}") },
    { BYTES("{'a':1}") },
    { BYTES("{\"a\":1") },
    { BYTES("{\"a\":") },
    { BYTES("{\"a") },
    { BYTES("{\"a\":\"b\\") },
    { BYTES("[1,]") },
    { BYTES("[,1]") },
    { BYTES("[1 2]") },
    { BYTES("]") },
    { BYTES("}}}}") },
    { BYTES("[}") },
    { BYTES("{\"a\":tru}") },
    { BYTES("{\"a\":True}") },
    { BYTES("{\"a\":nul}") },
    { BYTES("{\"a\":NaN}") },
    { BYTES("{\"a\":Infinity}") },
    { BYTES("{\"a\":-}") },
    { BYTES("{\"a\":+1}") },
    { BYTES("{\"a\":01}") },
    { BYTES("{\"a\":-01}") },
    { BYTES("{\"a\":1.}") },
    { BYTES("{\"a\":.5}") },
    { BYTES("{\"a\":1e}") },
    { BYTES("{\"a\":1e+}") },
    { BYTES("{\"a\":0x10}") },
    { BYTES("{\"a\":1_000}") },
    { BYTES("{\"a\":1} // no") },
    { BYTES("{/* no */\"a\":1}") },
    { BYTES("{\"a\":\"\n\"}") },
    { BYTES("{\"a\":\"\t\"}") },
    { BYTES("{\"a\":\"\0\"}") },
    { BYTES("{\"a\":\"\x1f\"}") },
    { BYTES("{\"a\":\"\\u0000\"}") },
    { BYTES("{\"a\\u0000b\":1}") },
    { BYTES("{\"a\":\"\\x41\"}") },
    { BYTES("{\"a\":\"\\u12\"}") },
    { BYTES("{\"a\":\"\\u12G4\"}") },
    { BYTES("{\"a\":\"\\ud800\"}") },
    { BYTES("{\"a\":\"\\udc00\"}") },
    { BYTES("{\"a\":\"\\ud800\\u0041\"}") },
    { BYTES("{\"a\":\"\\ud800\\ud800\"}") },
    { BYTES("{\"\\ud800\":1}") },
    { BYTES("{\"a\":\"\xc0\xaf\"}") },
    { BYTES("{\"a\":\"\xe0\x80\xaf\"}") },
    { BYTES("{\"a\":\"\xf0\x80\x80\xaf\"}") },
    { BYTES("{\"a\":\"\xed\xa0\x80\"}") },
    { BYTES("{\"a\":\"\xf4\x90\x80\x80\"}") },
    { BYTES("{\"a\":\"\xf8\x88\x80\x80\x80\"}") },
    { BYTES("{\"a\":\"\x80\"}") },
    { BYTES("{\"a\":\"\xc3\"}") },
    { BYTES("{\"a\":\"\xe2\x82\"}") },
    { BYTES("{\"\xff\":1}") },
    { BYTES("{\"a\":1\xc2\xa0}") },
    { BYTES("{1:2}") },
    { BYTES("{\"a\":undefined}") },
    { BYTES("name=x&y=1") },
    { BYTES("<a/>") },
};

static void
refuses_what_is_not_well_formed(void **state)
{
    for (size_t i = 0; i < COUNT(malformed); i++) {
        struct err err = { 0 };
        /* Exactly as many bytes as given, so that a sanitizer sees a read past them. */
        char *bytes = malloc(malformed[i].n + 1);

        memcpy(bytes, malformed[i].bytes, malformed[i].n);
        bytes = realloc(bytes, malformed[i].n == 0 ? 1 : malformed[i].n);
        if (json_read(bytes, malformed[i].n, *state, &err) != NULL)
            fail_msg("taken: %s", malformed[i].bytes);
        free(bytes);
        if (err.code != ERR_MALFORMED_JSON)
            fail_msg("%s: %s", malformed[i].bytes, err.reason);
        assert_string_equal(err.field, "");
    }
}

static void
says_where_it_broke_and_never_what_was_there(void **state)
{
    struct err err = { 0 }, early = { 0 };

    assert_null(json_read(BYTES("{\"a\": SECRETWORD}"), *state, &err));
    assert_string_equal(err.reason, "The body is not well-formed JSON: line 1, column 16.");
    assert_null(json_read(BYTES("{\n  \"a\": 1,\n  \"SECRETWORD"), *state, &early));
    assert_non_null(strstr(early.reason, "line 3"));
    assert_null(strstr(early.reason, "SECRET"));
}

static void
says_that_a_body_is_empty(void **state)
{
    struct err err = { 0 };

    assert_null(json_read(NULL, 0, *state, &err));
    assert_int_equal(err.code, ERR_MALFORMED_JSON);
    assert_string_equal(err.reason, "The body is empty; a JSON object is expected.");
}

static void
names_a_member_that_is_given_twice(void **state)
{
    static const struct {
        const char *text, *field;
    } cases[] = {
        { "{\"name\":1,\"name\":1}", "name" },
        { "{\"a_rather_long_member_name\":1,\"a_rather_long_member_name\":2}",
          "a_rather_long_member_name" },
        { "{\"x\":{\"y\":1,\"y\":2}}", "y" },
        { "{\"na\\u006de\":1,\"name\":2}", "name" },
        { "{\"name\":1,\"na\\u006de\":2}", "" },
        { "{\"<b>\":1,\"<b>\":2}", "" },
        { "{\"\":1,\"\":2}", "" },
        { "{\"a\\\"b\":1,\"a\\\"b\":2}", "" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct err err = { 0 };

        assert_null(json_read(cases[i].text, strlen(cases[i].text), *state, &err));
        assert_int_equal(err.code, ERR_VALIDATION_ERROR);
        assert_string_equal(err.field, cases[i].field);
        assert_non_null(strstr(err.reason, "given twice"));
        assert_null(strchr(err.reason, '<'));
    }
}

static void
refuses_numbers_that_no_type_of_ours_holds(void **state)
{
    static const char *const cases[] = {
        "{\"n\": 9223372036854775808}",
        "{\"n\": -9223372036854775809}",
        "{\"n\": 1e400}",
        "{\"n\": -1e400}",
        "{\"n\": 1e100000}",
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct err err = { 0 };

        assert_null(json_read(cases[i], strlen(cases[i]), *state, &err));
        assert_int_equal(err.code, ERR_VALIDATION_ERROR);
        assert_non_null(strstr(err.reason, "out of range: line 1, column "));
    }
}

/* before repeated n times, then the middle, then after n times. */
static char *
repeat(struct arena *mem, const char *before, size_t n, const char *middle, const char *after)
{
    size_t x = strlen(before), y = strlen(middle), z = strlen(after);
    char *text = arena_alloc(mem, n * (x + z) + y + 1), *p = text;

    for (size_t i = 0; i < n; i++, p += x)
        memcpy(p, before, x);
    memcpy(p, middle, y);
    p += y;
    for (size_t i = 0; i < n; i++, p += z)
        memcpy(p, after, z);
    return text;
}

static bool
is_taken(struct arena *mem, const char *text, struct err *err)
{
    return json_read(text, strlen(text), mem, err) != NULL;
}

static void
takes_depth_32_and_refuses_more(void **state)
{
    static const size_t deeper[] = { 33, 2049, 100000 };
    struct err err = { 0 };

    assert_true(is_taken(*state, repeat(*state, "[", 32, "1", "]"), &err));
    assert_true(is_taken(*state, repeat(*state, "{\"a\":", 32, "1", "}"), &err));
    assert_true(is_taken(*state, "[[[]],[[]],\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"]", &err));
    for (size_t i = 0; i < COUNT(deeper); i++) {
        struct err deep = { 0 }, open = { 0 };

        assert_false(is_taken(*state, repeat(*state, "[", deeper[i], "", "]"), &deep));
        assert_int_equal(deep.code, ERR_MALFORMED_JSON);
        assert_string_equal(deep.reason, "The body is nested more than 32 levels deep.");
        assert_false(is_taken(*state, repeat(*state, "{\"a\":", deeper[i], "", ""), &open));
        assert_int_equal(open.code, ERR_MALFORMED_JSON);
    }
}

static void
counts_values_before_it_parses(void **state)
{
    struct err err = { 0 }, many = { 0 }, objects = { 0 };

    /* One array and 19,998 values behind commas, and the first: 20,000. */
    assert_true(is_taken(*state, repeat(*state, "", 0, "[0]", ""), &err));
    char *list = repeat(*state, "0,", 19998, "0]", "");
    char *text = arena_printf(*state, "[%s", list);

    assert_true(is_taken(*state, text, &err));
    text = arena_printf(*state, "[0,%s", list);
    assert_false(is_taken(*state, text, &many));
    assert_int_equal(many.code, ERR_MALFORMED_JSON);
    assert_string_equal(many.reason, "The body holds more than 20000 values.");
    text = arena_printf(*state, "[%s", repeat(*state, "{},", 10000, "{}]", ""));
    assert_false(is_taken(*state, text, &objects));
    assert_string_equal(objects.reason, "The body holds more than 20000 values.");
    /* Inside a string they are only letters. */
    text = arena_printf(*state, "{\"a\":\"\\\\\\\"%s\"}", repeat(*state, ",[{", 20000, "", ""));
    assert_true(is_taken(*state, text, &err));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(takes_well_formed_json_of_any_type, make_mem, drop_mem),
        cmocka_unit_test_setup_teardown(refuses_what_is_not_well_formed, make_mem, drop_mem),
        cmocka_unit_test_setup_teardown(says_where_it_broke_and_never_what_was_there, make_mem,
                                        drop_mem),
        cmocka_unit_test_setup_teardown(says_that_a_body_is_empty, make_mem, drop_mem),
        cmocka_unit_test_setup_teardown(names_a_member_that_is_given_twice, make_mem, drop_mem),
        cmocka_unit_test_setup_teardown(refuses_numbers_that_no_type_of_ours_holds, make_mem,
                                        drop_mem),
        cmocka_unit_test_setup_teardown(takes_depth_32_and_refuses_more, make_mem, drop_mem),
        cmocka_unit_test_setup_teardown(counts_values_before_it_parses, make_mem, drop_mem),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
