/* The published half of the rows: what spec_read enforces and spec_text draws, as JSON Schema. */
#include "json/schema.h"

#include "base/must.h"

#include <assert.h>
#include <stdio.h>

enum { NAME_SIZE = 128 };

/* What spec_read refuses in every text (a NUL does not get past the parser). */
static const char no_controls[] = "^[^\\u0000-\\u001F\\u007F]*$";

static void
put(json_t *object, const char *key, json_t *value)
{
    must(json_object_set_new(object, key, must(value)) == 0 ? object : NULL);
}

static const char *
side_suffix(enum spec_side side)
{
    switch (side) {
    case SIDE_IN:
        return "Input";
    case SIDE_PATCH:
        return "Patch";
    case SIDE_OUT:
        return "";
    }
    assert(false && "a side is one of three");
    return "";
}

static json_t *
ref_to(const struct spec *spec, enum spec_side side)
{
    char text[NAME_SIZE];

    snprintf(text, sizeof text, "#/components/schemas/%s%s", spec->name, side_suffix(side));
    return json_pack("{s:s}", "$ref", text);
}

/* Whether the JSON value may be null: asked for on the way in, possible on the way out. */
static bool
may_be_null(const struct field *f, enum spec_side side)
{
    if (side != SIDE_OUT)
        return (f->flags & F_NULLABLE) != 0;
    if (f->flags & F_SECRET)
        return true;
    return f->flags & F_NULLABLE && f->kind != FIELD_TEXTS && f->kind != FIELD_BOOL &&
           f->kind != FIELD_LIST && f->kind != FIELD_OBJECT;
}

static json_t *
typed(const char *type, bool null)
{
    return null ? json_pack("{s:[ss]}", "type", type, "null") : json_pack("{s:s}", "type", type);
}

static void
put_bounds(json_t *schema, const char *least, const char *most, long long min, long long max)
{
    if (min > 0)
        put(schema, least, json_integer(min));
    if (max > 0)
        put(schema, most, json_integer(max));
}

static void
put_words(json_t *schema, const struct field *f, bool null)
{
    json_t *words = must(json_array());

    for (size_t i = 0; f->names[i] != NULL; i++)
        json_array_append_new(words, json_string(f->names[i]));
    if (null)
        json_array_append_new(words, json_null());
    put(schema, "enum", words);
}

/* Of a text, or of an item of a list of texts. */
static json_t *
text_schema(const struct field *f, enum spec_side side, bool null, long long min, long long max)
{
    json_t *schema = typed("string", null);

    if (f->names != NULL) {
        put_words(schema, f, null);
        return schema;
    }
    put_bounds(schema, "minLength", "maxLength", min, max);
    if (f->format != NULL)
        put(schema, "format", json_string(f->format->name));
    if (f->format != NULL && f->format->pattern != NULL)
        put(schema, "pattern", json_string(f->format->pattern));
    else if (side != SIDE_OUT)
        put(schema, "pattern", json_string(no_controls));
    return schema;
}

static json_t *
texts_schema(const struct field *f, enum spec_side side, bool null)
{
    json_t *schema = typed("array", null);
    long long longest = f->item_max == 0 && side != SIDE_OUT ? FIELD_ITEM_MAX : f->item_max;

    put_bounds(schema, "minItems", "maxItems", f->min, f->max);
    put(schema, "items", text_schema(f, side, false, side == SIDE_OUT ? 0 : 1, longest));
    return schema;
}

static json_t *
int_schema(const struct field *f, enum spec_side side, bool null)
{
    json_t *schema = typed("integer", null);

    put(schema, "format", json_string("int64"));
    if (side != SIDE_OUT || f->min != 0)
        put(schema, "minimum", json_integer(f->min));
    if (f->max != 0)
        put(schema, "maximum", json_integer(f->max));
    return schema;
}

static json_t *
enum_schema(const struct field *f, enum spec_side side, bool null)
{
    json_t *schema = typed("string", null);

    (void)side;
    put_words(schema, f, null);
    return schema;
}

static json_t *
time_schema(const struct field *f, enum spec_side side, bool null)
{
    json_t *schema = typed("string", null);

    (void)f;
    (void)side;
    put(schema, "format", json_string("date-time"));
    return schema;
}

static json_t *
plain_text_schema(const struct field *f, enum spec_side side, bool null)
{
    return text_schema(f, side, null, f->min, f->max);
}

