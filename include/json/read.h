/* Bytes of a client to a JSON tree, within limits that are counted before anything is parsed. */
#ifndef JSON_READ_H
#define JSON_READ_H

#include "base/arena.h"
#include "base/err.h"
#include "base/must.h"

#include <jansson.h>

enum { JSON_DEPTH_MAX = 32, JSON_NODES_MAX = 20000 };

/* Parses a body within the limits: depth JSON_DEPTH_MAX, at most JSON_NODES_MAX values (counted
 * before parsing), no duplicate members, no NUL, nothing behind the value. The result is owned by
 * mem. Fails with MALFORMED_JSON (reason with line and column, never the text itself) or
 * VALIDATION_ERROR (a duplicate member, named in field where its name is plain; a number that no
 * 64-bit integer or double holds). */
json_t *json_read(const char *bytes, size_t n, struct arena *mem, struct err *err) MUST_CHECK;

/* The same with at most so many values. */
json_t *json_read_within(const char *bytes, size_t n, size_t nodes, struct arena *mem,
                         struct err *err) MUST_CHECK;

#endif
