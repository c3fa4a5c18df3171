/* The OpenAPI 3.1 document and the reference page, printed from the tables. */
#ifndef HTTP_OPENAPI_H
#define HTTP_OPENAPI_H

#include "http/route.h"

/* The document of all dialects. New reference. */
json_t *openapi_document(const struct dialect *const *dialects, const char *version);

/* The same as indented text with a line end: docs/openapi/rosterd.json. In mem. */
char *openapi_text(const struct dialect *const *dialects, const char *version, struct arena *mem);

/* The static reference page (/docs): HTML without script, from the same tables. In mem. */
char *openapi_page(const struct dialect *const *dialects, const char *version, struct arena *mem);

/* docs/errors.md, from the error table. In mem. */
char *openapi_errors(struct arena *mem);

#endif
