/* The OpenAPI 3.1 document as a whole: paths, schemas, security; and the table of errors. */
#include "openapi_priv.h"

#include "base/buf.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

void
openapi_put(json_t *object, const char *key, json_t *value)
{
    must(json_object_set_new(object, key, must(value)) == 0 ? object : NULL);
}

static bool
is_on(const struct field *f, enum spec_side side)
{
    return (f->flags & (side == SIDE_OUT ? F_IN_ONLY : F_OUT_ONLY)) == 0;
}

/* Adds a spec and those inside it. Two specs of one name must look the same. */
static void
add_schema(json_t *schemas, const struct spec *spec, enum spec_side side, struct arena *mem)
{
    if (spec == NULL)
        return;
    const char *name = spec_schema_name(spec, side, mem);
    json_t *schema = spec_schema(spec, side), *known = json_object_get(schemas, name);

    assert(known == NULL || json_equal(known, schema));
    if (known != NULL) {
        json_decref(schema);
        return;
    }
    openapi_put(schemas, name, schema);
    for (const struct field *f = spec->fields; f->key != NULL; f++)
        if (f->spec != NULL && is_on(f, side))
            add_schema(schemas, f->spec, side, mem);
}

static void
lower(char *text)
{
    for (; *text != '\0'; text++)
        *text = (char)tolower((unsigned char)*text);
}

static void
add_operation(json_t *paths, const struct dialect *dialect, const struct route *route,
              struct arena *mem)
{
    const char *path = openapi_path(route, mem);
    char *method = arena_text(mem, route->method);

    if (json_object_get(paths, path) == NULL)
        openapi_put(paths, path, json_object());
    lower(method);
    openapi_put(json_object_get(paths, path), method, openapi_operation(dialect, route, mem));
}

static void
add_dialect(json_t *document, const struct dialect *dialect, struct arena *mem)
{
    json_t *paths = json_object_get(document, "paths");
    json_t *schemas = json_object_get(json_object_get(document, "components"), "schemas");

    json_array_append_new(json_object_get(document, "tags"),
                          json_pack("{s:s, s:s}", "name", dialect->name, "description",
                                    dialect->doc == NULL ? "" : dialect->doc));
    add_schema(schemas, dialect->error_spec, SIDE_OUT, mem);
    for (const struct route *const *table = dialect->routes; *table != NULL; table++)
        for (const struct route *route = *table; route->method != NULL; route++) {
            if ((route->flags & ROUTE_PAGE) != 0)
                continue;
            add_operation(paths, dialect, route, mem);
            add_schema(schemas, route->in, openapi_side(route), mem);
            add_schema(schemas, route->out, SIDE_OUT, mem);
        }
}

static json_t *
text_header(const char *description)
{
    return json_pack("{s:s, s:{s:s}}", "description", description, "schema", "type", "string");
}

static json_t *
headers(void)
{
    json_t *all = must(json_object());

    openapi_put(all, "RequestId",
                text_header("Names this request in our logs; quote it when asking about one."));
    openapi_put(all, "RetryAfter",
                json_pack("{s:s, s:{s:s, s:i}}", "description",
                          "Seconds to wait before trying again.", "schema", "type", "integer",
                          "minimum", 1));
    openapi_put(all, "ETag",
                text_header("Version of the resource, for If-Match and If-None-Match."));
    openapi_put(all, "Location", text_header("Where the new resource is."));
    openapi_put(all, "Link",
                text_header("The next page, as rel=\"next\"; absent on the last one."));
    openapi_put(all, "Replayed",
                text_header("\"true\" when this is the kept answer to an earlier request."));
    openapi_put(all, "RateLimit", text_header("Requests that are let through a minute."));
    openapi_put(all, "RateRemaining", text_header("How many of them are left in this minute."));
    openapi_put(all, "RateReset", text_header("When the next minute begins, in Unix seconds."));
    openapi_put(all, "ProxyStatus", text_header("Who answered, and what went wrong (RFC 9209)."));
    openapi_put(all, "Authenticate",
                text_header("Bearer or Basic: the kind of credential that is wanted, and what "
                            "was wrong with the one given (RFC 6750)."));
    return all;
}

