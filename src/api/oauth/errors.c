/* The error shape of the OAuth endpoints. */
#include "api/oauth/errors.h"

#include "http/draw.h"

struct drawn_error {
    const char *error, *error_description, *code, *request_id;
};

static const struct field fields[] = {
    { "error", TEXT_AT(struct drawn_error, error), 0, .min = 1, .doc = "As OAuth names it." },
    { "error_description", TEXT_AT(struct drawn_error, error_description), 0, .min = 1,
      .doc = "The same as a sentence; it may change." },
    { "code", TEXT_AT(struct drawn_error, code), 0, .min = 1, .doc = "The same as error." },
    { "request_id", TEXT_AT(struct drawn_error, request_id), 0, .min = 1,
      .doc = "The value of Request-Id." },
    FIELD_LAST,
};

const struct spec oauth_error_spec = { "OAuthError", sizeof(struct drawn_error), fields };

const char *
oauth_word(enum err_code code)
{
    switch ((int)code) {
    case ERR_VALIDATION_ERROR:
    case ERR_MALFORMED_JSON:
    case ERR_UNSUPPORTED_MEDIA_TYPE:
        return "invalid_request";
    case ERR_UNAUTHORIZED:
    case ERR_WRONG_CREDENTIAL:
    case ERR_AGENT_REVOKED:
    case ERR_AGENT_ARCHIVED:
        return "invalid_token";
    case ERR_FORBIDDEN:
    case ERR_INSUFFICIENT_SCOPE:
        return "insufficient_scope";
    case ERR_INTERNAL_ERROR:
        return "server_error";
    case ERR_DATABASE_UNAVAILABLE:
    case ERR_OVERLOADED:
    case ERR_DRAINING:
        return "temporarily_unavailable";
    default:
        return err_name(code);
    }
}

/* Clients of /api/v1 look for the limit of a plan in its own shape; both are drawn. */
static void
add_envelope(json_t *body, const struct err *err)
{
    json_t *details = must(json_object());

    draw_facts(details, err);
    json_object_set_new(body, "message", json_string(err->reason));
    json_object_set_new(body, "details", details);
}

json_t *
oauth_error(const struct err *err, const char *request_id)
{
    const char *word = oauth_word(err->code);
    const struct drawn_error drawn = { word, err->reason, word, request_id };
    json_t *body = spec_tree(&oauth_error_spec, &drawn, VIEW_FULL);

    draw_facts(body, err);
    if (err->code == ERR_TIER_LIMIT_EXCEEDED)
        add_envelope(body, err);
    return body;
}
