/* Query parameters to a struct, by the same rows as a body. */
#ifndef JSON_QUERY_H
#define JSON_QUERY_H

#include "base/arena.h"
#include "base/err.h"
#include "base/must.h"
#include "json/table.h"

/* spec_read for query parameters (kinds TEXT, INT, BOOL, ENUM, TIME): thing is filled in from
 * text. A parameter given twice is a fault; an unknown one too; so is an empty value, except of a
 * text that may be empty. Fails with VALIDATION_ERROR. */
bool spec_read_query(const struct spec *spec, const struct params *query, void *thing,
                     struct arena *mem, struct err *err) MUST_CHECK;

#endif
