/* /agents/connect, /agents/dispatch, and what nodes ask of each other. */
#ifndef API_MESH_DISPATCH_H
#define API_MESH_DISPATCH_H

#include "http/route.h"

extern const struct route mesh_dispatch_routes[];

#endif
