/* Reads the URLs that others give us. libcurl's parser has the last word on what they mean, since
 * libcurl will dial them; what could be read in two ways is refused before it sees them. */
#include "out/url.h"

#include "base/ids.h"
#include "base/must.h"
#include "out/guard.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Ports of protocols that could be talked into something by an HTTP request, or whose owners never
 * expect one: the lists that browsers keep, and databases, queues and control planes. */
static const int blocked_ports[] = {
    1,     7,     9,     11,    13,    15,    17,    19,    20,    21,    22,    23,   25,
    37,    42,    43,    53,    69,    77,    79,    87,    95,    101,   102,   103,  104,
    109,   110,   111,   113,   115,   117,   119,   123,   135,   137,   138,   139,  143,
    161,   162,   179,   389,   427,   445,   465,   512,   513,   514,   515,   526,  530,
    531,   532,   540,   548,   554,   556,   563,   587,   601,   623,   636,   873,  989,
    990,   993,   995,   1433,  1434,  1521,  1719,  1720,  1723,  1883,  2049,  2181, 2375,
    2376,  2379,  2380,  3268,  3269,  3306,  3389,  3659,  4045,  4190,  5060,  5061, 5432,
    5433,  5671,  5672,  5900,  5901,  5984,  5985,  5986,  6000,  6379,  6432,  6443, 6566,
    6665,  6666,  6667,  6668,  6669,  6679,  6697,  8883,  9042,  9092,  9200,  9300, 10080,
    10250, 10255, 11211, 15672, 25672, 26379, 27017, 27018, 27019, 33060, 50000,
};

#define PORT_RANGE   "must have a port between 1 and 65535"
#define NO_SUCH_HOST "must have a host name or an IP address as its host"

/* What the parts of a URL are while it is being read. */
struct reading {
    const struct guard *guard;
    const char *field;
    struct arena *mem;
    struct out_url *url;
    struct sockaddr_storage literal; /* ss_family AF_UNSPEC: the host is a name */
};

static bool
refuse(const struct reading *r, struct err *err, const char *must_be)
{
    return err_setf(err, ERR_VALIDATION_ERROR, r->field, "%s: %s.", r->field, must_be);
}

/* Before the parser: only characters of RFC 3986, and what no two parsers read alike is out. */
static bool
check_text(const struct reading *r, const char *text, struct err *err)
{
    static const char never[] = "\"<>\\^`{|}";
    size_t n = strnlen(text, OUT_URL_MAX + 1);

    if (n > OUT_URL_MAX)
        return refuse(r, err, "must be at most 2048 characters long");
    for (size_t i = 0; i < n; i++) {
        if (text[i] <= ' ' || text[i] >= 0x7f || strchr(never, text[i]) != NULL)
            return refuse(r, err, "has a character that a URL may not contain");
        if (text[i] == '#')
            return refuse(r, err, "must have no fragment");
        if (text[i] == '%' && (ids_hex_digit(text[i + 1]) < 0 || ids_hex_digit(text[i + 2]) < 0))
            return refuse(r, err, "has a % that is not followed by two hex digits");
    }
    return true;
}

/* Also before it: libcurl takes "https:/host", guesses at "host", and decodes %31 in a host. */
static bool
check_start(const struct reading *r, const char *text, struct err *err)
{
    bool https = strncasecmp(text, "https://", 8) == 0;

    if (!https && (!r->guard->allow_http || strncasecmp(text, "http://", 7) != 0))
        return refuse(r, err,
                      r->guard->allow_http ? "must be an https or http address"
                                           : "must be an https address");
    const char *authority = text + (https ? 8 : 7);
    size_t n = strcspn(authority, "/?");

    if (n == 0)
        return refuse(r, err, "must name a host");
    if (memchr(authority, '@', n) != NULL)
        return refuse(r, err, "must not contain a user name or password");
    if (memchr(authority, '%', n) != NULL)
        return refuse(r, err, "must not have percent-encoding or a zone in the host");
    r->url->https = https;
    return true;
}

