/* /send and /agents/{agent_type}/send: A2A in front of the dispatches. */
#ifndef API_MESH_SEND_H
#define API_MESH_SEND_H

#include "http/route.h"

extern const struct route mesh_send_routes[];

#endif
