/* The token endpoint (RFC 6749), introspection (RFC 7662), revocation (RFC 7009), and who calls. */
#include "api/oauth/token.h"

#include "domain/identities.h"
#include "domain/tokens.h"
#include "json/formats.h"
#include "model/scope.h"
#include "work/limits.h"

enum { BODY_MAX = 32 * 1024, SCOPE_MAX = 1000, URL_MAX = 2048, NONCE_MAX = 255, TOKEN_MAX = 8192 };

/* ---- issuing ---- */

struct token_body {
    const char *grant_type, *client_id, *client_secret, *scope, *resource, *nonce;
};

/* clang-format off */
#define CLIENT_FIELDS(of)                                                                          \
    { "client_id", TEXT_AT(of, client_id), 0, .min = 1, .max = CLIENT_TEXT_MAX,                    \
      .doc = "The agent's UUID, unless the client uses Basic." },                                  \
    { "client_secret", TEXT_AT(of, client_secret), F_IN_ONLY, .min = 1, .max = CLIENT_TEXT_MAX,    \
      .doc = "Unless the client uses Basic." }
/* clang-format on */

static const struct field body_fields[] = {
    { "grant_type", TEXT_AT(struct token_body, grant_type), F_REQUIRED, .min = 1, .max = 100,
      .doc = "client_credentials.", .example = "\"client_credentials\"" },
    CLIENT_FIELDS(struct token_body),
    { "scope", TEXT_AT(struct token_body, scope), 0, .min = 1, .max = SCOPE_MAX,
      .doc = "Words with a space between; all that the client may have, but for admin:orgs and "
             "openid, when not given.",
      .example = "\"agents:read tokens:read\"" },
    { "resource", TEXT_AT(struct token_body, resource), 0, .min = 1, .max = URL_MAX,
      .doc = "The audience, an address of this service (RFC 8707); the issuer when not given." },
    { "nonce", TEXT_AT(struct token_body, nonce), 0, .min = 1, .max = NONCE_MAX,
      .doc = "Comes back in the id token." },
    FIELD_LAST,
};

static const struct spec body_spec = { "TokenRequest", sizeof(struct token_body), body_fields,
                                       .open = true };

struct drawn_grant {
    const char *access_token, *token_type, *scope, *id_token;
    int64_t expires_in;
};

static const struct field grant_fields[] = {
    { "access_token", TEXT_AT(struct drawn_grant, access_token), 0, .min = 1,
      .doc = "A JWT (RFC 9068)." },
    { "token_type", TEXT_AT(struct drawn_grant, token_type), 0, .min = 1, .doc = "Bearer." },
    { "expires_in", INT_AT(struct drawn_grant, expires_in), 0, .min = 1, .doc = "Seconds." },
    { "scope", TEXT_AT(struct drawn_grant, scope), 0, .min = 1, .doc = "What was granted." },
    { "id_token", TEXT_AT(struct drawn_grant, id_token), F_OMIT_NULL,
      .doc = "Who the agent is; when the scope openid was asked for." },
    FIELD_LAST,
};

static const struct spec grant_spec = { "TokenGrant", sizeof(struct drawn_grant), grant_fields };

static bool
admit(void *arg, struct err *err)
{
    struct request *rq = arg;

    return limits_take_proved(service_of(rq), rq, err);
}

static bool
issue(struct request *rq, struct err *err)
{
    const struct token_body *body = rq->in;
    const struct token_request want = { body->grant_type,
                                        body->scope,
                                        body->resource,
                                        body->nonce,
                                        { rq->client.id, rq->client.secret },
                                        admit,
                                        rq };
    const struct token_grant *grant = tokens_issue(rq->unit, &want, err);
    struct drawn_grant *drawn = ARENA_NEW(rq->mem, struct drawn_grant);

    if (grant == NULL) {
        limits_take_refusal(service_of(rq), rq, err);
        return false;
    }
    *drawn = (struct drawn_grant){ grant->access_token, "Bearer", grant->scope, grant->id_token,
                                   grant->expires_in };
    rq->out = drawn;
    return true;
}

/* ---- telling and revoking ---- */

struct token_ref {
    const char *token, *token_type_hint, *client_id, *client_secret;
};

static const struct field ref_fields[] = {
    { "token", TEXT_AT(struct token_ref, token), F_REQUIRED, .min = 1, .max = TOKEN_MAX,
      .doc = "The access token." },
    { "token_type_hint", TEXT_AT(struct token_ref, token_type_hint), 0, .max = 100,
      .doc = "Not needed: there are only access tokens." },
    CLIENT_FIELDS(struct token_ref),
    FIELD_LAST,
};

static const struct spec ref_spec = { "TokenReference", sizeof(struct token_ref), ref_fields,
                                      .open = true };

