/* What out_url_read lets through is well formed, judged, and read the same a second time. */
#include "out/guard.h"
#include "out/url.h"

#include "fuzz.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <string.h>

static void
check_host(const struct guard *guard, const char *host)
{
    struct sockaddr_in in = { .sin_family = AF_INET };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

    if (inet_pton(AF_INET, host, &in.sin_addr) == 1)
        assert(guard_allows(guard, (const struct sockaddr *)&in));
    else if (inet_pton(AF_INET6, host, &in6.sin6_addr) == 1)
        assert(guard_allows(guard, (const struct sockaddr *)&in6));
    else /* what another resolver would take for an address must not pass as a name */
        assert(inet_aton(host, &in.sin_addr) == 0);
}

static void
check_parts(const struct out_url *url)
{
    assert(url->host[0] != '\0' && url->port >= 1 && url->port <= 65535);
    assert(url->target[0] == '/' && url->path[0] == '/');
    assert(strncmp(url->target, url->path, strlen(url->path)) == 0);
    assert(strstr(url->path, "/../") == NULL && strchr(url->authority, '@') == NULL);
    for (const char *c = url->target; *c != '\0'; c++)
        assert(*c > ' ' && *c < 0x7f && *c != '#');
}

static void
check_again(const struct guard *guard, const struct out_url *url, struct arena *mem)
{
    struct err err = { 0 };
    const char *text =
        arena_printf(mem, "%s://%s%s", url->https ? "https" : "http", url->authority, url->target);
    struct out_url *again = out_url_read(guard, text, "url", mem, &err);

    if (again == NULL && strlen(text) > OUT_URL_MAX) /* a normal form may be longer */
        return;
    assert(again != NULL && strcmp(again->host, url->host) == 0 && again->port == url->port);
    assert(strcmp(again->target, url->target) == 0 && again->https == url->https);
    assert(strcmp(again->authority, url->authority) == 0);
}

static void
read_with(const struct guard *guard, const char *text)
{
    struct arena *mem = arena_new();
    struct err err = { 0 };
    struct out_url *url = out_url_read(guard, text, "url", mem, &err);

    if (url == NULL) {
        assert(err.code == ERR_VALIDATION_ERROR && strncmp(err.reason, "url: ", 5) == 0);
    } else {
        assert(err.code == ERR_NONE && (url->https || guard->allow_http));
        check_host(guard, url->host);
        check_parts(url);
        check_again(guard, url, mem);
    }
    arena_free(mem);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static const struct guard strict;
    struct guard homely;
    struct err err = { 0 };
    struct arena *mem = arena_new();
    const char *text = arena_textn(mem, (const char *)bytes, n);

    assert(guard_read(&homely, "127.0.0.0/8, ::1, fd00::/8", true, &err));
    read_with(&strict, text);
    read_with(&homely, text);
    if (!guard_read(&homely, text, false, &err))
        assert(err.code == ERR_VALIDATION_ERROR);
    arena_free(mem);
    return 0;
}
