/* Where a request comes from: the client's address behind trusted proxies, and its trace. */
#include "http/http_priv.h"

#include "base/ids.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

static bool
address_of(const struct sockaddr *from, unsigned char out[16])
{
    static const unsigned char mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

    if (from->sa_family == AF_INET) {
        memcpy(out, mapped, sizeof mapped);
        memcpy(out + 12, &((const struct sockaddr_in *)(const void *)from)->sin_addr, 4);
        return true;
    }
    if (from->sa_family == AF_INET6) {
        memcpy(out, &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr, 16);
        return true;
    }
    return false;
}

static bool
address_read(const char *text, unsigned char out[16])
{
    struct sockaddr_in v4 = { .sin_family = AF_INET };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };

    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
        return address_of((const struct sockaddr *)(const void *)&v4, out);
    return inet_pton(AF_INET6, text, &v6.sin6_addr) == 1 &&
           address_of((const struct sockaddr *)(const void *)&v6, out);
}

static void
address_text(const unsigned char address[16], char out[46])
{
    static const unsigned char mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

    if (memcmp(address, mapped, sizeof mapped) == 0)
        inet_ntop(AF_INET, address + 12, out, 46);
    else
        inet_ntop(AF_INET6, address, out, 46);
}

static bool
is_trusted(const struct http_nets *nets, const unsigned char address[16])
{
    for (size_t i = 0; nets != NULL && i < nets->n; i++) {
        int whole = nets->v[i].bits / 8, rest = nets->v[i].bits % 8;

        if (memcmp(nets->v[i].address, address, (size_t)whole) != 0)
            continue;
        if (rest == 0 || ((nets->v[i].address[whole] ^ address[whole]) >> (8 - rest)) == 0)
            return true;
    }
    return false;
}

/* The right-most address of X-Forwarded-For that is not one of our proxies: what stands left of it
 * the client may have made up. */
static void
follow_forwarded(const char *list, const struct http_nets *trusted, unsigned char address[16])
{
    char text[512];
    size_t n = strnlen(list, sizeof text);

    if (n == sizeof text)
        return;
    memcpy(text, list, n + 1);
    while (is_trusted(trusted, address)) {
        char *comma = strrchr(text, ',');
        char *item = comma == NULL ? text : comma + 1;
        unsigned char next[16];

        item += strspn(item, " \t");
        item[strcspn(item, " \t")] = '\0';
        if (!address_read(item, next))
            return;
        memcpy(address, next, sizeof next);
        if (comma == NULL)
            return;
        *comma = '\0';
    }
}

static bool
is_hex(const char *text, size_t n)
{
    return strspn(text, "0123456789abcdef") >= n;
}

/* traceparent (W3C Trace Context, section 3.2): continued when valid, replaced when not. */
static void
read_trace(struct request *rq)
{
    const char *parent = request_header(rq, "traceparent");
    unsigned char fresh[16];

    if (parent != NULL && strlen(parent) >= 55 && is_hex(parent, 2) && parent[2] == '-' &&
        is_hex(parent + 3, 32) && parent[35] == '-' && strncmp(parent, "ff", 2) != 0 &&
        strspn(parent + 3, "0") < 32) {
        memcpy(rq->trace_id, parent + 3, 32);
        return;
    }
    ids_random(fresh, sizeof fresh);
    ids_hex(fresh, sizeof fresh, rq->trace_id);
}

void
origin_of_peer(struct peer *peer)
{
    unsigned char address[16] = { 0 };

    address_of((const struct sockaddr *)(const void *)&peer->address, address);
    address_text(address, peer->address_text);
}

void
origin_read(struct request *rq, const struct peer *peer, const struct http_nets *trusted)
{
    unsigned char address[16] = { 0 };

    address_of((const struct sockaddr *)(const void *)&peer->address, address);
    if (is_trusted(trusted, address)) {
        const char *forwarded = request_header(rq, "X-Forwarded-For");

        if (forwarded != NULL)
            follow_forwarded(forwarded, trusted, address);
        address_text(address, rq->client_ip);
    } else {
        memcpy(rq->client_ip, peer->address_text, sizeof rq->client_ip);
    }
    read_trace(rq);
}

static bool
net_read(char *item, struct http_net *net)
{
    char *slash = strchr(item, '/');
    bool v6 = strchr(item, ':') != NULL;
    long bits = v6 ? 128 : 32;

    if (slash != NULL) {
        char *end;

        *slash = '\0';
        long given = strtol(slash + 1, &end, 10);
        if (end == slash + 1 || *end != '\0' || given < 0 || given > bits)
            return false;
        bits = given;
    }
    net->bits = (int)(v6 ? bits : bits + 96);
    return address_read(item, net->address);
}

struct http_nets *
http_nets_read(const char *text, struct arena *mem, struct err *err)
{
    enum { NETS_MAX = 64 };
    struct http_net *v = arena_alloc(mem, NETS_MAX * sizeof *v);
    struct http_nets *nets = ARENA_NEW(mem, struct http_nets);
    char *rest = arena_text(mem, text), *item;

    nets->v = v;
    while ((item = strsep(&rest, ",")) != NULL) {
        item += strspn(item, " \t");
        item[strcspn(item, " \t")] = '\0';
        if (*item == '\0')
            continue;
        if (nets->n == NETS_MAX || !net_read(item, &v[nets->n])) {
            err_setf(err, ERR_VALIDATION_ERROR, "trusted_proxies",
                     "\"%.60s\" is not a network such as 10.0.0.0/8.", item);
            return NULL;
        }
        nets->n++;
    }
    return nets;
}
