/* Replies: bodies from specs, errors from dialects, the headers that go with them. */
#include "http/draw.h"

#include "json/text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

char *
draw_json(struct arena *mem, json_t *json, size_t *size)
{
    char *text = json_text(json, 0, mem);

    json_decref(json);
    if (size != NULL)
        *size = strlen(text);
    return text;
}

static void
put_json(struct request *rq, const char *text)
{
    rq->reply.bytes = text;
    rq->reply.size = strlen(text);
    rq->reply.type = "application/json";
}

/* FNV-1a over the body: tells two representations of one row version apart. */
static unsigned
digest_of(const char *bytes, size_t size)
{
    unsigned h = 2166136261u;

    for (size_t i = 0; i < size; i++)
        h = (h ^ (unsigned char)bytes[i]) * 16777619u;
    return h;
}

static void
put_etag(struct request *rq)
{
    const char *seen = request_header(rq, "If-None-Match");
    char *etag = arena_printf(rq->mem, "\"%lld.%08x\"", (long long)rq->etag,
                              digest_of(rq->reply.bytes, rq->reply.size));

    reply_header(rq, "ETag", etag);
    if (seen != NULL && strcmp(rq->route->method, "GET") == 0 &&
        (strcmp(seen, "*") == 0 || strstr(seen, etag) != NULL)) {
        rq->reply.status = 304;
        rq->reply.bytes = "";
        rq->reply.size = 0;
        rq->reply.type = NULL;
    }
}

void
draw_out(struct request *rq)
{
    if (rq->reply.status == 0)
        rq->reply.status = rq->route->ok;
    if (rq->reply.bytes == NULL && rq->out != NULL && rq->route->out != NULL)
        put_json(rq, spec_text(rq->route->out, rq->out, VIEW_FULL, rq->mem));
    if (rq->reply.bytes == NULL)
        rq->reply.bytes = "";
    if (rq->etag > 0)
        put_etag(rq);
}

char *
draw_kept(struct request *rq)
{
    assert(rq->out != NULL && rq->route->out != NULL);
    json_t *kept = spec_tree(rq->route->out, rq->out, VIEW_KEPT);

    for (const struct field *f = rq->route->out->fields; f->key != NULL; f++)
        if ((f->flags & F_SECRET) != 0 && json_is_null(json_object_get(kept, f->key)))
            json_object_set_new(kept, "notice",
                                json_sprintf("The %s was shown once and is not kept; rotate it "
                                             "to get a new one.",
                                             f->key));
    return draw_json(rq->mem, kept, NULL);
}

void
draw_facts(json_t *object, const struct err *err)
{
    for (unsigned i = 0; i < err->nfacts; i++) {
        const struct fact *fact = &err->facts[i];

        json_object_set_new(object, fact->key,
                            fact->text[0] != '\0' ? json_string(fact->text)
                                                  : json_integer(fact->number));
    }
}

static bool
stays(const char *name)
{
    return strcmp(name, "Allow") == 0 || strcmp(name, "Proxy-Status") == 0;
}

static void
keep_headers(struct request *rq)
{
    size_t kept = 0;

    for (size_t i = 0; i < rq->reply.nheaders; i++)
        if (stays(rq->reply.headers[i].name))
            rq->reply.headers[kept++] = rq->reply.headers[i];
    rq->reply.nheaders = kept;
}

/* What was wrong with a bearer credential (RFC 6750, 3.1); NULL: none was given. */
static const char *
fault_of(const struct request *rq)
{
    static const char bearer[] = "Bearer ";
    const char *given = request_header(rq, "Authorization");

    if (given == NULL || strncasecmp(given, bearer, sizeof bearer - 1) != 0)
        return NULL;
    return rq->err.code == ERR_INSUFFICIENT_SCOPE ? "insufficient_scope" : "invalid_token";
}

