/* Reading: a JSON object into a struct, row by row; each fault names its member by its path. */
#include "json/spec.h"

#include "base/clock.h"
#include "json/near.h"
#include "json_priv.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* Where the reading stands, so that a fault can name its place. */
struct reader {
    const char *noun;   /* "member" or "parameter"                              */
    const char *prefix; /* path of the object being read, with its dot, or ""   */
    const char *key;    /* of the field being read                              */
    size_t item;        /* of the list being read, from 1; 0: no item           */
    enum spec_mode mode;
    struct arena *mem;
    struct err *err;
};

enum { PATH_MAX_SHOWN = 63, NAME_MAX_SHOWN = 40 };

static bool fault(const struct reader *rd, const char *say, ...)
    __attribute__((format(printf, 2, 3)));

/* "path: must be …." */
static bool
fault(const struct reader *rd, const char *say, ...)
{
    char text[sizeof rd->err->reason], path[PATH_MAX_SHOWN + 1], item[24] = "";
    va_list args;

    if (rd->item > 0)
        snprintf(item, sizeof item, "[%zu]", rd->item - 1);
    snprintf(path, sizeof path, "%s%s%s", rd->prefix, rd->key, item);
    va_start(args, say);
    vsnprintf(text, sizeof text, say, args);
    va_end(args);
    return err_setf(rd->err, ERR_VALIDATION_ERROR, path, "%s: %s.", path, text);
}

static size_t
code_points(const char *text)
{
    size_t n = 0;

    for (; *text != '\0'; text++)
        n += ((unsigned char)*text & 0xC0) != 0x80;
    return n;
}

/* Whether n is within the bounds; when not, the fault says them in units ("characters long"). */
static bool
check_count(const struct reader *rd, size_t n, long long min, long long max, const char *units)
{
    if ((long long)n >= min && (max == 0 || (long long)n <= max))
        return true;
    if (max == 0)
        return fault(rd, "must be at least %lld %s", min, units);
    if (min == max)
        return fault(rd, "must be exactly %lld %s", min, units);
    if (min > 0)
        return fault(rd, "must be %lld to %lld %s", min, max, units);
    return fault(rd, "must be at most %lld %s", max, units);
}

/* "must be one of a, b, c", cut where the sentence would not fit. */
static bool
fault_words(const struct reader *rd, const char *const *names)
{
    char list[100] = "";
    size_t n = 0;

    for (size_t i = 0; names[i] != NULL; i++) {
        if (n + strlen(names[i]) + 6 >= sizeof list) {
            snprintf(list + n, sizeof list - n, ", …");
            break;
        }
        n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", i == 0 ? "" : ", ", names[i]);
    }
    return fault(rd, "must be one of %s", list);
}

static int
index_of(const char *word, const char *const *names)
{
    for (int i = 0; names[i] != NULL; i++)
        if (strcmp(word, names[i]) == 0)
            return i;
    return -1;
}

static bool
has_control(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7F)
            return true;
    return false;
}

/* One text or one item of a list of texts; a copy of it in mem. */
static bool
read_string(struct reader *rd, const struct field *f, json_t *value, const char **out)
{
    if (!json_is_string(value))
        return fault(rd, "must be a text");
    const char *text = json_string_value(value);
    bool item = f->kind == FIELD_TEXTS;
    long long min = item ? 1 : f->min;
    long long max = !item ? f->max : f->item_max == 0 ? FIELD_ITEM_MAX : f->item_max;

    if (has_control(text, json_string_length(value)))
        return fault(rd, "must not contain control characters");
    if (!check_count(rd, code_points(text), min, max, "characters long"))
        return false;
    if (f->names != NULL && index_of(text, f->names) < 0)
        return fault_words(rd, f->names);
    if (f->format != NULL && !f->format->check(text))
        return fault(rd, "%s", f->format->say);
    *out = arena_text(rd->mem, text);
    return true;
}

static bool
read_text(struct reader *rd, const struct field *f, json_t *value, void *place)
{
    return read_string(rd, f, value, place);
}

