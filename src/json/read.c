/* Counts the shape of a body, then lets jansson parse it, then says what was wrong and where. */
#include "json/read.h"

#include "json_priv.h"

#include <ctype.h>
#include <string.h>

enum { NAME_MAX_SHOWN = 48 };

/* What a parse may cost, seen before it is begun: jansson takes up to 77 bytes per byte. */
struct shape {
    size_t nodes, depth, deepest;
};

/* The index of the quote that ends the string whose first quote is at bytes[at]; n without one. */
static size_t
end_of_string(const char *bytes, size_t n, size_t at)
{
    for (at++; at < n && bytes[at] != '"'; at++)
        at += bytes[at] == '\\';
    return at;
}

static struct shape
shape_of(const char *bytes, size_t n)
{
    struct shape shape = { .nodes = 1 };

    for (size_t i = 0; i < n; i++) {
        char c = bytes[i];

        if (c == '"') {
            i = end_of_string(bytes, n, i);
        } else if (c == '{' || c == '[') {
            shape.nodes++;
            if (++shape.depth > shape.deepest)
                shape.deepest = shape.depth;
        } else if (c == ',') {
            shape.nodes++;
        } else if (c == '}' || c == ']') {
            shape.depth -= shape.depth > 0;
        }
    }
    return shape;
}

void
read_drop(void *json)
{
    json_decref(json);
}

static bool
is_plain(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '.';
}

/* The name of the member whose closing quote is at bytes[end - 1], when it is plain and short
 * enough to be repeated; else NULL. */
static char *
name_before(const char *bytes, size_t end, struct arena *mem)
{
    size_t last = end < 2 || bytes[end - 1] != '"' ? 0 : end - 1, start = last;

    while (start > 0 && last - start < NAME_MAX_SHOWN && is_plain(bytes[start - 1]))
        start--;
    if (start == last || start < 2 || bytes[start - 1] != '"' || bytes[start - 2] == '\\')
        return NULL;
    return arena_textn(mem, bytes + start, last - start);
}

static bool
say_duplicate(const char *bytes, size_t n, const json_error_t *at, struct arena *mem,
              struct err *err)
{
    size_t end = at->position < 0 ? 0 : (size_t)at->position;
    const char *name = name_before(bytes, end > n ? n : end, mem);

    if (name == NULL)
        return err_setf(err, ERR_VALIDATION_ERROR, NULL,
                        "A member is given twice: line %d, column %d.", at->line, at->column);
    return err_setf(err, ERR_VALIDATION_ERROR, name, "%s: must not be given twice.", name);
}

static bool
say_fault(const char *bytes, size_t n, json_error_t *at, struct arena *mem, struct err *err)
{
    int line = at->line < 1 ? 1 : at->line, column = at->column < 1 ? 1 : at->column;

    if (json_error_code(at) == json_error_duplicate_key)
        return say_duplicate(bytes, n, at, mem, err);
    if (json_error_code(at) == json_error_numeric_overflow)
        return err_setf(err, ERR_VALIDATION_ERROR, NULL,
                        "A number is out of range: line %d, column %d.", line, column);
    return err_setf(err, ERR_MALFORMED_JSON, NULL,
                    "The body is not well-formed JSON: line %d, column %d.", line, column);
}

json_t *
json_read(const char *bytes, size_t n, struct arena *mem, struct err *err)
{
    return json_read_within(bytes, n, JSON_NODES_MAX, mem, err);
}

json_t *
json_read_within(const char *bytes, size_t n, size_t nodes, struct arena *mem, struct err *err)
{
    struct shape shape = shape_of(bytes, n);
    json_error_t at;

    if (n == 0) {
        err_set(err, ERR_MALFORMED_JSON, NULL, "The body is empty; a JSON object is expected.");
        return NULL;
    }
    if (shape.deepest > JSON_DEPTH_MAX) {
        err_setf(err, ERR_MALFORMED_JSON, NULL, "The body is nested more than %d levels deep.",
                 JSON_DEPTH_MAX);
        return NULL;
    }
    if (shape.nodes > nodes) {
        err_setf(err, ERR_MALFORMED_JSON, NULL, "The body holds more than %zu values.", nodes);
        return NULL;
    }
    /* DECODE_ANY: a body that is a mere number is well-formed; spec_read refuses it by name. */
    json_t *body = json_loadb(bytes, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &at);

    if (body == NULL) {
        say_fault(bytes, n, &at, mem, err);
        return NULL;
    }
    return arena_own(mem, body, read_drop);
}
