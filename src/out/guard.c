/* Judges addresses, never names: one table of what is not public, and the operator's own list. */
#include "out/guard.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

/* IPv4 stands in the table as ::ffff:a.b.c.d, so a prefix of n bits is one of 96 + n. */
enum { V4 = 96, V4_BYTE = 12 };

#define IP4(a, b, c, d)                                                                            \
    {                                                                                              \
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, (a), (b), (c), (d)                               \
    }
#define IP6(a, b, c)                                                                               \
    {                                                                                              \
        (a) >> 8, (a)&255, (b) >> 8, (b)&255, (c) >> 8, (c)&255                                    \
    }

struct row {
    unsigned char net[16];
    int bits;
    const char *what; /* NULL: public */
};

/* The special-purpose address registries of IANA for IPv4 and IPv6, without what they call
 * globally reachable. The first row that holds an address judges it. Whole parents stand here where
 * only anycast services of networks are carved out of them (192.0.0.0/24, 2001::/23). */
static const struct row rows[] = {
    { IP4(0, 0, 0, 0), V4 + 8, "this network" },
    { IP4(10, 0, 0, 0), V4 + 8, "private" },
    { IP4(100, 64, 0, 0), V4 + 10, "shared (carrier-grade NAT)" },
    { IP4(127, 0, 0, 0), V4 + 8, "loopback" },
    { IP4(169, 254, 0, 0), V4 + 16, "link-local" },
    { IP4(172, 16, 0, 0), V4 + 12, "private" },
    { IP4(192, 0, 0, 0), V4 + 24, "protocol assignments" },
    { IP4(192, 0, 2, 0), V4 + 24, "documentation" },
    { IP4(192, 88, 99, 0), V4 + 24, "6to4 relay" },
    { IP4(192, 168, 0, 0), V4 + 16, "private" },
    { IP4(198, 18, 0, 0), V4 + 15, "benchmarking" },
    { IP4(198, 51, 100, 0), V4 + 24, "documentation" },
    { IP4(203, 0, 113, 0), V4 + 24, "documentation" },
    { IP4(224, 0, 0, 0), V4 + 4, "multicast" },
    { IP4(255, 255, 255, 255), V4 + 32, "broadcast" },
    { IP4(240, 0, 0, 0), V4 + 4, "reserved" },
    { IP4(0, 0, 0, 0), V4, NULL },
    { IP6(0x64, 0xff9b, 1), 48, "local NAT64" },
    { IP6(0x100, 0, 0), 64, "discard-only" },
    { IP6(0x2001, 0, 0), 32, "Teredo" },
    { IP6(0x2001, 2, 0), 48, "benchmarking" },
    { IP6(0x2001, 0, 0), 23, "protocol assignments" },
    { IP6(0x2001, 0xdb8, 0), 32, "documentation" },
    { IP6(0x3fff, 0, 0), 20, "documentation" },
    { IP6(0x5f00, 0, 0), 16, "segment routing" },
    { IP6(0xfc00, 0, 0), 7, "unique local" },
    { IP6(0xfe80, 0, 0), 10, "link-local" },
    { IP6(0xfec0, 0, 0), 10, "site-local" },
    { IP6(0xff00, 0, 0), 8, "multicast" },
    { IP6(0x2000, 0, 0), 3, NULL },
    { IP6(0, 0, 0), 0, "reserved" }, /* never given out for global unicast */
};

/* Where IPv6 carries an IPv4 address: the net and the byte at which it begins. */
static const struct {
    unsigned char net[16];
    int bits;
    size_t at;
} carriers[] = {
    { IP6(0, 0, 0), 96, 12 },         /* compatible, RFC 4291 2.5.5.1 */
    { IP6(0x64, 0xff9b, 0), 96, 12 }, /* NAT64, RFC 6052              */
    { IP6(0x2002, 0, 0), 16, 2 },     /* 6to4, RFC 3056               */
};

static const char blank[] = " \t\r\n";
static const unsigned char mapped[16] = IP4(0, 0, 0, 0);
static const unsigned char loopback6[16] = { [15] = 1 };

static bool
is_within(const unsigned char *address, const unsigned char *net, int bits)
{
    size_t whole = (size_t)bits / 8;
    int rest = bits % 8;

    if (memcmp(address, net, whole) != 0)
        return false;
    return rest == 0 || (address[whole] ^ net[whole]) >> (8 - rest) == 0;
}

/* The 16 bytes of an address; false for other families. */
static bool
bytes_of(const struct sockaddr *address, unsigned char bytes[16])
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;

        memcpy(&in, address, sizeof in);
        memcpy(bytes, mapped, V4_BYTE);
        memcpy(bytes + V4_BYTE, &in.sin_addr, 4);
        return true;
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;

        memcpy(&in6, address, sizeof in6);
        memcpy(bytes, &in6.sin6_addr, 16);
        return true;
    }
    return false;
}

