/* Which headers cross the proxy: two allow-lists; everything else stays behind. */
#include "work/proxy_priv.h"

#include "domain/agents.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { TRACEPARENT_SIZE = 56 }; /* W3C Trace Context, section 3.2 */

struct listed {
    const char *name;
    size_t size; /* of what is compared */
};

/* A whole name is compared with the NUL behind it. */
#define WHOLE(name)                                                                                \
    {                                                                                              \
        name, sizeof name                                                                          \
    }
#define ANY_ENDING(start)                                                                          \
    {                                                                                              \
        start, sizeof start - 1                                                                    \
    }

/* From the caller to the target. */
static const struct listed onward[] = {
    WHOLE("Accept"),
    WHOLE("Accept-Language"),
    WHOLE("Content-Type"),
    WHOLE("Content-Language"),
    WHOLE("Content-Encoding"),
    WHOLE("User-Agent"),
    WHOLE("Idempotency-Key"),
    WHOLE("Last-Event-ID"),
    WHOLE("Prefer"),
    WHOLE("Range"),
    WHOLE("If-Match"),
    WHOLE("If-None-Match"),
    WHOLE("If-Modified-Since"),
    WHOLE("tracestate"),
    WHOLE("baggage"),
    ANY_ENDING("X-Tragentics-"),
    ANY_ENDING("A2A-"),
    ANY_ENDING("Mcp-"),
    ANY_ENDING("OpenAI-"),
    ANY_ENDING("Anthropic-"),
    ANY_ENDING("X-Session-"),
};

/* From the target to the caller. */
static const struct listed back[] = {
    WHOLE("content-type"),
    WHOLE("content-language"),
    WHOLE("content-encoding"),
    WHOLE("content-disposition"),
    WHOLE("content-range"),
    WHOLE("accept-ranges"),
    WHOLE("cache-control"),
    WHOLE("etag"),
    WHOLE("expires"),
    WHOLE("last-modified"),
    WHOLE("link"),
    WHOLE("location"),
    WHOLE("retry-after"),
    WHOLE("vary"),
    WHOLE("www-authenticate"),
    ANY_ENDING("x-ratelimit-"),
    ANY_ENDING("ratelimit"),
    ANY_ENDING("a2a-"),
    ANY_ENDING("mcp-"),
    ANY_ENDING("openai-"),
    ANY_ENDING("anthropic-"),
    WHOLE("x-request-id"),
};

/* Asked for every header of every call: most names end at their first letter. */
static bool
is_listed(const struct listed *list, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (((list[i].name[0] ^ name[0]) & ~0x20) == 0 &&
            strncasecmp(list[i].name, name, list[i].size) == 0)
            return true;
    return false;
}

static void
put(struct proxied *p, const char *name, const char *value)
{
    if (p->nheaders < FORWARD_HEADERS_MAX)
        p->headers[p->nheaders++] = (struct param){ name, value };
}

/* The caller may not choose a header under which the target expects its key. */
static void
forward(void *arg, const char *name, const char *value)
{
    struct proxied *p = arg;
    const struct cached_agent *to = p->answers;

    if (!is_listed(onward, COUNT(onward), name) || value[0] == '\0')
        return;
    if (to->key_sealed.v != NULL && strcasecmp(name, to->key_header) == 0)
        return;
    if (to->version_header != NULL && strcasecmp(name, to->version_header) == 0)
        return;
    put(p, name, value);
}

static bool
put_credential(struct proxied *p, struct err *err)
{
    const struct secret *credential = agents_credential(&service_of(p->rq)->core, p->answers, err);

    if (credential != NULL)
        put(p, p->answers->key_header, secret_bytes(credential));
    return err->code == ERR_NONE;
}

static void
put_trace(struct proxied *p)
{
    struct request *rq = p->rq;
    const char *parent = request_header(rq, "traceparent");
    bool continued =
        parent != NULL && strlen(parent) >= 55 && strncmp(parent + 3, rq->trace_id, 32) == 0;
    unsigned char span[8];
    char *line = arena_alloc(rq->mem, TRACEPARENT_SIZE);

    ids_random(span, sizeof span);
    memcpy(line, "00-", 3);
    memcpy(line + 3, rq->trace_id, 32);
    line[35] = '-';
    ids_hex(span, sizeof span, line + 36);
    line[52] = '-';
    memcpy(line + 53, continued ? parent + 53 : "01", 2);
    put(p, "traceparent", line);
}

/* Each of our kind that a call passes adds one; a circle ends at HOPS_MAX. */
static bool
put_hops(struct proxied *p, struct err *err)
{
    static const char *const hops_after[HOPS_MAX] = { "1", "2", "3", "4", "5", "6", "7", "8" };
    const char *given = request_header(p->rq, "Roster-Hops");
    long hops = given == NULL ? 0 : strtol(given, NULL, 10);

    if (hops < 0 || hops >= HOPS_MAX)
        return err_set(err, ERR_PROXY_LOOP, NULL, NULL);
    put(p, "Roster-Hops", hops_after[hops]);
    return true;
}

bool
proxy_headers(struct proxied *p, struct err *err)
{
    struct request *rq = p->rq;
    const struct cached_agent *to = p->answers;
    const char *host = request_header(rq, "Host");

    p->nheaders = 0;
    if (!put_hops(p, err) || !put_credential(p, err))
        return false;
    if (to->version_header != NULL && to->version_value != NULL)
        put(p, to->version_header, to->version_value);
    put_trace(p);
    put(p, "Request-Id", rq->id);
    put(p, "X-Forwarded-For", rq->client_ip);
    put(p, "X-Forwarded-Proto", "http");
    if (host != NULL)
        put(p, "X-Forwarded-Host", host);
    put(p, "X-Roster-Caller", rq->caller.permanent_id);
    request_headers(rq, forward, p);
    return true;
}

void
proxy_reply_headers(struct request *rq, const struct params *headers)
{
    for (size_t i = 0; i < headers->n; i++) {
        const struct param *h = &headers->v[i];

        if (!is_listed(back, COUNT(back), h->name) || rq->reply.nheaders >= REQUEST_HEADERS_MAX - 8)
            continue;
        if (strcmp(h->name, "content-type") == 0)
            rq->reply.type = arena_text(rq->mem, h->value);
        else
            reply_header(rq, arena_text(rq->mem, h->name), arena_text(rq->mem, h->value));
    }
}
