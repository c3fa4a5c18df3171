/* /healthz, /readyz, /metrics. */
#ifndef API_SYSTEM_HEALTH_H
#define API_SYSTEM_HEALTH_H

#include "http/route.h"

extern const struct route system_health_routes[];

#endif
