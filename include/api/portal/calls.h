/* /api/calls: the records of proxied calls. */
#ifndef API_PORTAL_CALLS_H
#define API_PORTAL_CALLS_H

#include "http/route.h"

extern const struct route portal_calls_routes[];

#endif