static bool
is_listed(const struct guard *guard, const unsigned char *bytes)
{
    for (size_t i = 0; i < guard->nnets; i++)
        if (is_within(bytes, guard->nets[i].address, guard->nets[i].bits))
            return true;
    return false;
}

static const char *
what_of(const unsigned char *bytes)
{
    size_t i = 0;

    while (!is_within(bytes, rows[i].net, rows[i].bits))
        i++; /* the last row holds every address */
    return rows[i].what;
}

/* Turns IPv6 that carries IPv4 into the mapped form of what it carries. */
static void
unwrap(unsigned char *bytes)
{
    for (size_t i = 0; i < COUNT(carriers); i++)
        if (is_within(bytes, carriers[i].net, carriers[i].bits)) {
            unsigned char inner[4];

            memcpy(inner, bytes + carriers[i].at, sizeof inner);
            memcpy(bytes, mapped, V4_BYTE);
            memcpy(bytes + V4_BYTE, inner, sizeof inner);
            return;
        }
}

bool
guard_lists(const struct guard *guard, const struct sockaddr *address)
{
    unsigned char bytes[16];

    return bytes_of(address, bytes) && is_listed(guard, bytes);
}

const char *
guard_why_not(const struct guard *guard, const struct sockaddr *address)
{
    unsigned char bytes[16];

    if (!bytes_of(address, bytes))
        return "not an IP address";
    if (is_listed(guard, bytes))
        return NULL;
    /* ::1 looks like an IPv4-compatible 0.0.0.1: same verdict, better word. */
    if (memcmp(bytes, loopback6, sizeof bytes) == 0)
        return "loopback";
    unwrap(bytes);
    if (is_listed(guard, bytes))
        return NULL;
    return what_of(bytes);
}

bool
guard_allows(const struct guard *guard, const struct sockaddr *address)
{
    return guard_why_not(guard, address) == NULL;
}

/* "/8" or nothing; most is the longest. -1 when it is no such number. */
static int
read_bits(const char *slash, int most)
{
    int bits = 0;

    if (slash == NULL)
        return most;
    size_t n = strspn(slash + 1, "0123456789");
    if (n < 1 || n > 3 || slash[1 + n] != '\0')
        return -1;
    for (size_t i = 1; i <= n; i++)
        bits = bits * 10 + (slash[i] - '0');
    return bits > most ? -1 : bits;
}

static bool
has_bits_behind(const struct guard_net *net)
{
    unsigned char masked[16];
    size_t whole = (size_t)net->bits / 8;
    int rest = net->bits % 8;

    memcpy(masked, net->address, sizeof masked);
    if (whole < sizeof masked) {
        masked[whole] &= (unsigned char)(0xff << (8 - rest));
        memset(masked + whole + 1, 0, sizeof masked - whole - 1);
    }
    return memcmp(masked, net->address, sizeof masked) != 0;
}

/* NULL, or what is wrong with the item. */
static const char *
read_net(struct guard_net *net, char *item)
{
    char *slash = strchr(item, '/');

    if (slash != NULL)
        *slash = '\0';
    if (inet_pton(AF_INET6, item, net->address) == 1) {
        net->bits = read_bits(slash, 128);
    } else if (inet_pton(AF_INET, item, net->address + V4_BYTE) == 1) {
        memcpy(net->address, mapped, V4_BYTE);
        net->bits = read_bits(slash, 32);
        net->bits += net->bits < 0 ? 0 : V4;
    } else {
        return "is no IP address or net";
    }
    if (net->bits < 0)
        return "has no valid prefix length";
    return has_bits_behind(net) ? "has bits set behind its prefix length" : NULL;
}

/* Adds the item of n bytes that list begins with. */
static bool
add_net(struct guard *guard, const char *list, size_t n, int number, struct err *err)
{
    char item[64] = "";
    const char *wrong = "is no IP address or net";

    while (n > 0 && strchr(blank, list[n - 1]) != NULL)
        n--;
    if (n == 0)
        return err_setf(err, ERR_VALIDATION_ERROR, NULL, "Item %d is empty.", number);
    if (guard->nnets == GUARD_NETS_MAX)
        return err_setf(err, ERR_VALIDATION_ERROR, NULL, "Item %d is one too many.", number);
    if (n < sizeof item) {
        memcpy(item, list, n);
        wrong = read_net(&guard->nets[guard->nnets], item);
    }
    if (wrong != NULL)
        return err_setf(err, ERR_VALIDATION_ERROR, NULL, "Item %d (%.*s) %s.", number,
                        (int)(n < sizeof item ? n : sizeof item), list, wrong);
    guard->nnets++;
    return true;
}

bool
guard_read(struct guard *guard, const char *list, bool allow_http, struct err *err)
{
    *guard = (struct guard){ .allow_http = allow_http };
    list += strspn(list, blank);
    if (*list == '\0')
        return true;
    for (int number = 1;; number++) {
        size_t n = strcspn(list, ",");

        if (!add_net(guard, list, n, number, err))
            return false;
        if (list[n] == '\0')
            return true;
        list += n + 1;
        list += strspn(list, blank);
    }
}
