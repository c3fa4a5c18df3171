/* /health and /health/detailed: what clients of /api/v1 ask. */
#ifndef API_SYSTEM_STATUS_H
#define API_SYSTEM_STATUS_H

#include "http/route.h"

extern const struct route system_status_routes[];

#endif