static bool
read_texts(struct reader *rd, const struct field *f, json_t *value, void *place)
{
    struct texts *list = place;
    size_t n = json_array_size(value);

    if (!json_is_array(value))
        return fault(rd, "must be a list of texts");
    if (!check_count(rd, n, f->min, f->max, "items long"))
        return false;
    list->v = arena_alloc(rd->mem, n * sizeof *list->v);
    list->n = n;
    for (size_t i = 0; i < n; i++) {
        rd->item = i + 1;
        if (!read_string(rd, f, json_array_get(value, i), &list->v[i]))
            return false;
    }
    rd->item = 0;
    return true;
}

static bool
read_bool(struct reader *rd, const struct field *f, json_t *value, void *place)
{
    (void)f;
    if (!json_is_boolean(value))
        return fault(rd, "must be true or false");
    *(bool *)place = json_is_true(value);
    return true;
}

/* 1.0 and 1e2 are reals to jansson, and refused: nobody means them where a count is asked for. */
static bool
read_int(struct reader *rd, const struct field *f, json_t *value, void *place)
{
    json_int_t number = json_integer_value(value);

    if (json_is_integer(value) && number >= f->min && (f->max == 0 || number <= f->max)) {
        *(int64_t *)place = number;
        return true;
    }
    if (f->max == 0)
        return fault(rd, "must be a whole number, at least %lld", f->min);
    return fault(rd, "must be a whole number from %lld to %lld", f->min, f->max);
}

static bool
read_enum(struct reader *rd, const struct field *f, json_t *value, void *place)
{
    int i = json_is_string(value) ? index_of(json_string_value(value), f->names) : -1;

    if (i < 0)
        return fault_words(rd, f->names);
    *(int *)place = i;
    return true;
}

/* 0 means null in our structs, and years have four digits when drawn: neither may come in. */
static bool
read_time(struct reader *rd, const struct field *f, json_t *value, void *place)
{
    static const int64_t year_10000 = INT64_C(253402300800000);
    int64_t at;

    (void)f;
    if (!json_is_string(value) || !clock_read(json_string_value(value), &at) || at <= 0 ||
        at >= year_10000)
        return fault(rd, "must be a date and time after 1970, such as 2026-11-22T01:02:03Z");
    *(int64_t *)place = at;
    return true;
}

static bool
is_list_of_objects(json_t *value)
{
    json_t *item;
    size_t i;

    json_array_foreach(value, i, item) if (!json_is_object(item)) return false;
    return json_is_array(value);
}

static bool
read_json(struct reader *rd, const struct field *f, json_t *value, void *place)
{
    bool list = (f->flags & F_LIST) != 0, any = (f->flags & F_ANY) != 0;

    if (!any && (list ? !is_list_of_objects(value) : !json_is_object(value)))
        return fault(rd, list ? "must be a list of objects" : "must be an object");
    const char *text = json_text(value, (size_t)f->max, rd->mem);

    if (text == NULL)
        return fault(rd, "must be at most %lld bytes long as compact JSON", f->max);
    *(const char **)place = text;
    return true;
}

static bool read_members(struct reader *rd, const struct spec *spec, json_t *body, void *thing);

static bool
read_object(struct reader *rd, const struct field *f, json_t *value, void *place)
{
    struct reader inner = *rd;

    if (!json_is_object(value))
        return fault(rd, "must be an object");
    inner.prefix = arena_printf(rd->mem, "%s%s.", rd->prefix, f->key);
    return read_members(&inner, f->spec, value, place);
}

/* The kinds that a body may have; what is not here is for SQL or for drawing only. */
static const struct {
    bool (*read)(struct reader *rd, const struct field *f, json_t *value, void *place);
    size_t size; /* of the member, for null; 0: the size of the inner spec */
} kinds[] = {
    [FIELD_TEXT] = { read_text, sizeof(const char *) },
    [FIELD_TEXTS] = { read_texts, sizeof(struct texts) },
    [FIELD_BOOL] = { read_bool, sizeof(bool) },
    [FIELD_INT] = { read_int, sizeof(int64_t) },
    [FIELD_ENUM] = { read_enum, sizeof(int) },
    [FIELD_TIME] = { read_time, sizeof(int64_t) },
    [FIELD_JSON] = { read_json, sizeof(const char *) },
    [FIELD_OBJECT] = { read_object, 0 },
};

