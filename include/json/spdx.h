/* SPDX licence expressions (SPDX specification 2.3, annex D). */
#ifndef JSON_SPDX_H
#define JSON_SPDX_H

#include <stdbool.h>

/* Whether text is a licence expression whose ids are on the SPDX list, in any case; deprecated
 * ids count. NONE and NOASSERTION are no expressions. */
bool spdx_is_expression(const char *text);

#endif
