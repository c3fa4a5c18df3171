/* Where in the text of a body a member stands: for what is kept as the very bytes that came. */
#ifndef JSON_SPAN_H
#define JSON_SPAN_H

#include "base/field.h"

/* The value of a member of the object that bytes are, as it was written, without the space around
 * it; v NULL: there is no such member. bytes must be what json_read took for an object; the span
 * points into them. */
struct bytes json_span(const char *bytes, size_t n, const char *name);

#endif
