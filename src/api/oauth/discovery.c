/* The key set (RFC 7517) and the discovery documents (RFC 8414, OpenID Connect Discovery, RFC
 * 9728). Addresses come from the issuer, never from the Host header. */
#include "api/oauth/discovery.h"

#include "domain/keys.h"
#include "domain/signing.h"
#include "model/scope.h"
#include "work/service.h"

#include <string.h>

struct discovery {
    const char *issuer, *authorization_endpoint, *token_endpoint, *jwks_uri;
    const char *introspection_endpoint, *revocation_endpoint, *userinfo_endpoint, *documentation;
    struct texts grants, client_auth, code_types, token_types, challenges, scopes, subjects;
    struct texts id_algs, claims;
};

#define DOC_ISSUER "The public address of this service; the iss of its tokens."

/* What both documents say. */
#define COMMON_FIELDS                                                                              \
    { "issuer", TEXT_AT(struct discovery, issuer), .min = 1, .doc = DOC_ISSUER },                  \
        { "authorization_endpoint", TEXT_AT(struct discovery, authorization_endpoint), .min = 1,   \
          .doc = "Refuses every request: there is no user here to ask." },                         \
        { "token_endpoint", TEXT_AT(struct discovery, token_endpoint), .min = 1,                   \
          .doc = "Where access tokens are issued." },                                              \
        { "jwks_uri", TEXT_AT(struct discovery, jwks_uri), .min = 1,                               \
          .doc = "The keys that tokens are verified with." },                                      \
        { "introspection_endpoint", TEXT_AT(struct discovery, introspection_endpoint), .min = 1,   \
          .doc = "Tells of a token (RFC 7662)." },                                                 \
        { "revocation_endpoint", TEXT_AT(struct discovery, revocation_endpoint), .min = 1,         \
          .doc = "Ends a token before its time (RFC 7009)." },                                     \
        { "grant_types_supported", TEXTS_AT(struct discovery, grants), .doc = "One." },            \
        { "scopes_supported", TEXTS_AT(struct discovery, scopes), .doc = "Every scope." },         \
    {                                                                                              \
        "token_endpoint_auth_methods_supported", TEXTS_AT(struct discovery, client_auth),          \
            .doc = "How a client proves itself."                                                   \
    }

static const struct field server_fields[] = {
    COMMON_FIELDS,
    { "response_types_supported", TEXTS_AT(struct discovery, code_types),
      .doc = "Of the authorization endpoint, which refuses them." },
    { "code_challenge_methods_supported", TEXTS_AT(struct discovery, challenges),
      .doc = "Likewise." },
    { "service_documentation", TEXT_AT(struct discovery, documentation), .min = 1,
      .doc = "The reference page." },
    FIELD_LAST,
};

static const struct spec server_spec = { "AuthorizationServer", sizeof(struct discovery),
                                         server_fields };

static const struct field openid_fields[] = {
    COMMON_FIELDS,
    { "userinfo_endpoint", TEXT_AT(struct discovery, userinfo_endpoint), .min = 1,
      .doc = "Claims of the calling agent." },
    { "response_types_supported", TEXTS_AT(struct discovery, token_types),
      .doc = "Of the authorization endpoint, which refuses them." },
    { "subject_types_supported", TEXTS_AT(struct discovery, subjects), .doc = "One." },
    { "id_token_signing_alg_values_supported", TEXTS_AT(struct discovery, id_algs),
      .doc = "What an id token may be signed with." },
    { "claims_supported", TEXTS_AT(struct discovery, claims), .doc = "What tokens say." },
    FIELD_LAST,
};

static const struct spec openid_spec = { "OpenIdConfiguration", sizeof(struct discovery),
                                         openid_fields };

struct resource {
    const char *resource, *documentation;
    struct texts servers, scopes, methods;
};

static const struct field resource_fields[] = {
    { "resource", TEXT_AT(struct resource, resource), .min = 1,
      .doc = "The address that this is about." },
    { "authorization_servers", TEXTS_AT(struct resource, servers), .doc = "Who issues tokens." },
    { "scopes_supported", TEXTS_AT(struct resource, scopes), .doc = "Every scope." },
    { "bearer_methods_supported", TEXTS_AT(struct resource, methods),
      .doc = "How a token is sent." },
    { "resource_documentation", TEXT_AT(struct resource, documentation), .min = 1,
      .doc = "The reference page." },
    FIELD_LAST,
};

static const struct spec resource_spec = { "ProtectedResource", sizeof(struct resource),
                                           resource_fields };

#define TEXTS(...)                                                                                 \
    ((struct texts){ (const char *[]){ __VA_ARGS__ },                                              \
                     sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(const char *) })

static struct texts
copy(struct request *rq, struct texts texts)
{
    const char **v = arena_alloc(rq->mem, texts.n * sizeof *v);

    memcpy(v, texts.v, texts.n * sizeof *v);
    return (struct texts){ v, texts.n };
}

static struct texts
all_scopes(void)
{
    return (struct texts){ (const char **)(uintptr_t)scope_names, SCOPE_COUNT };
}

static const char *
issuer_of(const struct request *rq)
{
    return service_of(rq)->core.issuer;
}

static const char *
at_issuer(struct request *rq, const char *path)
{
    return arena_printf(rq->mem, "%s%s", issuer_of(rq), path);
}

