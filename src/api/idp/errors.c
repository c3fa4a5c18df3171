/* The error shape of the identity-provider dialect. */
#include "api/idp/errors.h"

#include "http/draw.h"

#include <ctype.h>
#include <string.h>

struct drawn_error {
    const char *code, *message, *details, *request_id;
};

static const struct field fields[] = {
    { "code", TEXT_AT(struct drawn_error, code), 0, .min = 1,
      .doc = "The word for what went wrong; it does not change." },
    { "message", TEXT_AT(struct drawn_error, message), 0, .min = 1,
      .doc = "The same as a sentence; it may change." },
    { "details", JSON_AT(struct drawn_error, details), F_OMIT_NULL,
      .doc = "field and reason of a validation error; otherwise limit, current and the like." },
    { "request_id", TEXT_AT(struct drawn_error, request_id), 0, .min = 1,
      .doc = "The value of Request-Id." },
    FIELD_LAST,
};

const struct spec idp_error_spec = { "IdentityError", sizeof(struct drawn_error), fields };

const char *
idp_word(enum err_code code)
{
    switch ((int)code) {
    case ERR_MALFORMED_JSON:
        return "VALIDATION_ERROR";
    case ERR_WRONG_CREDENTIAL:
    case ERR_AGENT_REVOKED:
    case ERR_AGENT_ARCHIVED:
        return "UNAUTHORIZED";
    case ERR_INSUFFICIENT_SCOPE:
    case ERR_AGENT_DISABLED:
        return "FORBIDDEN";
    case ERR_RATE_LIMITED:
        return "RATE_LIMIT_EXCEEDED";
    case ERR_INTERNAL_ERROR:
        return "INTERNAL_SERVER_ERROR";
    default:
        return err_name(code);
    }
}

/* The reader says "email: must be …"; here the field stands beside: "Must be …". */
static json_t *
reason_of(const struct err *err)
{
    const char *reason = err->reason;
    size_t n = strlen(err->field);

    if (n > 0 && strncmp(reason, err->field, n) == 0 && strncmp(reason + n, ": ", 2) == 0)
        reason += n + 2;
    json_t *drawn = must(json_sprintf("%c%s", toupper((unsigned char)reason[0]),
                                      reason[0] == '\0' ? "" : reason + 1));
    return drawn;
}

static json_t *
details_of(const struct err *err)
{
    json_t *details = must(json_object());

    if (strcmp(idp_word(err->code), "VALIDATION_ERROR") == 0) {
        json_object_set_new(details, "field",
                            json_string(err->field[0] == '\0' ? "body" : err->field));
        json_object_set_new(details, "reason", reason_of(err));
    }
    draw_facts(details, err);
    return details;
}

json_t *
idp_error(const struct err *err, const char *request_id)
{
    const char *word = idp_word(err->code);
    bool invalid = strcmp(word, "VALIDATION_ERROR") == 0;
    const struct drawn_error drawn = { word, invalid ? err_text(ERR_VALIDATION_ERROR) : err->reason,
                                       NULL, request_id };
    json_t *body = spec_tree(&idp_error_spec, &drawn, VIEW_FULL);
    json_t *details = details_of(err);

    if (json_object_size(details) > 0)
        json_object_set(body, "details", details);
    json_decref(details);
    return body;
}
