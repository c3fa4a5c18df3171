/* /api/v1/audit: reading the audit log and checking that it is whole. */
#ifndef API_IDP_AUDIT_H
#define API_IDP_AUDIT_H

#include "http/route.h"

extern const struct route idp_audit_routes[];

#endif