/* A part in mem; NULL when there is none. */
static char *
part_of(CURLU *parsed, CURLUPart what, struct arena *mem)
{
    char *part = NULL;

    if (curl_url_get(parsed, what, &part, 0) != CURLUE_OK)
        return NULL;
    char *copy = arena_text(mem, part);
    curl_free(part);
    return copy;
}

/* An IP literal, IPv6 in brackets; writes the host in its usual form. */
static bool
read_literal(struct reading *r, const char *host)
{
    struct sockaddr_in in = { .sin_family = AF_INET };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
    char *usual = arena_alloc(r->mem, INET6_ADDRSTRLEN);
    size_t n = strlen(host);

    if (inet_pton(AF_INET, host, &in.sin_addr) == 1) {
        memcpy(&r->literal, &in, sizeof in);
        inet_ntop(AF_INET, &in.sin_addr, usual, INET6_ADDRSTRLEN);
    } else if (n > 2 && host[0] == '[' && host[n - 1] == ']' &&
               inet_pton(AF_INET6, arena_textn(r->mem, host + 1, n - 2), &in6.sin6_addr) == 1) {
        memcpy(&r->literal, &in6, sizeof in6);
        inet_ntop(AF_INET6, &in6.sin6_addr, usual, INET6_ADDRSTRLEN);
    } else {
        return false;
    }
    r->url->host = usual;
    return true;
}

/* Labels of letters, digits, "-" and "_" (of use inside private networks). The last may not be a
 * number: what libcurl did not turn into an address, another resolver might. */
static bool
is_name(const char *host)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-_";
    const char *label = host;

    if (strlen(host) > 253)
        return false;
    for (;;) {
        size_t n = strspn(label, allowed);

        if (n == 0 || n > 63 || label[0] == '-' || label[n - 1] == '-')
            return false;
        if (label[n] == '\0')
            break;
        if (label[n] != '.')
            return false;
        label += n + 1;
    }
    if (strncmp(label, "0x", 2) == 0)
        return label[2 + strspn(label + 2, "0123456789abcdef")] != '\0';
    return label[strspn(label, "0123456789")] != '\0';
}

static bool
ends_with(const char *host, const char *domain)
{
    size_t n = strlen(host), m = strlen(domain);

    if (n < m || strcmp(host + n - m, domain) != 0)
        return false;
    return n == m || host[n - m - 1] == '.';
}

static bool
lists_loopback(const struct guard *guard)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback };

    return guard_lists(guard, (const struct sockaddr *)&in) ||
           guard_lists(guard, (const struct sockaddr *)&in6);
}

static bool
check_name(const struct reading *r, const char *host, struct err *err)
{
    if (!is_name(host))
        return refuse(r, err, NO_SUCH_HOST);
    if (ends_with(host, "localhost") && !lists_loopback(r->guard))
        return refuse(r, err, "must not be at this host itself");
    if ((ends_with(host, "local") || ends_with(host, "internal")) && r->guard->nnets == 0)
        return refuse(r, err, "must not be at a name of a private network");
    return true;
}

