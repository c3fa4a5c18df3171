/* The mesh dialect: /agents, /auth, /sessions, /messages, /send. */
#ifndef API_MESH_DIALECT_H
#define API_MESH_DIALECT_H

#include "http/route.h"

extern const struct dialect mesh_dialect;

#endif
