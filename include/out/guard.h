/* Where calls of ours may go: no private addresses unless the operator listed them. */
#ifndef OUT_GUARD_H
#define OUT_GUARD_H

#include "base/err.h"
#include "base/must.h"

#include <stddef.h>
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
    bool allow_http; /* http URLs, besides https    */
};

/* Reads "127.0.0.0/8, ::1": a net without a length is one address; "" is no net. Fails with
 * VALIDATION_ERROR naming the item (guard is then of no use). */
bool guard_read(struct guard *guard, const char *list, bool allow_http, struct err *err) MUST_CHECK;

/* Whether an address may be dialled: public (RFC 6890 and its successors: no loopback, private,
 * link-local, shared, documentation, benchmarking, multicast, reserved) or in a listed net. IPv4
 * inside IPv6 (mapped, compatible, NAT64 64:ff9b::/96, 6to4) is judged as that IPv4 address;
 * Teredo and the local NAT64 prefix 64:ff9b:1::/48 are never public. Other families: no. */
bool guard_allows(const struct guard *guard, const struct sockaddr *address);

/* NULL when guard_allows; else what the address is, a literal for the log: "loopback". */
const char *guard_why_not(const struct guard *guard, const struct sockaddr *address);

/* Whether the address itself is in a listed net. */
bool guard_lists(const struct guard *guard, const struct sockaddr *address);

/* Struct out_url and out_url_read, for those who need both. */
#include "out/url.h"

#endif
