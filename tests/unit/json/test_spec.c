/* spec_read fills the struct from what keeps to the rows, and names the place of what does not. */
#include "rich.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

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

static bool
read_as(const char *text, enum spec_mode mode, struct rich *rich, struct arena *mem,
        struct err *err)
{
    json_t *body = json_read(text, strlen(text), mem, err);

    return body != NULL && spec_read(&rich_spec, body, rich, mode, mem, err);
}

/* Reads the text into a new struct; the test fails when that fails. */
static struct rich *
taken(const char *text, enum spec_mode mode, struct arena *mem)
{
    struct rich *rich = ARENA_NEW(mem, struct rich);
    struct err err = { 0 };

    if (!read_as(text, mode, rich, mem, &err))
        fail_msg("%s: %s", text, err.reason);
    assert_int_equal(err.code, ERR_NONE);
    return rich;
}

static void
fills_a_member_of_every_kind(void **state)
{
    const struct rich *rich =
        taken("{\"name\":\"B\xc3\xbcro\",\"short_code\":\"\xc3\xa9\xc3\xa9\xf0\x9f\x98\x80x\","
              "\"colour\":\"green\",\"secret\":\"12345678\",\"media\":\"a/b\","
              "\"metadata\":{ \"a\" : [0.1, 1] },\"tags\":[\"x\",\"x\"],\"languages\":[],"
              "\"is_open\":true,\"count\":-5,\"level\":9223372036854775807,"
              "\"at\":\"2026-01-02T03:04:05+01:00\",\"mode\":\"slow\","
              "\"inner\":{\"models\":[\"m1\"],\"rate\":1000}}",
              SPEC_WHOLE, *state);

    assert_string_equal(rich->name, "B\xc3\xbcro");
    assert_string_equal(rich->code, "\xc3\xa9\xc3\xa9\xf0\x9f\x98\x80x");
    assert_string_equal(rich->colour, "green");
    assert_string_equal(rich->secret, "12345678");
    assert_string_equal(rich->meta, "{\"a\":[0.1,1]}");
    assert_int_equal(rich->tags.n, 2);
    assert_string_equal(rich->tags.v[0], "x");
    assert_string_equal(rich->tags.v[1], "x");
    assert_int_equal(rich->languages.n, 0);
    assert_true(rich->open);
    assert_int_equal(rich->count, -5);
    assert_true(rich->level == INT64_MAX);
    assert_int_equal(rich->at, 1767319445000);
    assert_int_equal(rich->mode, MODE_SLOW);
    assert_int_equal(rich->inner.models.n, 1);
    assert_int_equal(rich->inner.rate, 1000);
}

static void
keeps_its_texts_when_the_body_is_gone(void **state)
{
    struct rich rich = { 0 };
    struct err err = { 0 };
    json_t *body = json_pack("{s:s, s:[s]}", "name", "kept", "tags", "one");

    assert_true(spec_read(&rich_spec, body, &rich, SPEC_WHOLE, *state, &err));
    json_decref(body);
    assert_string_equal(rich.name, "kept");
    assert_string_equal(rich.tags.v[0], "one");
}

