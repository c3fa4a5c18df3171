/* One table per JSON object: reading and checking by it; and everything else that a dialect needs
 * of the room, so that it includes this one header. */
#ifndef JSON_SPEC_H
#define JSON_SPEC_H

#include "base/arena.h"
#include "base/err.h"
#include "base/field.h"
#include "base/must.h"
#include "json/draw.h"
#include "json/query.h"
#include "json/read.h"
#include "json/schema.h"
#include "json/table.h"
#include "json/text.h"

#include <jansson.h>

enum spec_mode {
    SPEC_WHOLE, /* required fields must be there                                     */
    SPEC_PATCH, /* RFC 7396: only members given change; the others stay as they are  */
};

/* Checks body (must be an object) against the spec and fills thing, whose texts then live in mem.
 * Members not given are left as they are in thing: fill in defaults before. Null sets NULL, 0,
 * false, an empty list. Fails with VALIDATION_ERROR, field = path such as
 * "capabilities.models[2]"; an unknown member first (unless the spec is open; with "did you mean
 * …" when a known one is near), then the first fault in the order of the table. Texts must be free
 * of control characters (U+0000 to U+001F, U+007F). After a failure thing is half filled. */
bool spec_read(const struct spec *spec, json_t *body, void *thing, enum spec_mode mode,
               struct arena *mem, struct err *err) MUST_CHECK;

#endif
