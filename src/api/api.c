/* Which dialects there are. Errors on paths that nobody owns are drawn by the last one. */
#include "api/api.h"

#include "api/idp/dialect.h"
#include "api/mesh/dialect.h"
#include "api/oauth/dialect.h"
#include "api/portal/dialect.h"
#include "api/system/dialect.h"

const struct dialect *const api_dialects[] = { &portal_dialect, &idp_dialect,    &mesh_dialect,
                                               &oauth_dialect,  &system_dialect, NULL };
