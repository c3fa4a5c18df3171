/* A struct to a JSON object, by its spec. */
#ifndef JSON_DRAW_H
#define JSON_DRAW_H

#include "base/arena.h"
#include "json/table.h"

#include <jansson.h>

enum spec_view {
    VIEW_FULL, /* with one-time secrets                      */
    VIEW_KEPT, /* F_SECRET members are null                  */
};

/* Draws thing as the compact text of a JSON object, in mem, members in the order of the table. Null
 * are: a NULL text or JSON, a time 0, a list with F_OMIT_NULL whose v is NULL, and, where
 * F_NULLABLE or F_OMIT_NULL is set, an int or enum below its lowest value (enum: 0). Programming
 * errors, asserted: null in a field that is neither F_NULLABLE nor F_OMIT_NULL, text that is not
 * UTF-8, an enum without a word. */
char *spec_text(const struct spec *spec, const void *thing, enum spec_view view, struct arena *mem);

/* The same as a new tree, for those who add members; the caller owns the reference. */
json_t *spec_tree(const struct spec *spec, const void *thing, enum spec_view view);

#endif
