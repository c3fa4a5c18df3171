/* /api/v1/token: access tokens issued, told about and revoked; and /agent-info. */
#ifndef API_OAUTH_TOKEN_H
#define API_OAUTH_TOKEN_H

#include "http/route.h"

extern const struct route oauth_token_routes[];

#endif
