/* spec_schema publishes exactly what the rows enforce, for each side. */
#include "rich.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#define PLAIN "\"pattern\":\"^[^\\\\u0000-\\\\u001F\\\\u007F]*$\""

static const struct field *
field_of(const char *key)
{
    const struct field *f = rich_fields;

    while (strcmp(f->key, key) != 0)
        f++;
    return f;
}

static void
publishes_the_rule_of_each_field(void **state)
{
    static const struct {
        const char *key;
        enum spec_side side;
        const char *schema;
    } cases[] = {
        { "name", SIDE_IN,
          "{\"type\":\"string\",\"minLength\":1,\"maxLength\":10," PLAIN
          ",\"description\":\"Its name.\",\"examples\":[\"Screener\"]}" },
        { "name", SIDE_OUT,
          "{\"type\":\"string\",\"minLength\":1,\"maxLength\":10,\"description\":\"Its name.\","
          "\"examples\":[\"Screener\"]}" },
        { "id", SIDE_OUT, "{\"type\":\"string\",\"description\":\"Ours.\",\"readOnly\":true}" },
        { "colour", SIDE_IN, "{\"type\":[\"string\",\"null\"],\"enum\":[\"red\",\"green\",null]}" },
        { "secret", SIDE_PATCH,
          "{\"type\":[\"string\",\"null\"],\"minLength\":8," PLAIN ",\"writeOnly\":true}" },
        { "note", SIDE_OUT, "{\"type\":[\"string\",\"null\"],\"readOnly\":true}" },
        { "metadata", SIDE_IN,
          "{\"type\":[\"object\",\"null\"],"
          "\"description\":\"Free. At most 64 bytes as compact JSON.\"}" },
        { "metadata", SIDE_OUT, "{\"type\":[\"object\",\"null\"],\"description\":\"Free.\"}" },
        { "tags", SIDE_IN,
          "{\"type\":[\"array\",\"null\"],\"minItems\":1,\"maxItems\":3,"
          "\"items\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":200," PLAIN "}}" },
        { "tags", SIDE_OUT,
          "{\"type\":\"array\",\"minItems\":1,\"maxItems\":3,\"items\":{\"type\":\"string\"}}" },
        { "is_open", SIDE_IN, "{\"type\":[\"boolean\",\"null\"]}" },
        { "is_open", SIDE_OUT, "{\"type\":\"boolean\"}" },
        { "count", SIDE_IN,
          "{\"type\":\"integer\",\"format\":\"int64\",\"minimum\":-5,\"maximum\":100}" },
        { "level", SIDE_IN,
          "{\"type\":[\"integer\",\"null\"],\"format\":\"int64\",\"minimum\":0}" },
        { "at", SIDE_OUT, "{\"type\":[\"string\",\"null\"],\"format\":\"date-time\"}" },
        { "mode", SIDE_OUT,
          "{\"type\":[\"string\",\"null\"],\"enum\":[\"fast\",\"slow\",\"off\",null]}" },
        { "inner", SIDE_IN,
          "{\"anyOf\":[{\"$ref\":\"#/components/schemas/InnerInput\"},{\"type\":\"null\"}]}" },
        { "inner", SIDE_OUT, "{\"$ref\":\"#/components/schemas/Inner\"}" },
        { "parts", SIDE_OUT,
          "{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/Inner\"},"
          "\"readOnly\":true}" },
    };
    struct arena *mem = arena_new();

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        json_t *schema = spec_field_schema(field_of(cases[i].key), cases[i].side);

        assert_string_equal(json_text(schema, 0, mem), cases[i].schema);
        json_decref(schema);
    }
    arena_free(mem);
}

static void
publishes_format_and_pattern_of_a_format(void **state)
{
    json_t *media = spec_field_schema(field_of("media"), SIDE_OUT);
    json_t *languages = spec_field_schema(field_of("languages"), SIDE_IN);
    json_t *item = json_object_get(languages, "items");

    (void)state;
    assert_string_equal(json_string_value(json_object_get(media, "format")), "media-type");
    assert_string_equal(json_string_value(json_object_get(media, "pattern")),
                        format_media_type.pattern);
    assert_string_equal(json_string_value(json_object_get(item, "format")), "language-tag");
    assert_string_equal(json_string_value(json_object_get(item, "pattern")),
                        format_language.pattern);
    json_decref(media);
    json_decref(languages);
}

/* The keys of an object or the texts of a list, with spaces between. */
static const char *
words_of(json_t *value, struct arena *mem)
{
    const char *text = "", *key;
    json_t *item;
    size_t i;

    json_array_foreach(value, i, item) text =
        arena_printf(mem, "%s%s ", text, json_string_value(item));
    json_object_foreach(value, key, item) text = arena_printf(mem, "%s%s ", text, key);
    return text;
}

static void
shows_each_side_its_own_members(void **state)
{
    static const struct {
        enum spec_side side;
        const char *members, *required;
        bool closed;
    } cases[] = {
        { SIDE_IN,
          "name short_code colour secret media metadata tags languages is_open count level at "
          "mode inner ",
          "name ", true },
        { SIDE_PATCH,
          "name colour secret media metadata tags languages is_open count level at mode inner ", "",
          true },
        { SIDE_OUT,
          "id name short_code colour media note metadata tags languages is_open count level at "
          "mode inner parts ",
          "name short_code colour media metadata tags languages is_open count level at mode inner "
          "parts ",
          false },
    };
    struct arena *mem = arena_new();

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        json_t *schema = spec_schema(&rich_spec, cases[i].side);

        assert_string_equal(json_string_value(json_object_get(schema, "type")), "object");
        assert_string_equal(words_of(json_object_get(schema, "properties"), mem), cases[i].members);
        assert_string_equal(words_of(json_object_get(schema, "required"), mem), cases[i].required);
        assert_int_equal(json_is_false(json_object_get(schema, "additionalProperties")),
                         cases[i].closed);
        json_decref(schema);
    }
    arena_free(mem);
}

static void
lets_an_open_spec_have_other_members(void **state)
{
    const struct spec open = { "Open", sizeof(struct rich), rich_fields, .open = true };
    json_t *schema = spec_schema(&open, SIDE_IN);

    (void)state;
    assert_null(json_object_get(schema, "additionalProperties"));
    json_decref(schema);
}

static void
names_the_schema_by_its_side(void **state)
{
    struct arena *mem = arena_new();

    (void)state;
    assert_string_equal(spec_schema_name(&rich_spec, SIDE_IN, mem), "RichInput");
    assert_string_equal(spec_schema_name(&rich_spec, SIDE_PATCH, mem), "RichPatch");
    assert_string_equal(spec_schema_name(&rich_spec, SIDE_OUT, mem), "Rich");
    arena_free(mem);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(publishes_the_rule_of_each_field),
        cmocka_unit_test(publishes_format_and_pattern_of_a_format),
        cmocka_unit_test(shows_each_side_its_own_members),
        cmocka_unit_test(lets_an_open_spec_have_other_members),
        cmocka_unit_test(names_the_schema_by_its_side),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
