/* /openapi.json, /docs and the page at /. */
#ifndef API_SYSTEM_DOCS_H
#define API_SYSTEM_DOCS_H

#include "http/route.h"

extern const struct route system_docs_routes[];

#endif
