/* OAuth errors: {"error", "error_description"} (RFC 6749, 5.2; RFC 6750, 3.1), and "code" and
 * "request_id" beside them. */
#ifndef API_OAUTH_ERRORS_H
#define API_OAUTH_ERRORS_H

#include "http/route.h"

extern const struct spec oauth_error_spec;

/* For struct dialect. New reference. */
json_t *oauth_error(const struct err *err, const char *request_id);

/* The words of OAuth; those of RFC 6749, 5.2 are the codes' own. */
const char *oauth_word(enum err_code code);

#endif
