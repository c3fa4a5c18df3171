/* A JSON tree to compact text, numbers as short as they can be. */
#ifndef JSON_TEXT_H
#define JSON_TEXT_H

#include "base/arena.h"

#include <jansson.h>

/* The value as compact UTF-8 text in mem, members in their order, each real in the fewest digits
 * that read back as the same double (0.1 stays 0.1). NULL when it is longer than max bytes; max 0:
 * no bound. The tree may be nested JSON_DEPTH_MAX deep and somewhat more: never built in a loop
 * over input. */
char *json_text(json_t *value, size_t max, struct arena *mem);

#endif
