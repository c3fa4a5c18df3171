/* Which headers cross the proxy: two allow-lists; everything else stays behind. */
#include "work/proxy_priv.h"

#include "domain/agents.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* From the caller to the target; a last "*" stands for any ending. */
static const char *const onward[] = { "Accept",
                                      "Accept-Language",
                                      "Content-Type",
                                      "Content-Language",
                                      "Content-Encoding",
                                      "User-Agent",
                                      "Idempotency-Key",
                                      "Last-Event-ID",
                                      "Prefer",
                                      "Range",
                                      "If-Match",
                                      "If-None-Match",
                                      "If-Modified-Since",
                                      "tracestate",
                                      "baggage",
                                      "X-Tragentics-*",
                                      "A2A-*",
                                      "Mcp-*",
                                      "OpenAI-*",
                                      "Anthropic-*",
                                      "X-Session-*",
                                      NULL };

/* From the target to the caller. */
static const char *const back[] = { "content-type",
                                    "content-language",
                                    "content-encoding",
                                    "content-disposition",
                                    "content-range",
                                    "accept-ranges",
                                    "cache-control",
                                    "etag",
                                    "expires",
                                    "last-modified",
                                    "link",
                                    "location",
                                    "retry-after",
                                    "vary",
                                    "www-authenticate",
                                    "x-ratelimit-*",
                                    "ratelimit*",
                                    "a2a-*",
                                    "mcp-*",
                                    "openai-*",
                                    "anthropic-*",
                                    "x-request-id",
                                    NULL };

static bool
is_listed(const char *const *list, const char *name)
{
    for (; *list != NULL; list++) {
        size_t n = strlen(*list);

        if ((*list)[n - 1] == '*' ? strncasecmp(*list, name, n - 1) == 0
                                  : strcasecmp(*list, name) == 0)
            return true;
    }
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

    if (!is_listed(onward, name) || value[0] == '\0')
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
    unsigned char random[8];
    char span[2 * sizeof random + 1];

    ids_random(random, sizeof random);
    ids_hex(random, sizeof random, span);
    put(p, "traceparent",
        arena_printf(rq->mem, "00-%s-%s-%.2s", rq->trace_id, span, continued ? parent + 53 : "01"));
}

/* Each of our kind that a call passes adds one; a circle ends at HOPS_MAX. */
static bool
put_hops(struct proxied *p, struct err *err)
{
    const char *given = request_header(p->rq, "Roster-Hops");
    long hops = given == NULL ? 0 : strtol(given, NULL, 10);

    if (hops < 0 || hops >= HOPS_MAX)
        return err_set(err, ERR_PROXY_LOOP, NULL, NULL);
    put(p, "Roster-Hops", arena_printf(p->rq->mem, "%ld", hops + 1));
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

        if (!is_listed(back, h->name) || rq->reply.nheaders >= REQUEST_HEADERS_MAX - 8)
            continue;
        if (strcmp(h->name, "content-type") == 0)
            rq->reply.type = arena_text(rq->mem, h->value);
        else
            reply_header(rq, arena_text(rq->mem, h->name), arena_text(rq->mem, h->value));
    }
}
