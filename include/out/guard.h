/* Where calls of ours may go: no private addresses unless the operator listed them. */
#ifndef OUT_GUARD_H
#define OUT_GUARD_H

#include "base/arena.h"
#include "base/err.h"
#include "base/must.h"

#include <sys/socket.h>

enum { GUARD_NETS_MAX = 64 };

struct guard_net {
    unsigned char address[16]; /* IPv4 as ::ffff:a.b.c.d */
    int bits;                  /* of 128                 */
};

/* Settings, read-only once made. */
struct guard {
    struct guard_net nets[GUARD_NETS_MAX]; /* allowed although not public */
    size_t nnets;
    bool allow_http;                       /* http URLs, besides https    */
};

/* Reads "127.0.0.0/8, ::1/128": fails with VALIDATION_ERROR naming the item. */
bool guard_read(struct guard *guard, const char *list, bool allow_http, struct err *err) MUST_CHECK;

/* Whether an address may be dialled: public (RFC 6890 and its successors: no loopback, private,
 * link-local, shared, documentation, benchmarking, multicast, reserved; IPv4 inside IPv6 — mapped,
 * compatible, NAT64, 6to4, Teredo — is judged as that IPv4 address) or in a listed net. Any other
 * address family: no. */
bool guard_allows(const struct guard *guard, const struct sockaddr *address);

/* A URL that has been read. */
struct out_url {
    const char *text;   /* as given                                             */
    bool https;
    const char *host;   /* lower case; an IPv6 literal without brackets         */
    int port;
    const char *authority; /* for the Host header: host[:port], port left out when standard */
    const char *target; /* path and query as they go on the request line, at least "/" */
    const char *path;   /* the path alone                                       */
};

/* Reads an endpoint or webhook URL with libcurl's parser: https, or http where the guard allows;
 * no user, no password, no fragment; a host; at most 2,048 bytes of printable ASCII; not one of the
 * ports that belong to other protocols (a table: 22, 25, 5432, 6379, …) unless the host is a
 * literal in a listed net; a literal address must be one that guard_allows. Fails with
 * VALIDATION_ERROR on field, in mem. */
struct out_url *out_url_read(const struct guard *guard, const char *text, const char *field,
                             struct arena *mem, struct err *err) MUST_CHECK;

#endif
