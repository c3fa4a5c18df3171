/* What is told of instances: POST /agents/get and its siblings. */
#ifndef API_MESH_INSTANCES_H
#define API_MESH_INSTANCES_H

#include "http/route.h"

extern const struct route mesh_instance_routes[];

#endif