static bool
read_field(struct reader *rd, const struct field *f, json_t *value, void *thing)
{
    void *place = (char *)thing + f->offset;

    rd->key = f->key;
    if (value == NULL)
        return rd->mode == SPEC_PATCH || !(f->flags & F_REQUIRED) || fault(rd, "is required");
    if (f->flags & F_OUT_ONLY)
        return fault(rd, "is read-only");
    if (rd->mode == SPEC_PATCH && f->flags & F_IMMUTABLE)
        return fault(rd, "cannot be changed");
    assert((size_t)f->kind < COUNT(kinds) && kinds[f->kind].read != NULL);
    if (!json_is_null(value))
        return kinds[f->kind].read(rd, f, value, place);
    if (!(f->flags & F_NULLABLE))
        return fault(rd, "must not be null");
    memset(place, 0, f->kind == FIELD_OBJECT ? f->spec->size : kinds[f->kind].size);
    return true;
}

/* A client's name made fit to be printed: plain ASCII, not too long. */
static const char *
clean(const char *name, char out[NAME_MAX_SHOWN + 1])
{
    size_t n = 0;

    for (; name[n] != '\0' && n < NAME_MAX_SHOWN; n++) {
        char c = name[n];

        out[n] = c > ' ' && c < 0x7F && c != '"' && c != '\\' && c != '<' && c != '&' ? c : '?';
    }
    out[n] = '\0';
    return out;
}

static bool
looks_like_a_name(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.");

    return n > 0 && n <= 32 && name[n] == '\0';
}

static bool
fault_unknown(const struct reader *rd, const struct spec *spec, const char *name)
{
    char shown[NAME_MAX_SHOWN + 1], path[PATH_MAX_SHOWN + 1];
    const char *nearest = NULL;
    unsigned least = UINT_MAX;

    for (const struct field *f = spec->fields; f->key != NULL; f++) {
        unsigned distance = near_distance(name, f->key);

        if (distance < least && near_enough(distance, f->key) && !(f->flags & F_OUT_ONLY)) {
            least = distance;
            nearest = f->key;
        }
    }
    /* What is no name of any kind may be a secret in the wrong place: it is not shown. */
    if (nearest == NULL && !looks_like_a_name(name))
        return err_setf(rd->err, ERR_VALIDATION_ERROR, NULL, "Unknown %s.", rd->noun);
    snprintf(path, sizeof path, "%s%s", rd->prefix, clean(name, shown));
    if (nearest == NULL)
        return err_setf(rd->err, ERR_VALIDATION_ERROR, path, "Unknown %s \"%s\".", rd->noun, path);
    return err_setf(rd->err, ERR_VALIDATION_ERROR, path, "Unknown %s \"%s\"; did you mean \"%s\"?",
                    rd->noun, path, nearest);
}

static bool
is_known(const struct spec *spec, const char *name)
{
    for (const struct field *f = spec->fields; f->key != NULL; f++)
        if (strcmp(name, f->key) == 0)
            return true;
    return false;
}

static bool
read_members(struct reader *rd, const struct spec *spec, json_t *body, void *thing)
{
    const char *name;
    json_t *value;

    json_object_foreach(body, name, value) if (!spec->open &&
                                               !is_known(spec, name)) return fault_unknown(rd, spec,
                                                                                           name);
    for (const struct field *f = spec->fields; f->key != NULL; f++)
        if (!read_field(rd, f, json_object_get(body, f->key), thing))
            return false;
    return true;
}

bool
spec_read_as(const struct reading *how, const struct spec *spec, json_t *body, void *thing,
             struct err *err)
{
    struct reader rd = {
        .noun = how->noun, .prefix = "", .mode = how->mode, .mem = how->mem, .err = err
    };

    assert(err->code == ERR_NONE);
    if (!json_is_object(body))
        return err_set(err, ERR_VALIDATION_ERROR, NULL, "The body must be a JSON object.");
    return read_members(&rd, spec, body, thing);
}

bool
spec_read(const struct spec *spec, json_t *body, void *thing, enum spec_mode mode,
          struct arena *mem, struct err *err)
{
    const struct reading how = { "member", mode, mem };

    return spec_read_as(&how, spec, body, thing, err);
}
