/* Where clients find the OAuth endpoints, and the keys that tokens are verified with. */
#ifndef API_OAUTH_DISCOVERY_H
#define API_OAUTH_DISCOVERY_H

#include "http/route.h"

extern const struct route oauth_discovery_routes[];

#endif
