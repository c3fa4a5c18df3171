/* What the files of this room share. */
#ifndef JSON_PRIV_H
#define JSON_PRIV_H

#include "base/buf.h"
#include "json/spec.h"

struct reading {
    const char *noun; /* for what is read: "member" or "parameter" */
    enum spec_mode mode;
    struct arena *mem;
};

/* spec_read, where the faults speak of the noun. */
bool spec_read_as(const struct reading *how, const struct spec *spec, json_t *body, void *thing,
                  struct err *err) MUST_CHECK;

/* The index of the quote that ends the string whose first quote is at bytes[at]; n without one. */
size_t read_string_end(const char *bytes, size_t n, size_t at);

/* Put a value into out as compact text (see json_text); a string with its quotes, whatever bytes it
 * has. False when the limit of out refuses it. */
bool text_put_value(struct buf *out, json_t *value);
bool text_put_string(struct buf *out, const char *text);
bool text_put_integer(struct buf *out, long long number);

/* json_decref in the form that arena_own wants. */
void read_drop(void *json);

#endif