static json_t *
bearer(const char *description)
{
    return json_pack("{s:s, s:s, s:s}", "type", "http", "scheme", "bearer", "description",
                     description);
}

static json_t *
security_schemes(void)
{
    json_t *all = must(json_object());

    openapi_put(all, "agentToken",
                bearer("The token of an agent: tk_ and 64 lower-case hex digits."));
    openapi_put(all, "clientSecret",
                json_pack("{s:s, s:s, s:s}", "type", "http", "scheme", "basic", "description",
                          "client_id and client_secret, each percent-encoded (RFC 6749)."));
    openapi_put(all, "apiKey", bearer("An API key with scopes: rk_ and 64 lower-case hex digits."));
    openapi_put(all, "accessToken",
                bearer("An access token of POST /api/v1/token: a JWT with scopes."));
    return all;
}

static json_t *
frame(const char *version)
{
    json_t *document =
        json_pack("{s:s, s:{s:s, s:s, s:s, s:s, s:{s:s, s:s}}, s:[{s:s}], s:[], s:{}}", "openapi",
                  "3.1.0", "info", "title", "Roster", "version", version, "summary",
                  "An agent registry to host oneself.", "description",
                  "Agents register, tell that they are alive, and call each other over connections."
                  " Every answer carries Request-Id; every error has a code that does not change"
                  " and a sentence that may. Members that a request does not name stay as they are"
                  " in a PATCH; unknown members and parameters are refused.",
                  "license", "name", "Apache License 2.0", "identifier", "Apache-2.0", "servers",
                  "url", "/", "tags", "paths");

    must(document);
    openapi_put(document, "components",
                json_pack("{s:{}, s:o, s:o}", "schemas", "headers", headers(), "securitySchemes",
                          security_schemes()));
    return document;
}

json_t *
openapi_document(const struct dialect *const *dialects, const char *version)
{
    struct arena *mem = arena_new();
    json_t *document = frame(version);

    for (const struct dialect *const *dialect = dialects; *dialect != NULL; dialect++)
        add_dialect(document, *dialect, mem);
    arena_free(mem);
    return document;
}

static void
drop_text(void *text)
{
    free(text);
}

char *
openapi_text(const struct dialect *const *dialects, const char *version, struct arena *mem)
{
    json_t *document = openapi_document(dialects, version);
    char *text = arena_own(mem, must(json_dumps(document, JSON_INDENT(1))), drop_text);

    json_decref(document);
    return arena_printf(mem, "%s\n", text);
}

char *
openapi_errors(struct arena *mem)
{
    struct buf out;
    int last = 0, status;

    buf_init(&out, 0);
    buf_text(&out,
             "# Errors\n\n"
             "Printed by `rosterd openapi --errors`. Every error is a JSON object with `error` (a\n"
             "sentence, which may change), `code` (a word below, which does not) and\n"
             "`request_id`; `field` names the member or parameter at fault.\n\n"
             "| Status | Code | Meaning |\n|---|---|---|\n");
    for (;; last = status) {
        status = 1000;
        for (int code = ERR_NONE + 1; code < ERR_COUNT; code++)
            if (err_status((enum err_code)code) > last && err_status((enum err_code)code) < status)
                status = err_status((enum err_code)code);
        if (status == 1000)
            break;
        for (int code = ERR_NONE + 1; code < ERR_COUNT; code++)
            if (err_status((enum err_code)code) == status)
                buf_printf(&out, "| %d | `%s` | %s |\n", status, err_name((enum err_code)code),
                           err_text((enum err_code)code));
    }
    char *text = arena_textn(mem, buf_bytes(&out), buf_size(&out));
    buf_done(&out);
    return text;
}