/* The same for everyone, and true for as long as a key set. */
static void
may_be_kept(struct request *rq)
{
    reply_header(rq, "Cache-Control",
                 arena_printf(rq->mem, "public, max-age=%d", SIGNING_JWKS_LIFE_S));
}

static bool
get_discovery(struct request *rq, struct err *err)
{
    struct discovery *d = ARENA_NEW(rq->mem, struct discovery);

    (void)err;
    *d = (struct discovery){
        .issuer = issuer_of(rq),
        .authorization_endpoint = at_issuer(rq, "/api/v1/authorize"),
        .token_endpoint = at_issuer(rq, "/api/v1/token"),
        .jwks_uri = at_issuer(rq, "/.well-known/jwks.json"),
        .introspection_endpoint = at_issuer(rq, "/api/v1/token/introspect"),
        .revocation_endpoint = at_issuer(rq, "/api/v1/token/revoke"),
        .userinfo_endpoint = at_issuer(rq, "/agent-info"),
        .documentation = at_issuer(rq, "/docs"),
        .grants = copy(rq, TEXTS("client_credentials")),
        .client_auth = copy(rq, TEXTS("client_secret_basic", "client_secret_post")),
        .code_types = copy(rq, TEXTS("code")),
        .token_types = copy(rq, TEXTS("token")),
        .challenges = copy(rq, TEXTS("S256")),
        .scopes = all_scopes(),
        .subjects = copy(rq, TEXTS("public")),
        .id_algs = copy(rq, TEXTS("RS256", "ES256")),
        .claims = copy(rq, TEXTS("iss", "sub", "aud", "iat", "exp", "jti", "client_id", "scope",
                                 "organization_id", "agent_id", "agent_type", "capabilities",
                                 "deployment_env", "owner", "nonce")),
    };
    may_be_kept(rq);
    rq->out = d;
    return true;
}

static bool
get_resource(struct request *rq, struct err *err)
{
    struct resource *resource = ARENA_NEW(rq->mem, struct resource);

    (void)err;
    *resource = (struct resource){
        .resource = rq->rest == NULL ? issuer_of(rq)
                                     : arena_printf(rq->mem, "%s/%s", issuer_of(rq), rq->rest),
        .documentation = at_issuer(rq, "/docs"),
        .servers = copy(rq, TEXTS(issuer_of(rq))),
        .scopes = all_scopes(),
        .methods = copy(rq, TEXTS("header")),
    };
    may_be_kept(rq);
    rq->out = resource;
    return true;
}

static bool
get_keys(struct request *rq, struct err *err)
{
    const char *set = signing_jwks(rq->unit, err);

    if (set == NULL)
        return false;
    may_be_kept(rq);
    rq->reply.status = rq->route->ok;
    rq->reply.type = rq->route->out_type;
    rq->reply.bytes = set;
    rq->reply.size = strlen(set);
    return true;
}

struct authorize_query {
    const char *response_type;
};

static const struct field authorize_fields[] = {
    { "response_type", TEXT_AT(struct authorize_query, response_type),
      .doc = "None is supported." },
    FIELD_LAST,
};

static const struct spec authorize_spec = { "AuthorizeQuery", sizeof(struct authorize_query),
                                            authorize_fields, .open = true };

static bool
refuse_to_authorize(struct request *rq, struct err *err)
{
    (void)rq;
    return err_set(err, ERR_UNSUPPORTED_RESPONSE_TYPE, "response_type", NULL);
}

static const struct field resource_args[] = {
    { "path", FIELD_TEXT, .min = 1, .doc = "The path of the resource." },
    FIELD_LAST,
};

#define DOCUMENT .flags = ROUTE_LOOP, .ok = 200

const struct route oauth_discovery_routes[] = {
    { "GET", "/.well-known/jwks.json", get_keys, "jwks", "The keys that tokens are verified with",
      .ok = 200, .out_type = "application/json",
      .doc = "A JSON Web Key Set. It may be kept for ten minutes: a new key is in it for longer "
             "than that before it signs." },
    { "GET", "/.well-known/openid-configuration", get_discovery, "openidConfiguration",
      "This service as an OpenID provider", DOCUMENT, .out = &openid_spec },
    { "GET", "/.well-known/oauth-authorization-server", get_discovery, "authorizationServer",
      "This service as an OAuth 2.0 authorization server (RFC 8414)", DOCUMENT,
      .out = &server_spec },
    { "GET", "/.well-known/oauth-protected-resource", get_resource, "protectedResource",
      "This service as a resource that takes access tokens (RFC 9728)", DOCUMENT,
      .out = &resource_spec },
    { "GET", "/.well-known/oauth-protected-resource/{path*}", get_resource, "protectedResourceAt",
      "The same for one of its addresses", DOCUMENT, .out = &resource_spec, .args = resource_args },
    { "GET", "/api/v1/authorize", refuse_to_authorize, "authorize",
      "Refuses every authorization request", .flags = ROUTE_LOOP, .query = &authorize_spec,
      .fails = { ERR_UNSUPPORTED_RESPONSE_TYPE },
      .doc = "Clients find it in the discovery documents, where some insist on one. The only "
             "grant here is client_credentials." },
    ROUTE_LAST,
};
