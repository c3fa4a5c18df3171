/* How an OAuth client proves itself: by HTTP Basic or by parameters of the body. */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include "base/arena.h"
#include "base/err.h"
#include "base/must.h"

#include <jansson.h>

enum { CLIENT_TEXT_MAX = 512 }; /* of an id or a secret */

/* What a client says it is; texts in mem. */
struct client_claim {
    const char *id, *secret; /* NULL: not given             */
    bool basic;              /* Authorization: Basic was used */
};

/* Whether an Authorization header (or NULL) is of the scheme Basic. */
bool client_is_basic(const char *authorization);

/* Reads what the header and the body (an object, or NULL) say: RFC 6749, section 2.3.1; both
 * halves of Basic are percent-encoded. Fails with VALIDATION_ERROR when a secret comes both ways,
 * or two ids differ, or one is too long; with INVALID_CLIENT when Basic cannot be read. claim is
 * filled as far as it was understood in any case. */
bool client_read(const char *authorization, json_t *body, struct arena *mem,
                 struct client_claim *claim, struct err *err) MUST_CHECK;

#endif
