/* How the mesh draws an error: {"ok": false, "error", "code"}, and "request_id" beside them. */
#ifndef API_MESH_ERRORS_H
#define API_MESH_ERRORS_H

#include "http/route.h"

extern const struct spec mesh_error_spec;

/* For struct dialect. details: the member at fault, and the facts. */
json_t *mesh_error(const struct err *err, const char *request_id);

/* The words that existing clients of this dialect know. */
const char *mesh_word(enum err_code code);

#endif
