/* The error shape of the portal, which the system routes share. */
#include "api/portal/errors.h"

#include "http/draw.h"

struct drawn_error {
    const char *error, *code, *request_id, *field;
};

static const struct field fields[] = {
    { "error", TEXT_AT(struct drawn_error, error), 0, .min = 1,
      .doc = "What went wrong, as a sentence; it may change." },
    { "code", TEXT_AT(struct drawn_error, code), 0, .min = 1,
      .doc = "The word for it; it does not change." },
    { "request_id", TEXT_AT(struct drawn_error, request_id), 0, .min = 1,
      .doc = "The value of Request-Id." },
    { "field", TEXT_AT(struct drawn_error, field), F_OMIT_NULL,
      .doc = "The member, parameter or header at fault." },
    FIELD_LAST,
};

const struct spec portal_error_spec = { "Error", sizeof(struct drawn_error), fields };

json_t *
portal_error(const struct err *err, const char *request_id)
{
    const struct drawn_error drawn = { err->reason, err_name(err->code), request_id,
                                       err->field[0] == '\0' ? NULL : err->field };
    json_t *body = spec_tree(&portal_error_spec, &drawn, VIEW_FULL);

    draw_facts(body, err);
    return body;
}