static void
names_the_place_and_the_rule_of_a_fault(void **state)
{
    static const struct {
        const char *text, *field, *reason;
    } cases[] = {
        { "[]", "", "The body must be a JSON object." },
        { "7", "", "The body must be a JSON object." },
        { "null", "", "The body must be a JSON object." },
        { "{}", "name", "name: is required." },
        { "{\"name\":null}", "name", "name: must not be null." },
        { "{\"name\":7}", "name", "name: must be a text." },
        { "{\"name\":\"\"}", "name", "name: must be 1 to 10 characters long." },
        { "{\"name\":\"12345678901\"}", "name", "name: must be 1 to 10 characters long." },
        { "{\"name\":\"a\\nb\"}", "name", "name: must not contain control characters." },
        { "{\"name\":\"\\u007f\"}", "name", "name: must not contain control characters." },
        { "{\"name\":\"x\",\"short_code\":\"abc\"}", "short_code",
          "short_code: must be exactly 4 characters long." },
        { "{\"name\":\"x\",\"colour\":\"Red\"}", "colour", "colour: must be one of red, green." },
        { "{\"name\":\"x\",\"secret\":\"1234567\"}", "secret",
          "secret: must be at least 8 characters long." },
        { "{\"name\":\"x\",\"media\":\"json\"}", "media",
          "media: must be a media type, such as application/json." },
        { "{\"name\":\"x\",\"metadata\":[]}", "metadata", "metadata: must be an object." },
        { "{\"name\":\"x\",\"metadata\":\"{}\"}", "metadata", "metadata: must be an object." },
        { "{\"name\":\"x\",\"metadata\":{\"a\":\"123456789012345678901234567890123456789012345678"
          "901234567\"}}",
          "metadata", "metadata: must be at most 64 bytes long as compact JSON." },
        { "{\"name\":\"x\",\"tags\":\"t\"}", "tags", "tags: must be a list of texts." },
        { "{\"name\":\"x\",\"tags\":[]}", "tags", "tags: must be 1 to 3 items long." },
        { "{\"name\":\"x\",\"tags\":[\"1\",\"2\",\"3\",\"4\"]}", "tags",
          "tags: must be 1 to 3 items long." },
        { "{\"name\":\"x\",\"languages\":[\"en\",\"en\",\"en\",\"en\",\"en\"]}", "languages",
          "languages: must be at most 4 items long." },
        { "{\"name\":\"x\",\"tags\":[\"t\",7]}", "tags[1]", "tags[1]: must be a text." },
        { "{\"name\":\"x\",\"tags\":[null]}", "tags[0]", "tags[0]: must be a text." },
        { "{\"name\":\"x\",\"tags\":[\"\"]}", "tags[0]",
          "tags[0]: must be 1 to 200 characters long." },
        { "{\"name\":\"x\",\"languages\":[\"en\",\"en_US\"]}", "languages[1]",
          "languages[1]: must be a language tag, such as en or pt-BR." },
        { "{\"name\":\"x\",\"is_open\":\"true\"}", "is_open", "is_open: must be true or false." },
        { "{\"name\":\"x\",\"is_open\":1}", "is_open", "is_open: must be true or false." },
        { "{\"name\":\"x\",\"count\":null}", "count", "count: must not be null." },
        { "{\"name\":\"x\",\"mode\":\"FAST\"}", "mode", "mode: must be one of fast, slow, off." },
        { "{\"name\":\"x\",\"mode\":0}", "mode", "mode: must be one of fast, slow, off." },
        { "{\"name\":\"x\",\"inner\":7}", "inner", "inner: must be an object." },
        { "{\"name\":\"x\",\"inner\":{}}", "inner.rate", "inner.rate: is required." },
        { "{\"name\":\"x\",\"inner\":{\"rate\":0}}", "inner.rate",
          "inner.rate: must be a whole number from 1 to 1000." },
        { "{\"name\":\"x\",\"inner\":{\"rate\":1,\"models\":[\"12345\",\"123456\"]}}",
          "inner.models[1]", "inner.models[1]: must be 1 to 5 characters long." },
        { "{\"name\":\"x\",\"id\":\"y\"}", "id", "id: is read-only." },
        { "{\"name\":\"x\",\"parts\":null}", "parts", "parts: is read-only." },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rich rich = { 0 };
        struct err err = { 0 };

        if (read_as(cases[i].text, SPEC_WHOLE, &rich, *state, &err))
            fail_msg("taken: %s", cases[i].text);
        assert_int_equal(err.code, ERR_VALIDATION_ERROR);
        assert_string_equal(err.reason, cases[i].reason);
        assert_string_equal(err.field, cases[i].field);
    }
}

