/* /api/proxy: the rows of the synchronous proxy; the work is in work/proxy.c. */
#include "api/portal/proxy.h"

#include "json/formats.h"
#include "work/proxy.h"

static const struct field args[] = {
    { "connectionId", .kind = FIELD_TEXT, .format = &format_uuid,
      .doc = "UUID of the connection." },
    { "path", .kind = FIELD_TEXT,
      .doc = "Path below the target's endpoint; only over connections that allow it." },
    FIELD_LAST,
};

static const struct field headers[] = {
    { "X-Tragentics-Protocol", .kind = FIELD_TEXT, .names = proxy_protocols,
      .doc = "The protocol that the call speaks; it stands in the record of the call." },
    { "X-Roster-Skill", .kind = FIELD_TEXT,
      .doc = "The skill of an agent of the mesh that the whole body is for." },
    FIELD_LAST,
};

#define CALLS                                                                                      \
    .who = WHO_AGENT, .limit = LIMIT_RUNTIME, .args = args, .headers = headers, .ok = 200,         \
    .flags = ROUTE_LOOP | ROUTE_STREAM

/* What can go wrong on the way, from either row. */
#define ON_THE_WAY                                                                                 \
    ERR_FORBIDDEN, ERR_CONNECTION_NOT_FOUND, ERR_PAYLOAD_TOO_LARGE, ERR_DNS_ERROR,                 \
        ERR_IP_PROHIBITED, ERR_NO_ENDPOINT, ERR_CONNECTION_REFUSED, ERR_CONNECTION_TERMINATED,     \
        ERR_TLS_PROTOCOL_ERROR, ERR_TLS_CERTIFICATE_ERROR, ERR_RESPONSE_INCOMPLETE,                \
        ERR_RESPONSE_HEADERS_TOO_LARGE, ERR_HTTP_PROTOCOL_ERROR, ERR_PROXY_LOOP,                   \
        ERR_TARGET_OFFLINE, ERR_CONNECTION_LIMIT, ERR_DNS_TIMEOUT, ERR_CONNECTION_TIMEOUT,         \
        ERR_RESPONSE_TIMEOUT, ERR_MALFORMED_JSON, ERR_VALIDATION_ERROR, ERR_INVALID_DISPATCH,      \
        ERR_HANDLER_ERROR, ERR_DISPATCH_AUTH_UNAVAILABLE

const struct route portal_proxy_routes[] = {
    { "POST", "/api/proxy/{connectionId}", proxy_begin, "call", "Call the agent at the other end",
      CALLS, .fails = { ON_THE_WAY },
      .doc =
          "The body goes to the target's endpoint as it comes, with the target's own key in "
          "place of the caller's token, and the answer comes back whatever its status. "
          "x-tragentics-fallback names the agent that answered in the target's place. An error "
          "of ours has request_id in its body. A target without an endpoint, but with instances in "
          "the mesh, gets a dispatch instead: {skill_id, args}, or any JSON as the arguments of "
          "the skill that X-Roster-Skill names (call); the answer is its result." },
    { "POST", "/api/proxy/{connectionId}/{path*}", proxy_begin, "callPath",
      "Call a path below the endpoint of the agent at the other end", CALLS,
      .fails = { ON_THE_WAY },
      .doc = "For an agent of the mesh the path is the name of the skill." },
    ROUTE_LAST,
};