#define FACT(name, text)                                                                           \
    {                                                                                              \
#name, TEXT_AT(struct token_facts, name), F_OMIT_NULL, .doc = (text)                       \
    }

static const struct field facts_fields[] = {
    { "active", BOOL_AT(struct token_facts, active), 0,
      .doc = "Whether it is in force; when it is not, there is nothing else." },
    FACT(sub, "The agent."),
    FACT(client_id, "The same."),
    FACT(scope, "Words with a space between."),
    FACT(token_type, "Bearer."),
    { "iat", INT_AT(struct token_facts, iat), F_OMIT_NULL, .min = 1,
      .doc = "When it was issued, in Unix seconds." },
    { "exp", INT_AT(struct token_facts, exp), F_OMIT_NULL, .min = 1,
      .doc = "When it ends, in Unix seconds." },
    FACT(iss, "Who issued it."),
    FACT(aud, "For whom."),
    FACT(jti, "Names this token."),
    FACT(organization_id, "The agent's organization."),
    FIELD_LAST,
};

static const struct spec facts_spec = { "TokenFacts", sizeof(struct token_facts), facts_fields };

static bool
introspect(struct request *rq, struct err *err)
{
    const struct token_ref *ref = rq->in;

    return (rq->out = tokens_introspect(rq->unit, ref->token, err)) != NULL;
}

static bool
revoke(struct request *rq, struct err *err)
{
    const struct token_ref *ref = rq->in;

    return tokens_revoke(rq->unit, ref->token, err);
}

/* ---- who calls ---- */

static const struct field self_fields[] = {
    { "sub", TEXT_AT(struct identity, id), 0, .format = &format_uuid, .doc = "The agent." },
    { "agent_id", TEXT_AT(struct identity, id), 0, .format = &format_uuid, .doc = "The same." },
    { "email", TEXT_AT(struct identity, email), 0, .doc = "As it was registered." },
    { "agent_type", ENUM_AT(struct identity, type), 0, .names = identity_type_words,
      .doc = "What sort of agent it is." },
    { "organization_id", TEXT_AT(struct identity, org_id), 0, .format = &format_uuid,
      .doc = "Its organization." },
    { "capabilities", TEXTS_AT(struct identity, capabilities), 0,
      .doc = "resource:action, as declared." },
    { "deployment_env", ENUM_AT(struct identity, env), 0, .names = identity_env_words,
      .doc = "Where it runs." },
    { "owner", TEXT_AT(struct identity, owner), 0, .doc = "The team that owns it." },
    FIELD_LAST,
};

static const struct spec self_spec = { "AgentInfo", sizeof(struct identity), self_fields };

static bool
self(struct request *rq, struct err *err)
{
    return (rq->out = tokens_self(rq->unit, err)) != NULL;
}

/* ---- the rows ---- */

#define OF_TOKEN                                                                                   \
    .who = WHO_CLIENT, .limit = LIMIT_OWNER, .in = &ref_spec, .ok = 200, .flags = ROUTE_FORM,      \
    .body_max = BODY_MAX

const struct route oauth_token_routes[] = {
    { "POST", "/api/v1/token", issue, "issueToken", "Get an access token", .who = WHO_ANYONE,
      .limit = LIMIT_CLIENT, .in = &body_spec, .out = &grant_spec, .ok = 200, .flags = ROUTE_FORM,
      .body_max = BODY_MAX,
      .fails = { ERR_UNSUPPORTED_GRANT_TYPE, ERR_INVALID_SCOPE, ERR_INVALID_TARGET,
                 ERR_INVALID_CLIENT, ERR_UNAUTHORIZED_CLIENT, ERR_TIER_LIMIT_EXCEEDED },
      .doc = "The client credentials grant: the client proves itself by Basic or in the body, not "
             "both. Leaving scope out grants all that the client may have, but never admin:orgs, "
             "which only admins of an organization may ask for." },
    { "POST", "/api/v1/token/introspect", introspect, "introspectToken", "Ask about a token",
      OF_TOKEN, .scope = SCOPE_TOKENS_READ, .out = &facts_spec,
      .doc = "A token of another organization is not active." },
    { "POST", "/api/v1/token/revoke", revoke, "revokeToken", "End a token before its time",
      OF_TOKEN, .fails = { ERR_INSUFFICIENT_SCOPE },
      .doc = "One's own, or with the scope tokens:read any of one's organization. What is no token "
             "in force is no error." },
    { "GET", "/agent-info", self, "getAgentInfo", "Ask who one is", .who = WHO_KEY,
      .limit = LIMIT_OWNER, .out = &self_spec, .ok = 200, .fails = { ERR_FORBIDDEN },
      .doc = "For access tokens of agents." },
    ROUTE_LAST,
};
