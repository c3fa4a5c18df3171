/* /sessions/init, close, get, get_by_id, invite. */
#ifndef API_MESH_SESSIONS_H
#define API_MESH_SESSIONS_H

#include "http/route.h"

extern const struct route mesh_sessions_routes[];

#endif
