/* What a row may answer when it fails: its own codes, and those that follow from its cells. */
#include "http/route.h"

#include <string.h>

static bool
always(const struct route *route)
{
    (void)route;
    return true;
}

static bool
asks_a_worker(const struct route *route)
{
    return (route->flags & ROUTE_LOOP) == 0 || route->who != WHO_ANYONE;
}

static bool
collects_a_body(const struct route *route)
{
    return (route->flags & ROUTE_STREAM) == 0;
}

static bool
reads_json(const struct route *route)
{
    return route->in != NULL && (route->flags & ROUTE_LAX_BODY) == 0;
}

static bool
reads_json_alone(const struct route *route)
{
    return reads_json(route) && (route->flags & ROUTE_FORM) == 0;
}

static bool
wants_a_caller(const struct route *route)
{
    return route->who != WHO_ANYONE;
}

static bool
wants_an_agent(const struct route *route)
{
    return route->who == WHO_AGENT;
}

/* Of an organization that may be suspended. */
static bool
wants_a_key(const struct route *route)
{
    return route->who == WHO_KEY || route->who == WHO_CLIENT;
}

static bool
wants_a_scope(const struct route *route)
{
    return (route->who == WHO_KEY || route->who == WHO_CLIENT) && route->scope != 0;
}

static bool
wants_a_client(const struct route *route)
{
    return route->who == WHO_CLIENT;
}

/* Refused credentials are counted wherever a credential is asked for. */
static bool
is_limited(const struct route *route)
{
    return route->limit != LIMIT_NONE || wants_a_caller(route);
}

static bool
creates(const struct route *route)
{
    return (route->flags & ROUTE_CREATES) != 0;
}

static bool
honours_if_match(const struct route *route)
{
    return (route->flags & ROUTE_ETAG) != 0 && !creates(route) && strcmp(route->method, "GET") != 0;
}

static const struct {
    enum err_code code;
    bool (*applies)(const struct route *route);
} rules[] = {
    { ERR_VALIDATION_ERROR, always }, /* a parameter that it does not know */
    { ERR_MALFORMED_REQUEST, always },
    { ERR_MALFORMED_JSON, reads_json },
    { ERR_INVALID_CLIENT, wants_a_client },
    { ERR_UNAUTHORIZED_CLIENT, wants_a_client },
    { ERR_UNAUTHORIZED, wants_a_caller },
    { ERR_WRONG_CREDENTIAL, wants_a_caller },
    { ERR_AGENT_REVOKED, wants_an_agent },
    { ERR_AGENT_ARCHIVED, wants_an_agent },
    { ERR_AGENT_DISABLED, wants_an_agent },
    { ERR_FORBIDDEN, wants_a_key },
    { ERR_INSUFFICIENT_SCOPE, wants_a_scope },
    { ERR_IDEMPOTENCY_RUNNING, creates },
    { ERR_PRECONDITION_FAILED, honours_if_match },
    { ERR_PAYLOAD_TOO_LARGE, collects_a_body },
    { ERR_URI_TOO_LONG, always },
    { ERR_UNSUPPORTED_MEDIA_TYPE, reads_json_alone },
    { ERR_IDEMPOTENCY_MISMATCH, creates },
    { ERR_RATE_LIMITED, is_limited },
    { ERR_INTERNAL_ERROR, asks_a_worker },
    { ERR_DATABASE_UNAVAILABLE, asks_a_worker },
    { ERR_OVERLOADED, asks_a_worker },
    { ERR_DRAINING, wants_a_caller },
};

static void
sort_by_status(enum err_code *codes, size_t n)
{
    for (size_t i = 1; i < n; i++)
        for (size_t k = i; k > 0 && err_status(codes[k - 1]) > err_status(codes[k]); k--) {
            enum err_code other = codes[k];

            codes[k] = codes[k - 1];
            codes[k - 1] = other;
        }
}

void
route_failures(const struct route *route, enum err_code fails[ERR_COUNT])
{
    bool may[ERR_COUNT] = { false };
    size_t n = 0;

    for (size_t i = 0; i < ROUTE_FAILS_MAX && route->fails[i] != ERR_NONE; i++)
        may[route->fails[i]] = true;
    for (size_t i = 0; i < COUNT(rules); i++)
        if (rules[i].applies(route))
            may[rules[i].code] = true;
    for (int code = ERR_NONE + 1; code < ERR_COUNT; code++)
        if (may[code])
            fails[n++] = (enum err_code)code;
    sort_by_status(fails, n);
    fails[n] = ERR_NONE;
}
