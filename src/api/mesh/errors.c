/* The error shape of the mesh dialect. */
#include "api/mesh/errors.h"

#include "http/draw.h"

struct drawn_error {
    bool ok;
    const char *error, *code, *details, *request_id;
};

static const struct field fields[] = {
    { "ok", BOOL_AT(struct drawn_error, ok), 0, .doc = "Always false." },
    { "error", TEXT_AT(struct drawn_error, error), 0, .min = 1,
      .doc = "What went wrong, as a sentence; it may change." },
    { "code", TEXT_AT(struct drawn_error, code), 0, .min = 1,
      .doc = "The word for it; it does not change." },
    { "details", JSON_AT(struct drawn_error, details), F_OMIT_NULL,
      .doc = "The field at fault, and what else is known." },
    { "request_id", TEXT_AT(struct drawn_error, request_id), 0, .min = 1,
      .doc = "The value of Request-Id." },
    FIELD_LAST,
};

const struct spec mesh_error_spec = { "MeshError", sizeof(struct drawn_error), fields };

const char *
mesh_word(enum err_code code)
{
    switch ((int)code) {
    case ERR_VALIDATION_ERROR:
    case ERR_MALFORMED_JSON:
        return "INVALID_REQUEST";
    case ERR_INVALID_CLIENT:
    case ERR_WRONG_CREDENTIAL:
    case ERR_AGENT_REVOKED:
    case ERR_AGENT_ARCHIVED:
        return "UNAUTHORIZED";
    case ERR_UNAUTHORIZED_CLIENT:
    case ERR_INSUFFICIENT_SCOPE:
        return "FORBIDDEN";
    default:
        return err_name(code);
    }
}

static json_t *
details_of(const struct err *err)
{
    json_t *details = must(json_object());

    if (err->field[0] != '\0')
        json_object_set_new(details, "field", json_string(err->field));
    draw_facts(details, err);
    return details;
}

json_t *
mesh_error(const struct err *err, const char *request_id)
{
    const struct drawn_error drawn = { false, err->reason, mesh_word(err->code), NULL, request_id };
    json_t *body = spec_tree(&mesh_error_spec, &drawn, VIEW_FULL);
    json_t *details = details_of(err);

    if (json_object_size(details) > 0)
        json_object_set(body, "details", details);
    json_decref(details);
    return body;
}
