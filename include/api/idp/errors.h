/* How /api/v1 draws an error: {"code", "message", "details"}, and "request_id" beside them. */
#ifndef API_IDP_ERRORS_H
#define API_IDP_ERRORS_H

#include "http/route.h"

extern const struct spec idp_error_spec;

/* For struct dialect. details: {field, reason} of a validation error, otherwise the facts. */
json_t *idp_error(const struct err *err, const char *request_id);

/* The words that existing clients of this dialect know. */
const char *idp_word(enum err_code code);

#endif
