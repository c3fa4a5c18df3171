/* /api/v1/agents: agents as identities. */
#ifndef API_IDP_AGENTS_H
#define API_IDP_AGENTS_H

#include "http/route.h"

extern const struct route idp_agents_routes[];

/* For other tables of this dialect: {agentId}. */
extern const struct field idp_agent_args[];

/* Whether the path segment is a UUID; VALIDATION_ERROR on name. */
bool idp_uuid_arg(const struct request *rq, size_t i, const char *name, struct err *err) MUST_CHECK;

#endif