static void
takes_whole_numbers_within_their_bounds_only(void **state)
{
    static const struct {
        const char *number;
        bool count, level;
    } cases[] = {
        { "0", true, true },
        { "-0", true, true },
        { "-5", true, false },
        { "-6", false, false },
        { "100", true, true },
        { "101", false, true },
        { "1.0", false, false },
        { "1e2", false, false },
        { "0.5", false, false },
        { "\"5\"", false, false },
        { "true", false, false },
        { "[]", false, false },
        { "2147483648", false, true },
        { "4294967297", false, true },
        { "9223372036854775807", false, true },
        { "-9223372036854775808", false, false },
        { "1e300", false, false },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rich rich = { 0 };
        struct err low = { 0 }, high = { 0 };
        const char *count = arena_printf(*state, "{\"count\":%s}", cases[i].number);
        const char *level = arena_printf(*state, "{\"level\":%s}", cases[i].number);

        assert_int_equal(read_as(count, SPEC_PATCH, &rich, *state, &low), cases[i].count);
        assert_int_equal(read_as(level, SPEC_PATCH, &rich, *state, &high), cases[i].level);
        if (!cases[i].count)
            assert_string_equal(low.reason, "count: must be a whole number from -5 to 100.");
        if (!cases[i].level)
            assert_string_equal(high.reason, "level: must be a whole number, at least 0.");
    }
}

static void
takes_times_after_1970_with_four_digit_years(void **state)
{
    static const struct {
        const char *text;
        int64_t ms; /* 0: refused */
    } cases[] = {
        { "1970-01-01T00:00:00.001Z", 1 },
        { "9999-12-31T23:59:59.999Z", INT64_C(253402300799999) },
        { "1970-01-01T00:00:00Z", 0 },
        { "1969-12-31T23:59:59Z", 0 },
        { "9999-12-31T23:59:59-01:00", 0 },
        { "2026-02-30T00:00:00Z", 0 },
        { "2026-01-02", 0 },
        { "2026-01-02T03:04:05", 0 },
        { "yesterday", 0 },
        { "", 0 },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rich rich = { 0 };
        struct err err = { 0 };
        const char *text = arena_printf(*state, "{\"at\":\"%s\"}", cases[i].text);

        assert_int_equal(read_as(text, SPEC_PATCH, &rich, *state, &err), cases[i].ms != 0);
        assert_true(rich.at == cases[i].ms);
        if (cases[i].ms == 0)
            assert_string_equal(err.field, "at");
    }
}

static void
leaves_what_is_not_given_and_clears_what_is_null(void **state)
{
    struct rich rich = { .name = "old",
                         .colour = "red",
                         .count = 7,
                         .mode = MODE_OFF,
                         .open = true,
                         .level = 3,
                         .at = 4,
                         .meta = "{}",
                         .inner = { .rate = 5, .models = { (const char *[]){ "m" }, 1 } } };
    struct err err = { 0 };

    assert_true(read_as("{}", SPEC_PATCH, &rich, *state, &err));
    assert_string_equal(rich.name, "old");
    assert_int_equal(rich.count, 7);
    assert_int_equal(rich.mode, MODE_OFF);
    assert_true(read_as("{\"inner\":{\"models\":[]}}", SPEC_PATCH, &rich, *state, &err));
    assert_int_equal(rich.inner.rate, 5);
    assert_int_equal(rich.inner.models.n, 0);
    assert_true(read_as("{\"colour\":null,\"mode\":null,\"is_open\":null,\"level\":null,"
                        "\"at\":null,\"metadata\":null,\"tags\":null,\"inner\":null}",
                        SPEC_PATCH, &rich, *state, &err));
    assert_null(rich.colour);
    assert_int_equal(rich.mode, 0);
    assert_false(rich.open);
    assert_true(rich.level == 0 && rich.at == 0 && rich.meta == NULL && rich.tags.n == 0);
    assert_int_equal(rich.inner.rate, 0);
    assert_int_equal(rich.count, 7);
}

static void
lets_a_patch_leave_out_but_not_change_what_is_fixed(void **state)
{
    struct rich rich = { 0 };
    struct err err = { 0 };

    assert_non_null(taken("{\"name\":\"x\",\"short_code\":\"abcd\"}", SPEC_WHOLE, *state)->code);
    assert_false(read_as("{\"short_code\":\"abcd\"}", SPEC_PATCH, &rich, *state, &err));
    assert_string_equal(err.field, "short_code");
    assert_string_equal(err.reason, "short_code: cannot be changed.");
}

