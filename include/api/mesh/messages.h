/* /messages/get, get_by_id, cancel, pending. */
#ifndef API_MESH_MESSAGES_H
#define API_MESH_MESSAGES_H

#include "http/route.h"

extern const struct route mesh_messages_routes[];

#endif
