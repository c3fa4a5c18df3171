/* POST /agents/allow_type and /agents/disallow_type. */
#ifndef API_MESH_TYPES_H
#define API_MESH_TYPES_H

#include "http/route.h"

extern const struct route mesh_types_routes[];

#endif
