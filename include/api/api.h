/* All dialects of the HTTP interface: portal first, then system. */
#ifndef API_API_H
#define API_API_H

#include "http/route.h"

extern const struct dialect *const api_dialects[]; /* NULL-terminated */

#endif
