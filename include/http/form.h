/* application/x-www-form-urlencoded bodies, for the OAuth endpoints. */
#ifndef HTTP_FORM_H
#define HTTP_FORM_H

#include "base/arena.h"
#include "base/err.h"
#include "base/must.h"

#include <jansson.h>

enum { FORM_PARAMS_MAX = 32 };

/* A form as a JSON object of texts, owned by mem, so that a spec can read it. A parameter without
 * a value counts as not given (RFC 6749, section 3.1). Fails with VALIDATION_ERROR (a parameter
 * given twice, too many, a NUL, a broken escape, bytes that are not UTF-8). */
json_t *form_read(const char *bytes, size_t n, struct arena *mem, struct err *err) MUST_CHECK;

/* n bytes of text, percent-decoded into mem, with plus for each "+" that is not escaped; NULL when
 * an escape is broken or a NUL is in it. */
char *form_unescape(const char *text, size_t n, char plus, struct arena *mem);

/* The same for names and values of a form or a query, where "+" is a space. */
char *form_decode(const char *text, size_t n, struct arena *mem);

#endif