static bool
read_host(struct reading *r, char *host, struct err *err)
{
    if (host == NULL)
        return refuse(r, err, "must name a host");
    for (char *c = host; *c != '\0'; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    if (!read_literal(r, host)) {
        r->url->host = host;
        return check_name(r, host, err);
    }
    if (!guard_allows(r->guard, (const struct sockaddr *)&r->literal))
        return refuse(r, err, "must be at a public address");
    return true;
}

static bool
read_port(struct reading *r, const char *port, struct err *err)
{
    int standard = r->url->https ? 443 : 80;
    long number = port == NULL ? standard : strtol(port, NULL, 10);
    bool is_listed = guard_lists(r->guard, (const struct sockaddr *)&r->literal);

    if (number < 1 || number > 65535)
        return refuse(r, err, PORT_RANGE);
    for (size_t i = 0; i < COUNT(blocked_ports); i++)
        if (number == blocked_ports[i] && !is_listed)
            return refuse(r, err, "must not be at a port that belongs to another protocol");

    const char *open = r->literal.ss_family == AF_INET6 ? "[" : "";
    const char *close = r->literal.ss_family == AF_INET6 ? "]" : "";
    r->url->port = (int)number;
    r->url->authority = number == standard
                            ? arena_printf(r->mem, "%s%s%s", open, r->url->host, close)
                            : arena_printf(r->mem, "%s%s%s:%ld", open, r->url->host, close, number);
    return true;
}

/* Whether a segment of the decoded path is "." or ".."; some servers take "\" for "/". */
static bool
has_dot_segment(const char *path)
{
    for (;;) {
        size_t n = strcspn(path, "/\\");

        if ((n == 1 || n == 2) && strspn(path, ".") == n)
            return true;
        if (path[n] == '\0')
            return false;
        path += n + 1;
    }
}

static bool
read_target(struct reading *r, const char *path, const char *query, struct err *err)
{
    char *decoded = arena_alloc(r->mem, strlen(path) + 1), *to = decoded;

    for (const char *c = path; *c != '\0'; c++) {
        if (*c != '%') {
            *to++ = *c;
            continue;
        }
        int byte = ids_hex_digit(c[1]) << 4 | ids_hex_digit(c[2]);
        if (byte < ' ' || byte == 0x7f)
            return refuse(r, err, "must not have control characters in its path");
        *to++ = (char)byte;
        c += 2;
    }
    if (has_dot_segment(decoded))
        return refuse(r, err, "must not have \".\" or \"..\" as a segment of its path");
    r->url->path = path;
    r->url->target = query == NULL ? path : arena_printf(r->mem, "%s?%s", path, query);
    return true;
}

/* What libcurl's parser has against it. */
static bool
refuse_parsed(const struct reading *r, CURLUcode rc, struct err *err)
{
    if (rc == CURLUE_BAD_PORT_NUMBER)
        return refuse(r, err, PORT_RANGE);
    if (rc == CURLUE_BAD_HOSTNAME || rc == CURLUE_BAD_IPV6 || rc == CURLUE_NO_HOST)
        return refuse(r, err, NO_SUCH_HOST);
    return refuse(r, err, "must be a valid URL");
}

static bool
read_parts(struct reading *r, CURLU *parsed, const char *text, struct err *err)
{
    /* No flag lets it guess: text begins with a scheme that we know. */
    CURLUcode rc =
        curl_url_set(parsed, CURLUPART_URL, text, CURLU_DISALLOW_USER | CURLU_PATH_AS_IS);

    if (rc != CURLUE_OK)
        return refuse_parsed(r, rc, err);

    const char *path = part_of(parsed, CURLUPART_PATH, r->mem);

    return read_host(r, part_of(parsed, CURLUPART_HOST, r->mem), err) &&
           read_port(r, part_of(parsed, CURLUPART_PORT, r->mem), err) &&
           read_target(r, path == NULL ? "/" : path, part_of(parsed, CURLUPART_QUERY, r->mem), err);
}

struct out_url *
out_url_read(const struct guard *guard, const char *text, const char *field, struct arena *mem,
             struct err *err)
{
    struct reading r = { guard, field, mem, ARENA_NEW(mem, struct out_url) };

    r.literal.ss_family = AF_UNSPEC;
    if (!check_text(&r, text, err) || !check_start(&r, text, err))
        return NULL;

    CURLU *parsed = must(curl_url());
    bool good = read_parts(&r, parsed, text, err);
    curl_url_cleanup(parsed);
    r.url->text = arena_text(mem, text);
    return good ? r.url : NULL;
}