static json_t *
bool_schema(const struct field *f, enum spec_side side, bool null)
{
    (void)f;
    (void)side;
    return typed("boolean", null);
}

static json_t *
json_schema(const struct field *f, enum spec_side side, bool null)
{
    json_t *schema = (f->flags & F_ANY) != 0
                         ? must(json_object())
                         : typed((f->flags & F_LIST) != 0 ? "array" : "object", null);

    (void)side;
    if ((f->flags & F_LIST) != 0)
        put(schema, "items", typed("object", false));
    return schema;
}

static json_t *
object_schema(const struct field *f, enum spec_side side, bool null)
{
    json_t *ref = ref_to(f->spec, side);

    return null ? json_pack("{s:[o,{s:s}]}", "anyOf", ref, "type", "null") : ref;
}

static json_t *
list_schema(const struct field *f, enum spec_side side, bool null)
{
    json_t *schema = typed("array", null);

    put_bounds(schema, "minItems", "maxItems", f->min, f->max);
    put(schema, "items", ref_to(f->spec, side));
    return schema;
}

static json_t *(*const kinds[])(const struct field *f, enum spec_side side, bool null) = {
    [FIELD_TEXT] = plain_text_schema, [FIELD_TEXTS] = texts_schema,   [FIELD_BOOL] = bool_schema,
    [FIELD_INT] = int_schema,         [FIELD_ENUM] = enum_schema,     [FIELD_TIME] = time_schema,
    [FIELD_JSON] = json_schema,       [FIELD_OBJECT] = object_schema, [FIELD_LIST] = list_schema,
};

static void
put_doc(json_t *schema, const struct field *f, enum spec_side side)
{
    if (f->doc != NULL && f->kind == FIELD_JSON && f->max > 0 && side != SIDE_OUT)
        put(schema, "description",
            json_sprintf("%s At most %lld bytes as compact JSON.", f->doc, f->max));
    else if (f->doc != NULL)
        put(schema, "description", json_string(f->doc));
    if (f->example == NULL)
        return;
    json_t *example = json_loads(f->example, JSON_DECODE_ANY, NULL);

    assert(example != NULL);
    put(schema, "examples", json_pack("[o]", example));
}

json_t *
spec_field_schema(const struct field *f, enum spec_side side)
{
    assert((size_t)f->kind < COUNT(kinds) && kinds[f->kind] != NULL);
    json_t *schema = must(kinds[f->kind](f, side, may_be_null(f, side)));

    put_doc(schema, f, side);
    if (side == SIDE_OUT && f->flags & F_OUT_ONLY)
        put(schema, "readOnly", json_true());
    if (side != SIDE_OUT && f->flags & F_IN_ONLY)
        put(schema, "writeOnly", json_true());
    return schema;
}

static bool
is_on(const struct field *f, enum spec_side side)
{
    switch (side) {
    case SIDE_IN:
        return !(f->flags & F_OUT_ONLY);
    case SIDE_PATCH:
        return !(f->flags & (F_OUT_ONLY | F_IMMUTABLE));
    case SIDE_OUT:
        return !(f->flags & F_IN_ONLY);
    }
    assert(false && "a side is one of three");
    return false;
}

static bool
is_required(const struct field *f, enum spec_side side)
{
    if (side == SIDE_OUT)
        return !(f->flags & F_OMIT_NULL);
    return side == SIDE_IN && f->flags & F_REQUIRED;
}

json_t *
spec_schema(const struct spec *spec, enum spec_side side)
{
    json_t *schema = must(json_pack("{s:s}", "type", "object"));
    json_t *properties = must(json_object()), *required = must(json_array());

    for (const struct field *f = spec->fields; f->key != NULL; f++) {
        if (!is_on(f, side))
            continue;
        put(properties, f->key, spec_field_schema(f, side));
        if (is_required(f, side))
            json_array_append_new(required, json_string(f->key));
    }
    put(schema, "properties", properties);
    if (json_array_size(required) > 0)
        put(schema, "required", required);
    else
        json_decref(required);
    if (side != SIDE_OUT && !spec->open)
        put(schema, "additionalProperties", json_false());
    return schema;
}

const char *
spec_schema_name(const struct spec *spec, enum spec_side side, struct arena *mem)
{
    return arena_printf(mem, "%s%s", spec->name, side_suffix(side));
}
