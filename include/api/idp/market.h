/* /api/v1/marketplace: public agents, for anyone. */
#ifndef API_IDP_MARKET_H
#define API_IDP_MARKET_H

#include "http/route.h"

extern const struct route idp_market_routes[];

#endif
