/* /api/v1/agents/{agentId}/credentials: client secrets. */
#ifndef API_IDP_CREDENTIALS_H
#define API_IDP_CREDENTIALS_H

#include "http/route.h"

extern const struct route idp_credentials_routes[];

#endif
