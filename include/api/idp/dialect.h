/* The identity-provider dialect: /api/v1. */
#ifndef API_IDP_DIALECT_H
#define API_IDP_DIALECT_H

#include "http/route.h"

extern const struct dialect idp_dialect;

#endif
