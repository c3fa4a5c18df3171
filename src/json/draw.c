/* Drawing: a struct into a JSON object, row by row. */
#include "json/draw.h"

#include "base/clock.h"
#include "base/must.h"

#include <assert.h>

static json_t *
draw_text(const struct field *f, const void *place)
{
    const char *text = *(const char *const *)place;
    json_t *value = text == NULL ? json_null() : json_string(text);

    (void)f;
    assert(value != NULL);
    return value;
}

static json_t *
draw_texts(const struct field *f, const void *place)
{
    const struct texts *list = place;
    json_t *array = must(json_array());

    (void)f;
    for (size_t i = 0; i < list->n; i++) {
        json_t *item = json_string(list->v[i]);

        assert(item != NULL);
        json_array_append_new(array, item);
    }
    return array;
}

static json_t *
draw_bool(const struct field *f, const void *place)
{
    (void)f;
    return json_boolean(*(const bool *)place);
}

static bool
may_lack(const struct field *f)
{
    return (f->flags & (F_NULLABLE | F_OMIT_NULL)) != 0;
}

static json_t *
draw_int(const struct field *f, const void *place)
{
    int64_t number = *(const int64_t *)place;

    return may_lack(f) && number < f->min ? json_null() : must(json_integer(number));
}

static json_t *
draw_enum(const struct field *f, const void *place)
{
    int i = *(const int *)place, n = 0;

    if (may_lack(f) && i < 0)
        return json_null();
    while (f->names[n] != NULL)
        n++;
    assert(i >= 0 && i < n);
    return must(json_string(f->names[i]));
}

static json_t *
draw_time(const struct field *f, const void *place)
{
    int64_t at = *(const int64_t *)place;
    char text[CLOCK_TEXT_SIZE];

    (void)f;
    return at == 0 ? json_null() : must(json_string(clock_text(at, text)));
}

/* A database may hand back an integer longer than 64 bits where a real was stored: still drawn. */
static json_t *
draw_json(const struct field *f, const void *place)
{
    const char *text = *(const char *const *)place;

    (void)f;
    if (text == NULL)
        return json_null();
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
    if (value == NULL)
        value = json_loads(text, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, NULL);
    assert(value != NULL);
    return value;
}

static json_t *draw_members(const struct spec *spec, const void *thing, enum spec_view view);

static json_t *
draw_list(const struct field *f, const void *place, enum spec_view view)
{
    const struct list *list = place;

    if (list->v == NULL && (f->flags & F_OMIT_NULL) != 0)
        return json_null();
    json_t *array = must(json_array());
    for (size_t i = 0; i < list->n; i++) {
        assert(list->v[i] != NULL);
        json_array_append_new(array, draw_members(f->spec, list->v[i], view));
    }
    return array;
}

/* The kinds that hold no struct; the two that do are drawn by their own specs. */
static json_t *(*const plain[])(const struct field *f, const void *place) = {
    [FIELD_TEXT] = draw_text, [FIELD_TEXTS] = draw_texts, [FIELD_BOOL] = draw_bool,
    [FIELD_INT] = draw_int,   [FIELD_ENUM] = draw_enum,   [FIELD_TIME] = draw_time,
    [FIELD_JSON] = draw_json,
};

static json_t *
draw_value(const struct field *f, const void *place, enum spec_view view)
{
    if (f->kind == FIELD_OBJECT)
        return draw_members(f->spec, place, view);
    if (f->kind == FIELD_LIST)
        return draw_list(f, place, view);
    assert((size_t)f->kind < COUNT(plain) && plain[f->kind] != NULL);
    return plain[f->kind](f, place);
}

static void
draw_field(const struct field *f, const void *thing, enum spec_view view, json_t *object)
{
    json_t *value = draw_value(f, (const char *)thing + f->offset, view);

    if (json_is_null(value)) {
        assert(may_lack(f));
        if (f->flags & F_OMIT_NULL)
            return;
    } else if (view == VIEW_KEPT && f->flags & F_SECRET) {
        json_decref(value);
        value = json_null();
    }
    must(json_object_set_new(object, f->key, value) == 0 ? object : NULL);
}

static json_t *
draw_members(const struct spec *spec, const void *thing, enum spec_view view)
{
    json_t *object = must(json_object());

    for (const struct field *f = spec->fields; f->key != NULL; f++)
        if (!(f->flags & F_IN_ONLY))
            draw_field(f, thing, view, object);
    return object;
}

json_t *
spec_write(const struct spec *spec, const void *thing, enum spec_view view)
{
    assert(thing != NULL);
    return draw_members(spec, thing, view);
}
