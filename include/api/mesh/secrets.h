/* /internal/agents/rotate_dispatch_secret: secrets of single instances. */
#ifndef API_MESH_SECRETS_H
#define API_MESH_SECRETS_H

#include "http/route.h"

extern const struct route mesh_secrets_routes[];

#endif
