/* A struct to a JSON object, by its spec. */
#ifndef JSON_DRAW_H
#define JSON_DRAW_H

#include "json/table.h"

#include <jansson.h>

enum spec_view {
    VIEW_FULL, /* with one-time secrets                      */
    VIEW_KEPT, /* F_SECRET members are null                  */
};

/* Draws thing as a new JSON object, members in the order of the table; the caller owns the
 * reference. Null are: a NULL text or JSON, a time 0, a list with F_OMIT_NULL whose v is NULL, and,
 * where F_NULLABLE or F_OMIT_NULL is set, an int or enum below its lowest value (enum: 0).
 * Programming errors, asserted: null in a field that is neither F_NULLABLE nor F_OMIT_NULL, text
 * that is not UTF-8, an enum without a word. */
json_t *spec_write(const struct spec *spec, const void *thing, enum spec_view view);

#endif
