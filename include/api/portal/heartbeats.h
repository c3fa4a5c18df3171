/* POST /api/agents/{agentId}/heartbeat. */
#ifndef API_PORTAL_HEARTBEATS_H
#define API_PORTAL_HEARTBEATS_H

#include "http/route.h"

extern const struct route portal_heartbeats_routes[];

#endif
