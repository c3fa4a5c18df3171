/* The portal dialect: /api/agents, /api/connections, /api/proxy and what belongs to them. */
#ifndef API_PORTAL_DIALECT_H
#define API_PORTAL_DIALECT_H

#include "http/route.h"

extern const struct dialect portal_dialect;

#endif
