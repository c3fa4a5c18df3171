/* /api/agents: registering, reading, editing agents, and their life. */
#ifndef API_PORTAL_AGENTS_H
#define API_PORTAL_AGENTS_H

#include "http/route.h"

extern const struct route portal_agents_routes[];

/* {agentId}, for every row that has one. */
extern const struct field portal_agents_args[];

#endif
