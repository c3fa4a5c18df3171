/* The URLs that calls of ours may go to: read once, judged before they are stored. */
#ifndef OUT_URL_H
#define OUT_URL_H

#include "base/arena.h"
#include "base/err.h"
#include "base/must.h"

#include <stdbool.h>

struct guard;

enum { OUT_URL_MAX = 2048 };

/* A URL that has been read. */
struct out_url {
    const char *text; /* as given                                                    */
    bool https;
    const char *host; /* lower case; an IP literal in its usual form, no brackets    */
    int port;
    const char *authority; /* for the Host header: host[:port], port left out when standard */
    const char *target;    /* path and query as they go on the request line, at least "/" */
    const char *path;      /* the path alone                                              */
};

/* Reads an endpoint or webhook URL with libcurl's parser: https, or http where the guard allows; a
 * host; no user, no password, no fragment; at most OUT_URL_MAX bytes of what RFC 3986 lets stand in
 * a URL; no "." or ".." in the path, not even percent-encoded. Not one of the ports that belong to
 * other protocols (a table: 22, 25, 5432, 6379, …) unless the host is a literal in a listed net. A
 * literal address must be one that guard_allows, however it is written. localhost and *.localhost
 * need a listed net with 127.0.0.1 or ::1, *.local and *.internal need any listed net; what other
 * names stand for is judged when they are dialled. Fails with VALIDATION_ERROR on field, and a
 * sentence that does not repeat the URL; in mem. */
struct out_url *out_url_read(const struct guard *guard, const char *text, const char *field,
                             struct arena *mem, struct err *err) MUST_CHECK;

#endif
