/* The system dialect: whatever path no other dialect owns. */
#include "api/system/dialect.h"

#include "api/portal/errors.h"
#include "api/system/docs.h"
#include "api/system/health.h"
#include "api/system/status.h"

static const char *const prefixes[] = { "", NULL };

static const struct route *const routes[] = { system_health_routes, system_status_routes,
                                              system_docs_routes, NULL };

const struct dialect system_dialect = {
    .name = "system",
    .prefixes = prefixes,
    .routes = routes,
    .error = portal_error,
    .error_spec = &portal_error_spec,
    .doc = "Health, metrics and this document; for operators.",
};