static void
names_an_unknown_member_and_the_one_that_was_meant(void **state)
{
    static const struct {
        const char *text, *field, *reason;
    } cases[] = {
        { "{\"shortCode\":1}", "shortCode",
          "Unknown member \"shortCode\"; did you mean \"short_code\"?" },
        { "{\"Name\":\"x\"}", "Name", "Unknown member \"Name\"; did you mean \"name\"?" },
        { "{\"name\":\"x\",\"metdata\":{}}", "metdata",
          "Unknown member \"metdata\"; did you mean \"metadata\"?" },
        { "{\"name\":\"x\",\"inner\":{\"model\":[]}}", "inner.model",
          "Unknown member \"inner.model\"; did you mean \"models\"?" },
        { "{\"endpoint\":1}", "endpoint", "Unknown member \"endpoint\"." },
        { "{\"ids\":1}", "ids", "Unknown member \"ids\"." },
        { "{\"\":1}", "", "Unknown member." },
        { "{\"<b>\\u202e\\\"\\n\\u001b\":1}", "", "Unknown member." },
        { "{\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\":1}", "",
          "Unknown member." },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rich rich = { 0 };
        struct err err = { 0 };

        assert_false(read_as(cases[i].text, SPEC_WHOLE, &rich, *state, &err));
        assert_int_equal(err.code, ERR_VALIDATION_ERROR);
        assert_string_equal(err.reason, cases[i].reason);
        assert_string_equal(err.field, cases[i].field);
    }
}

static void
ignores_unknown_members_of_an_open_spec(void **state)
{
    const struct spec open = { "Open", sizeof(struct rich), rich_fields, .open = true };
    const char text[] = "{\"name\":\"x\",\"Name\":1}";
    struct rich rich = { 0 };
    struct err err = { 0 };
    json_t *body = json_read(text, sizeof text - 1, *state, &err);

    assert_true(spec_read(&open, body, &rich, SPEC_WHOLE, *state, &err));
    assert_string_equal(rich.name, "x");
}

static void
cuts_a_long_list_of_words_in_its_sentence(void **state)
{
    static const char *const words[] = { "a_word_of_some_length_1",
                                         "a_word_of_some_length_2",
                                         "a_word_of_some_length_3",
                                         "a_word_of_some_length_4",
                                         "a_word_of_some_length_5",
                                         "last_word",
                                         NULL };
    const struct field fields[] = {
        { "mode", ENUM_AT(struct rich, mode), .names = words },
        FIELD_LAST,
    };
    const struct spec spec = { "Words", sizeof(struct rich), fields };
    json_t *body = json_pack("{s:s}", "mode", "none");
    struct rich rich = { 0 };
    struct err err = { 0 };

    assert_false(spec_read(&spec, body, &rich, SPEC_WHOLE, *state, &err));
    json_decref(body);
    assert_string_equal(err.reason, "mode: must be one of a_word_of_some_length_1, "
                                    "a_word_of_some_length_2, a_word_of_some_length_3, ….");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(fills_a_member_of_every_kind, make_mem, drop_mem),
        cmocka_unit_test_setup_teardown(keeps_its_texts_when_the_body_is_gone, make_mem, drop_mem),
        cmocka_unit_test_setup_teardown(names_the_place_and_the_rule_of_a_fault, make_mem,
                                        drop_mem),
        cmocka_unit_test_setup_teardown(takes_whole_numbers_within_their_bounds_only, make_mem,
                                        drop_mem),
        cmocka_unit_test_setup_teardown(takes_times_after_1970_with_four_digit_years, make_mem,
                                        drop_mem),
        cmocka_unit_test_setup_teardown(leaves_what_is_not_given_and_clears_what_is_null, make_mem,
                                        drop_mem),
        cmocka_unit_test_setup_teardown(lets_a_patch_leave_out_but_not_change_what_is_fixed,
                                        make_mem, drop_mem),
        cmocka_unit_test_setup_teardown(names_an_unknown_member_and_the_one_that_was_meant,
                                        make_mem, drop_mem),
        cmocka_unit_test_setup_teardown(ignores_unknown_members_of_an_open_spec, make_mem,
                                        drop_mem),
        cmocka_unit_test_setup_teardown(cuts_a_long_list_of_words_in_its_sentence, make_mem,
                                        drop_mem),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
