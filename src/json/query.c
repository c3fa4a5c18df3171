/* A query becomes the JSON object that it stands for, which is then read like any other: a value
 * that does not fit its kind stays a text, and the reader's row finds the words for that. */
#include "json/query.h"

#include "json_priv.h"

#include <string.h>

static const struct field *
find_field(const struct spec *spec, const char *name)
{
    for (const struct field *f = spec->fields; f->key != NULL; f++)
        if (strcmp(f->key, name) == 0)
            return f;
    return NULL;
}

/* "-5", "20"; not " 5", "+5", "5.0", "05", nor what 64 bits do not hold. */
static json_t *
integer_of(const char *text)
{
    size_t digits = strspn(text + (*text == '-'), "0123456789");

    if (digits == 0 || text[digits + (*text == '-')] != '\0')
        return NULL;
    return json_loads(text, JSON_DECODE_ANY, NULL);
}

/* New reference; NULL when the value is not UTF-8. */
static json_t *
value_of(const struct field *f, const char *text)
{
    json_t *value = NULL;

    if (f->kind == FIELD_INT)
        value = integer_of(text);
    else if (f->kind == FIELD_BOOL && strcmp(text, "true") == 0)
        value = json_true();
    else if (f->kind == FIELD_BOOL && strcmp(text, "false") == 0)
        value = json_false();
    return value != NULL ? value : json_string(text);
}

static bool
put_param(const struct spec *spec, const struct param *param, json_t *body, struct err *err)
{
    const struct field *f = find_field(spec, param->name);

    if (f == NULL) {
        /* The reader refuses it by its name; a name that is not UTF-8 gets a stand-in. */
        if (json_object_set_new(body, param->name, json_null()) != 0)
            json_object_set_new(body, "?", json_null());
        return true;
    }
    if (json_object_get(body, f->key) != NULL)
        return err_setf(err, ERR_VALIDATION_ERROR, f->key, "%s: must not be given twice.", f->key);
    json_t *value = value_of(f, param->value == NULL ? "" : param->value);

    if (value == NULL)
        return err_setf(err, ERR_VALIDATION_ERROR, f->key, "%s: must be UTF-8 text.", f->key);
    must(json_object_set_new(body, f->key, value) == 0 ? body : NULL);
    return true;
}

bool
spec_read_query(const struct spec *spec, const struct params *query, void *thing, struct arena *mem,
                struct err *err)
{
    const struct reading how = { "parameter", SPEC_WHOLE, mem };
    json_t *body = arena_own(mem, must(json_object()), read_drop);

    for (size_t i = 0; i < query->n; i++)
        if (!put_param(spec, &query->v[i], body, err))
            return false;
    return spec_read_as(&how, spec, body, thing, err);
}
