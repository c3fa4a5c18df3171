/* What operators expect: health, metrics, the document, the reference page. */
#ifndef API_SYSTEM_DIALECT_H
#define API_SYSTEM_DIALECT_H

#include "http/route.h"

extern const struct dialect system_dialect;

#endif
