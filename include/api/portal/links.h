/* /api/connections: who may call whom. */
#ifndef API_PORTAL_LINKS_H
#define API_PORTAL_LINKS_H

#include "http/route.h"

extern const struct route portal_links_routes[];

/* {connectionId}, for every row that has one. */
extern const struct field portal_links_args[];

#endif
