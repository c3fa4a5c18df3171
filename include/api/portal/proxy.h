/* /api/proxy/{connectionId}: calls from agent to agent. */
#ifndef API_PORTAL_PROXY_H
#define API_PORTAL_PROXY_H

#include "http/route.h"

extern const struct route portal_proxy_routes[];

#endif
