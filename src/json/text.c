/* Compact JSON text. jansson writes 0.1 with 17 digits, so that what a client stored would come
 * back longer than it was; here every real takes the fewest digits that read back the same. */
#include "json/text.h"

#include "json_priv.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS_MAX = 17, REAL_MAX = 32, INTEGER_MAX = 20 };

static size_t
plain_size(const char *text)
{
    size_t n = 0;

    while ((unsigned char)text[n] >= 0x20 && text[n] != '"' && text[n] != '\\')
        n++;
    return n;
}

/* Nothing in it that needs a backslash. */
static bool
write_plain(struct buf *out, const char *text, size_t n)
{
    char *to = buf_room(out, n + 2);

    if (to == NULL)
        return false;
    to[0] = '"';
    memcpy(to + 1, text, n);
    to[n + 1] = '"';
    buf_added(out, n + 2);
    return true;
}

bool
text_put_string(struct buf *out, const char *text)
{
    static const char marks[] = "\b\f\n\r\t\"\\", letters[] = "bfnrt\"\\";
    size_t plain = plain_size(text);

    if (text[plain] == '\0')
        return write_plain(out, text, plain);
    bool ok = buf_put(out, "\"", 1);
    for (; ok && *text != '\0'; plain = plain_size(text)) {
        ok = buf_put(out, text, plain);
        text += plain;
        if (!ok || *text == '\0')
            break;
        const char *mark = strchr(marks, *text);
        ok = mark != NULL ? buf_printf(out, "\\%c", letters[mark - marks])
                          : buf_printf(out, "\\u%04x", (unsigned)*text);
        text++;
    }
    return ok && buf_put(out, "\"", 1);
}

bool
text_put_integer(struct buf *out, long long number)
{
    char digits[INTEGER_MAX], *at = digits + sizeof digits;
    unsigned long long rest = (unsigned long long)number;

    if (number < 0)
        rest = 0 - rest;
    do
        *--at = (char)('0' + rest % 10);
    while ((rest /= 10) > 0);
    if (number < 0)
        *--at = '-';
    return buf_put(out, at, (size_t)(digits + sizeof digits - at));
}

/* The fewest digits that read back as real: text "d.ddde±xx". Returns how many digits. */
static int
shortest(double real, char text[REAL_MAX])
{
    for (int digits = 1; digits < DIGITS_MAX; digits++) {
        snprintf(text, REAL_MAX, "%.*e", digits - 1, real);
        if (strtod(text, NULL) == real)
            return digits;
    }
    snprintf(text, REAL_MAX, "%.*e", DIGITS_MAX - 1, real);
    return DIGITS_MAX;
}

/* In full ("12.5", "100.0") unless that is more than twice as long as with an exponent ("1e30"):
 * a small body must not become a large row. A real keeps a point or an exponent, so that it is
 * read as one again. */
static bool
write_real(struct buf *out, double real)
{
    char text[REAL_MAX], brief[2 * REAL_MAX];

    assert(isfinite(real));
    int digits = shortest(real, text);
    int exponent = (int)strtol(strchr(text, 'e') + 1, NULL, 10);
    int after = digits - 1 - exponent; /* digits behind the point when written in full */
    int before = exponent < 0 ? 1 : exponent + 1;

    if (after < 1)
        after = 1;
    *strchr(text, 'e') = '\0';
    if (before + 1 + after <= 2 * snprintf(brief, sizeof brief, "%se%d", text, exponent))
        return buf_printf(out, "%.*f", after, real);
    return buf_text(out, brief);
}

static bool
write_object(struct buf *out, json_t *object)
{
    const char *key, *comma = "";
    json_t *value;

    if (!buf_put(out, "{", 1))
        return false;
    json_object_foreach(object, key, value)
    {
        if (!buf_text(out, comma) || !text_put_string(out, key) || !buf_put(out, ":", 1) ||
            !text_put_value(out, value))
            return false;
        comma = ",";
    }
    return buf_put(out, "}", 1);
}

static bool
write_array(struct buf *out, json_t *array)
{
    json_t *value;
    size_t i;

    if (!buf_put(out, "[", 1))
        return false;
    json_array_foreach(array, i, value) if ((i > 0 && !buf_put(out, ",", 1)) ||
                                            !text_put_value(out, value)) return false;
    return buf_put(out, "]", 1);
}

bool
text_put_value(struct buf *out, json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return write_object(out, value);
    case JSON_ARRAY:
        return write_array(out, value);
    case JSON_STRING:
        return text_put_string(out, json_string_value(value));
    case JSON_INTEGER:
        return text_put_integer(out, json_integer_value(value));
    case JSON_REAL:
        return write_real(out, json_real_value(value));
    case JSON_TRUE:
        return buf_text(out, "true");
    case JSON_FALSE:
        return buf_text(out, "false");
    case JSON_NULL:
        return buf_text(out, "null");
    }
    assert(false && "a JSON value is of one of eight types");
    return false;
}

char *
json_text(json_t *value, size_t max, struct arena *mem)
{
    struct buf out;
    char *text = NULL;

    assert(value != NULL);
    buf_init(&out, max);
    if (text_put_value(&out, value))
        text = arena_textn(mem, buf_bytes(&out), buf_size(&out));
    buf_done(&out);
    return text;
}
