/* The OAuth 2.0 endpoints and the discovery documents, whose errors have a shape of their own. */
#ifndef API_OAUTH_DIALECT_H
#define API_OAUTH_DIALECT_H

#include "http/route.h"

extern const struct dialect oauth_dialect;

#endif
