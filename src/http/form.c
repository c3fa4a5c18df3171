/* Forms: names and values between "&" and "=", each percent-encoded. */
#include "http/form.h"

#include "base/ids.h"

#include <string.h>

char *
form_unescape(const char *text, size_t n, char plus, struct arena *mem)
{
    char *out = arena_alloc(mem, n + 1), *to = out;

    for (size_t i = 0; i < n; i++) {
        char c = text[i] == '+' ? plus : text[i];

        if (c == '%') {
            int high = n - i > 2 ? ids_hex_digit(text[i + 1]) : -1;
            int low = high < 0 ? -1 : ids_hex_digit(text[i + 2]);

            if (low < 0)
                return NULL;
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (c == '\0')
            return NULL;
        *to++ = c;
    }
    return out;
}

char *
form_decode(const char *text, size_t n, struct arena *mem)
{
    return form_unescape(text, n, ' ', mem);
}

static bool
fault(struct err *err, const char *reason)
{
    return err_set(err, ERR_VALIDATION_ERROR, NULL, reason);
}

/* One "name=value" of n bytes. */
static bool
add(json_t *form, const char *text, size_t n, struct arena *mem, struct err *err)
{
    const char *equals = memchr(text, '=', n);
    size_t size = equals == NULL ? n : (size_t)(equals - text);
    const char *name = form_decode(text, size, mem);
    const char *value = equals == NULL ? "" : form_decode(equals + 1, n - size - 1, mem);

    if (name == NULL || value == NULL)
        return fault(err, "The form is not well-formed.");
    if (json_object_get(form, name) != NULL)
        return fault(err, "The form has a parameter twice.");
    if (json_object_size(form) == FORM_PARAMS_MAX)
        return fault(err, "The form has too many parameters.");
    if (json_object_set_new(form, name, json_string(value)) != 0)
        return fault(err, "The form is not UTF-8.");
    return true;
}

static void
release(void *json)
{
    json_decref(json);
}

json_t *
form_read(const char *bytes, size_t n, struct arena *mem, struct err *err)
{
    json_t *form = arena_own(mem, must(json_object()), release);
    const char *name;
    json_t *value;
    void *next;

    for (size_t at = 0; at < n;) {
        const char *end = memchr(bytes + at, '&', n - at);
        size_t size = end == NULL ? n - at : (size_t)(end - bytes) - at;

        if (size > 0 && !add(form, bytes + at, size, mem, err))
            return NULL;
        at += size + 1;
    }
    json_object_foreach_safe(form, next, name, value) if (json_string_length(value) == 0)
        json_object_del(form, name);
    return form;
}
