/* How the portal draws an error: {"error", "code", "request_id"}, "field" and facts where they
 * apply. */
#ifndef API_PORTAL_ERRORS_H
#define API_PORTAL_ERRORS_H

#include "http/route.h"

extern const struct spec portal_error_spec;

/* For struct dialect: facts become members of their own. New reference. */
json_t *portal_error(const struct err *err, const char *request_id);

#endif
