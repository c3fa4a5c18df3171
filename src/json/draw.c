/* Drawing: a struct straight to the text of a JSON object, row by row. */
#include "json/draw.h"

#include "base/clock.h"
#include "base/must.h"
#include "json_priv.h"

#include <assert.h>
#include <string.h>

/* Where a drawing goes, and what is shown in it. */
struct drawing {
    struct buf out; /* without a limit: nothing that is put into it is refused */
    enum spec_view view;
};

static void draw_members(struct drawing *to, const struct spec *spec, const void *thing);

/* jansson knows UTF-8; what is ASCII, as most is, need not ask. */
static bool
is_utf8(const char *text)
{
    const char *at = text;

    while (*at > 0)
        at++;
    if (*at == '\0')
        return true;
    json_t *string = json_string(at);
    json_decref(string);
    return string != NULL;
}

static void
draw_string(struct drawing *to, const char *text)
{
    assert(is_utf8(text));
    text_put_string(&to->out, text);
}

static void
draw_text(struct drawing *to, const struct field *f, const void *place)
{
    (void)f;
    draw_string(to, *(const char *const *)place);
}

static void
draw_texts(struct drawing *to, const struct field *f, const void *place)
{
    const struct texts *list = place;

    (void)f;
    buf_put(&to->out, "[", 1);
    for (size_t i = 0; i < list->n; i++) {
        buf_put(&to->out, ",", i > 0);
        draw_string(to, list->v[i]);
    }
    buf_put(&to->out, "]", 1);
}

static void
draw_bool(struct drawing *to, const struct field *f, const void *place)
{
    (void)f;
    buf_text(&to->out, *(const bool *)place ? "true" : "false");
}

static void
draw_int(struct drawing *to, const struct field *f, const void *place)
{
    (void)f;
    text_put_integer(&to->out, *(const int64_t *)place);
}

static void
draw_enum(struct drawing *to, const struct field *f, const void *place)
{
    int i = *(const int *)place, n = 0;

    while (f->names[n] != NULL)
        n++;
    assert(i >= 0 && i < n);
    draw_string(to, f->names[i]);
}

static void
draw_time(struct drawing *to, const struct field *f, const void *place)
{
    char text[CLOCK_TEXT_SIZE];

    (void)f;
    draw_string(to, clock_text(*(const int64_t *)place, text));
}

/* A database may hand back an integer longer than 64 bits where a real was stored: still drawn. */
static void
draw_json(struct drawing *to, const struct field *f, const void *place)
{
    const char *text = *(const char *const *)place;
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);

    (void)f;
    if (value == NULL)
        value = json_loads(text, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, NULL);
    assert(value != NULL);
    text_put_value(&to->out, value);
    json_decref(value);
}

static void
draw_object(struct drawing *to, const struct field *f, const void *place)
{
    draw_members(to, f->spec, place);
}

static void
draw_list(struct drawing *to, const struct field *f, const void *place)
{
    const struct list *list = place;

    buf_put(&to->out, "[", 1);
    for (size_t i = 0; i < list->n; i++) {
        assert(list->v[i] != NULL);
        buf_put(&to->out, ",", i > 0);
        draw_members(to, f->spec, list->v[i]);
    }
    buf_put(&to->out, "]", 1);
}

static void (*const kinds[])(struct drawing *to, const struct field *f, const void *place) = {
    [FIELD_TEXT] = draw_text,     [FIELD_TEXTS] = draw_texts, [FIELD_BOOL] = draw_bool,
    [FIELD_INT] = draw_int,       [FIELD_ENUM] = draw_enum,   [FIELD_TIME] = draw_time,
    [FIELD_OBJECT] = draw_object, [FIELD_LIST] = draw_list,   [FIELD_JSON] = draw_json,
};

static bool
may_lack(const struct field *f)
{
    return (f->flags & (F_NULLABLE | F_OMIT_NULL)) != 0;
}

static bool
is_null_text(const char *text)
{
    return text == NULL || strcmp(text, "null") == 0;
}

static bool
is_null(const struct field *f, const void *place)
{
    switch (f->kind) {
    case FIELD_TEXT:
        return *(const char *const *)place == NULL;
    case FIELD_JSON:
        return is_null_text(*(const char *const *)place);
    case FIELD_TIME:
        return *(const int64_t *)place == 0;
    case FIELD_INT:
        return may_lack(f) && *(const int64_t *)place < f->min;
    case FIELD_ENUM:
        return may_lack(f) && *(const int *)place < 0;
    case FIELD_LIST:
        return (f->flags & F_OMIT_NULL) != 0 && ((const struct list *)place)->v == NULL;
    case FIELD_UUID:
    case FIELD_BYTES:
    case FIELD_TEXTS:
    case FIELD_BOOL:
    case FIELD_OBJECT:
        break;
    }
    return false;
}

/* Whether anything was drawn. */
static bool
draw_field(struct drawing *to, const struct field *f, const void *thing, bool first)
{
    const void *place = (const char *)thing + f->offset;

    if ((f->flags & F_IN_ONLY) != 0)
        return false;
    bool null = is_null(f, place);
    assert(!null || may_lack(f));
    if (null && (f->flags & F_OMIT_NULL) != 0)
        return false;
    buf_put(&to->out, ",", !first);
    text_put_string(&to->out, f->key);
    buf_put(&to->out, ":", 1);
    assert((size_t)f->kind < COUNT(kinds) && kinds[f->kind] != NULL);
    if (null || (to->view == VIEW_KEPT && (f->flags & F_SECRET) != 0))
        buf_text(&to->out, "null");
    else
        kinds[f->kind](to, f, place);
    return true;
}

static void
draw_members(struct drawing *to, const struct spec *spec, const void *thing)
{
    bool first = true;

    buf_put(&to->out, "{", 1);
    for (const struct field *f = spec->fields; f->key != NULL; f++)
        if (draw_field(to, f, thing, first))
            first = false;
    buf_put(&to->out, "}", 1);
}

static void
draw(struct drawing *to, const struct spec *spec, const void *thing)
{
    assert(thing != NULL);
    buf_init(&to->out, 0);
    draw_members(to, spec, thing);
}

char *
spec_text(const struct spec *spec, const void *thing, enum spec_view view, struct arena *mem)
{
    struct drawing to = { .view = view };

    draw(&to, spec, thing);
    char *text = arena_textn(mem, buf_bytes(&to.out), buf_size(&to.out));
    buf_done(&to.out);
    return text;
}

json_t *
spec_tree(const struct spec *spec, const void *thing, enum spec_view view)
{
    struct drawing to = { .view = view };

    draw(&to, spec, thing);
    json_t *tree = must(json_loadb(buf_bytes(&to.out), buf_size(&to.out), 0, NULL));
    buf_done(&to.out);
    return tree;
}
