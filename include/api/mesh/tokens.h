/* POST /auth/get_token. */
#ifndef API_MESH_TOKENS_H
#define API_MESH_TOKENS_H

#include "http/route.h"

extern const struct route mesh_token_routes[];

#endif
