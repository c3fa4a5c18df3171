/* POST /agents/register, /agents/deregister and /agents/heartbeat. */
#ifndef API_MESH_REGISTER_H
#define API_MESH_REGISTER_H

#include "http/route.h"

extern const struct route mesh_register_routes[];

#endif
