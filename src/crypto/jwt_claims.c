/* Claims as a table: for rooms that do not read JSON. */
#include "crypto/jwt.h"

#include "base/must.h"
#include "jwt_priv.h"

#include <assert.h>
#include <string.h>

static json_t *
texts_of(const char *at)
{
    json_t *list = must(json_array());
    struct texts texts;

    memcpy(&texts, at, sizeof texts);
    for (size_t i = 0; i < texts.n; i++)
        json_array_append_new(list, must(json_string(texts.v[i])));
    return list;
}

static json_t *
value_of(const struct jwt_claim *claim, const void *thing)
{
    const char *at = (const char *)thing + claim->offset;
    const char *text;
    int64_t number;

    if (claim->kind == FIELD_TEXT) {
        memcpy(&text, at, sizeof text);
        return text == NULL ? NULL : must(json_string(text));
    }
    if (claim->kind == FIELD_TEXTS)
        return texts_of(at);
    assert(claim->kind == FIELD_INT);
    memcpy(&number, at, sizeof number);
    return number == 0 ? NULL : must(json_integer(number));
}

const char *
jwt_claims_write(const struct jwt_claim *table, const void *thing, struct arena *mem)
{
    json_t *object = must(json_object());

    for (const struct jwt_claim *claim = table; claim->name != NULL; claim++) {
        json_t *value = value_of(claim, thing);

        if (value != NULL)
            json_object_set_new(object, claim->name, value);
    }
    const char *text = jwt_json_text(object, mem);
    json_decref(object);
    return text;
}

/* False: of another kind. */
static bool
put_value(const struct jwt_claim *claim, const json_t *value, void *thing, struct arena *mem)
{
    char *at = (char *)thing + claim->offset;
    const char *text = NULL;
    int64_t number = 0;

    if (claim->kind == FIELD_TEXT) {
        if (value != NULL && !json_is_string(value))
            return false;
        text = arena_text(mem, json_string_value(value));
        memcpy(at, &text, sizeof text);
        return true;
    }
    assert(claim->kind == FIELD_INT);
    if (value != NULL && !json_is_integer(value))
        return false;
    number = json_integer_value(value);
    memcpy(at, &number, sizeof number);
    return true;
}

bool
jwt_claims_read(const struct jwt_claim *table, const char *claims, void *thing, struct arena *mem,
                struct err *err)
{
    json_t *object =
        arena_own(mem, json_loads(claims, JSON_REJECT_DUPLICATES, NULL), jwt_drop_json);

    if (!json_is_object(object))
        return err_fault(err, ERR_UNAUTHORIZED, "jwt: the claims are no object");
    for (const struct jwt_claim *claim = table; claim->name != NULL; claim++)
        if (!put_value(claim, json_object_get(object, claim->name), thing, mem))
            return err_fault(err, ERR_UNAUTHORIZED, "jwt: %s is of another kind", claim->name);
    return true;
}
