/* The token endpoint of the mesh: a client id and secret for an access token. */
#include "api/mesh/tokens.h"

#include "domain/tokens.h"
#include "json/formats.h"
#include "model/instance.h"
#include "work/limits.h"

enum { BODY_MAX = 32 * 1024, LIFE_MAX_S = 86400 };

struct token_body {
    const char *client_id, *client_secret, *agent_type;
    int64_t expires_in;
};

static const struct token_body body_defaults = { .agent_type = "credential",
                                                 .expires_in = LIFE_MAX_S };

static const struct field body_fields[] = {
    { "client_id", TEXT_AT(struct token_body, client_id), 0, .min = 1, .max = CLIENT_TEXT_MAX,
      .doc = "Of a credential of the organization, or an agent's UUID; unless it comes by Basic." },
    { "client_secret", TEXT_AT(struct token_body, client_secret), F_IN_ONLY, .min = 1,
      .max = CLIENT_TEXT_MAX, .doc = "The secret (sk_live_…) that belongs to it." },
    { "agent_type", TEXT_AT(struct token_body, agent_type), 0, .min = 1, .max = AGENT_TYPE_MAX,
      .doc = "Copied into the token; \"credential\" when not given." },
    { "expires_in", INT_AT(struct token_body, expires_in), 0, .min = 1, .max = LIFE_MAX_S,
      .doc = "Seconds; 86400 when not given." },
    FIELD_LAST,
};

static const struct spec body_spec = { "GetToken", sizeof(struct token_body), body_fields,
                                       .open = true };

struct drawn_token {
    const char *token;
};

static const struct field token_fields[] = {
    { "token", TEXT_AT(struct drawn_token, token), 0, .min = 1,
      .doc = "A JWT (RS256; its key is in /.well-known/jwks.json), for Authorization: Bearer." },
    FIELD_LAST,
};

static const struct spec token_spec = { "Token", sizeof(struct drawn_token), token_fields };

static bool
get_token(struct request *rq, struct err *err)
{
    const struct token_body *body = rq->in;
    const struct token_wish wish = { { rq->client.id, rq->client.secret },
                                     body->agent_type,
                                     body->expires_in };
    struct drawn_token *drawn = ARENA_NEW(rq->mem, struct drawn_token);

    drawn->token = tokens_get(rq->unit, &wish, err);
    if (drawn->token == NULL) {
        limits_take_refusal(service_of(rq), rq, err);
        return false;
    }
    rq->out = drawn;
    return true;
}

const struct route mesh_token_routes[] = {
    { "POST", "/auth/get_token", get_token, "getToken", "Get an access token for the mesh",
      .who = WHO_ANYONE, .limit = LIMIT_CLIENT, .in = &body_spec, .defaults = &body_defaults,
      .out = &token_spec, .ok = 200, .flags = ROUTE_FORM, .body_max = BODY_MAX,
      .fails = { ERR_INVALID_CLIENT, ERR_UNAUTHORIZED_CLIENT, ERR_TIER_LIMIT_EXCEEDED },
      .doc = "For a credential of the organization (rosterd credential create) or a client secret "
             "of an agent. The token has every scope that the client may have, and is an access "
             "token like all others: tenant_id, agent_type, credential_id and scopes are claims "
             "besides." },
    ROUTE_LAST,
};