static const char *
scope_of(const struct err *err)
{
    for (unsigned i = 0; i < err->nfacts; i++)
        if (strcmp(err->facts[i].key, "scope") == 0)
            return err->facts[i].text;
    return NULL;
}

/* The credential that is wanted (RFC 6750, 3), and where a client learns who issues it (RFC 9728,
 * 5.1): that only for rows that take access tokens. */
static const char *
challenge_of(const struct request *rq)
{
    bool takes_tokens =
        rq->route != NULL && (rq->route->who == WHO_KEY || rq->route->who == WHO_CLIENT);
    const char *fault = rq->err.code == ERR_INVALID_CLIENT ? NULL : fault_of(rq);
    const char *scope = scope_of(&rq->err), *challenge = "Bearer", *and = " ";

    if (fault != NULL) {
        challenge = arena_printf(rq->mem, "%s%serror=\"%s\"", challenge, and, fault);
        and = ", ";
    }
    if (fault != NULL && scope != NULL)
        challenge = arena_printf(rq->mem, "%s%sscope=\"%s\"", challenge, and, scope);
    if (takes_tokens && rq->issuer != NULL)
        challenge = arena_printf(
            rq->mem, "%s%sresource_metadata=\"%s/.well-known/oauth-protected-resource\"", challenge,
            and, rq->issuer);
    return challenge;
}

/* What a client would have to say instead: its credential, or its protocol (RFC 6455, 4.4). */
static void
put_challenge(struct request *rq)
{
    if (rq->reply.status == 426)
        reply_header(rq, "Sec-WebSocket-Version", "13");
    if (rq->client.basic && rq->reply.status == 401)
        reply_header(rq, "WWW-Authenticate", "Basic realm=\"rosterd\"");
    else if (rq->reply.status == 401 ||
             (rq->err.code == ERR_INSUFFICIENT_SCOPE && fault_of(rq) != NULL))
        reply_header(rq, "WWW-Authenticate", challenge_of(rq));
}

void
draw_error(struct request *rq)
{
    int status = err_status(rq->err.code);
    unsigned wait = rq->err.retry_after;

    assert(rq->err.code != ERR_NONE);
    keep_headers(rq);
    rq->reply.status = status;
    put_challenge(rq);
    if ((status == 429 || status == 503) && wait == 0)
        wait = 1;
    if (wait > 0)
        reply_header(rq, "Retry-After", arena_printf(rq->mem, "%u", wait));
    put_json(rq, draw_json(rq->mem, rq->dialect->error(&rq->err, rq->id), NULL));
}

bool
draw_if_match(const struct request *rq, int64_t *version, struct err *err)
{
    const char *given = request_header(rq, "If-Match");
    char *end;

    *version = -1;
    if (given == NULL || strcmp(given, "*") == 0)
        return true;
    if (given[0] == '"' && given[1] >= '0' && given[1] <= '9') {
        long long number = strtoll(given + 1, &end, 10);

        if ((*end == '.' || *end == '"') && strchr(given, ',') == NULL && number > 0) {
            *version = number;
            return true;
        }
    }
    return err_set(err, ERR_PRECONDITION_FAILED, "If-Match",
                   "If-Match does not name an ETag of this resource.");
}

void
draw_standing(struct request *rq)
{
    if (rq->route != NULL && (rq->route->flags & ROUTE_FORM) != 0) {
        reply_header(rq, "Cache-Control", "no-store");
        reply_header(rq, "Pragma", "no-cache");
    }
    if (rq->rate.limit == 0)
        return;
    reply_header(rq, "X-RateLimit-Limit", arena_printf(rq->mem, "%lld", rq->rate.limit));
    reply_header(rq, "X-RateLimit-Remaining", arena_printf(rq->mem, "%lld", rq->rate.remaining));
    reply_header(rq, "X-RateLimit-Reset",
                 arena_printf(rq->mem, "%lld", (long long)rq->rate.reset_s));
}
