/* /api/v1/organizations: tenants, for operators; and what the caller's own has used of its plan. */
#ifndef API_IDP_ORGS_H
#define API_IDP_ORGS_H

#include "http/route.h"

extern const struct route idp_orgs_routes[];

#endif
