/* One operation of the document: parameters, body, answers. */
#include "openapi_priv.h"

#include "base/buf.h"

#include <assert.h>
#include <string.h>

#define COMPONENT(kind, name) json_pack("{s:s}", "$ref", "#/components/" kind "/" name)

char *
openapi_path(const struct route *route, struct arena *mem)
{
    char *path = arena_text(mem, route->path);
    size_t n = strlen(path);

    if (n > 2 && path[n - 2] == '*')
        memcpy(path + n - 2, "}", 2);
    return path;
}

void
openapi_names(const struct route *route, struct arena *mem,
              void (*each)(void *arg, const char *name), void *arg)
{
    const char *path = openapi_path(route, mem);

    for (const char *at = strchr(path, '{'); at != NULL; at = strchr(at + 1, '{'))
        each(arg, arena_textn(mem, at + 1, strcspn(at + 1, "}")));
}

const struct field *
openapi_field(const struct field *fields, const char *name)
{
    static const struct field plain = { .key = "", .kind = FIELD_TEXT, .min = 1 };

    for (const struct field *f = fields; f != NULL && f->key != NULL; f++)
        if (strcmp(f->key, name) == 0)
            return f;
    return &plain;
}

enum spec_side
openapi_side(const struct route *route)
{
    return route->mode == SPEC_PATCH ? SIDE_PATCH : SIDE_IN;
}

bool
openapi_is_list(const struct route *route)
{
    return route->query != NULL && openapi_field(route->query->fields, "cursor")->key[0] != '\0';
}

bool
openapi_relays(const struct route *route)
{
    return (route->flags & ROUTE_STREAM) != 0 && route->out_type == NULL;
}

void
openapi_types(const struct route *route, const char *types[3])
{
    size_t n = 0;

    if (route->out != NULL)
        types[n++] = "application/json";
    else if (route->out_type != NULL)
        types[n++] = route->out_type;
    if ((route->flags & ROUTE_CSV) != 0)
        types[n++] = "text/csv";
    else if ((route->flags & ROUTE_STREAM) != 0)
        types[n++] = "text/event-stream";
    types[n] = NULL;
}

/* ---- parameters ---- */

struct listing {
    json_t *parameters;
    const struct route *route;
};

/* The sentence belongs to the parameter, not to its schema. */
static void
add_parameter(json_t *parameters, const char *in, const char *name, const struct field *f)
{
    json_t *schema = spec_field_schema(f, SIDE_IN);
    bool needed = strcmp(in, "path") == 0 || (f->flags & F_REQUIRED) != 0;
    json_t *parameter = json_pack("{s:s, s:s, s:b, s:o}", "name", name, "in", in, "required",
                                  needed, "schema", schema);

    json_object_del(schema, "description");
    if (f->doc != NULL)
        openapi_put(parameter, "description", json_string(f->doc));
    json_array_append_new(parameters, must(parameter));
}

static void
add_path_parameter(void *arg, const char *name)
{
    const struct listing *listing = arg;

    add_parameter(listing->parameters, "path", name, openapi_field(listing->route->args, name));
}

static bool
is_read(const struct route *route)
{
    return strcmp(route->method, "GET") == 0;
}

static json_t *
parameters(const struct route *route, struct arena *mem)
{
    static const struct field key = {
        .key = "Idempotency-Key",
        .kind = FIELD_TEXT,
        .min = 1,
        .max = 255,
        .format = NULL,
        .doc = "Visible ASCII. The same request with the same key within a day has one effect and "
               "gets the same answer."
    };
    static const struct field if_match = {
        .key = "If-Match",
        .kind = FIELD_TEXT,
        .min = 1,
        .doc = "An ETag: the request is refused with 412 when the resource has changed since."
    };
    static const struct field if_none_match = {
        .key = "If-None-Match",
        .kind = FIELD_TEXT,
        .min = 1,
        .doc = "ETags: the answer is 304 when the resource still has one of them."
    };
    json_t *all = must(json_array());

    openapi_names(route, mem, add_path_parameter, &(struct listing){ all, route });
    if (route->query != NULL)
        for (const struct field *f = route->query->fields; f->key != NULL; f++)
            add_parameter(all, "query", f->key, f);
    for (const struct field *f = route->headers; f != NULL && f->key != NULL; f++)
        add_parameter(all, "header", f->key, f);
    if ((route->flags & ROUTE_CREATES) != 0)
        add_parameter(all, "header", key.key, &key);
    else if ((route->flags & ROUTE_ETAG) != 0)
        add_parameter(all, "header", is_read(route) ? if_none_match.key : if_match.key,
                      is_read(route) ? &if_none_match : &if_match);
    return all;
}

/* ---- body ---- */

static json_t *
ref(const struct spec *spec, enum spec_side side, struct arena *mem)
{
    return json_pack(
        "{s:s}", "$ref",
        arena_printf(mem, "#/components/schemas/%s", spec_schema_name(spec, side, mem)));
}

static json_t *
request_body(const struct route *route, struct arena *mem)
{
    if (openapi_relays(route))
        return json_pack("{s:b, s:s, s:{s:{}}}", "required", 0, "description",
                         "Any bytes of any type; they are passed on as they come.", "content",
                         "*/*");
    if (route->in == NULL)
        return json_pack("{s:b, s:{s:{s:{s:s}}}}", "required", 1, "content", "application/json",
                         "schema", "type", "object");
    json_t *body = json_pack(
        "{s:b, s:{s:{s:o}}}", "required", (route->flags & (ROUTE_LAX_BODY | ROUTE_EMPTY_BODY)) == 0,
        "content", "application/json", "schema", ref(route->in, openapi_side(route), mem));
    if ((route->flags & ROUTE_FORM) != 0)
        openapi_put(json_object_get(body, "content"), "application/x-www-form-urlencoded",
                    json_pack("{s:o}", "schema", ref(route->in, openapi_side(route), mem)));
    return body;
}

/* ---- answers ---- */

static json_t *
response(const char *description)
{
    return must(json_pack("{s:s, s:{s:o}}", "description", description, "headers", "Request-Id",
                          COMPONENT("headers", "RequestId")));
}

static json_t *
success_content(const struct route *route, struct arena *mem)
{
    json_t *content = must(json_object());
    const char *types[3];

    openapi_types(route, types);
    for (size_t i = 0; types[i] != NULL; i++) {
        bool drawn = route->out != NULL && i == 0;
        size_t n = strcspn(types[i], ";");
        bool json = strncmp(types[i], "application/json", n) == 0;

        openapi_put(content, arena_textn(mem, types[i], n),
                    json_pack("{s:o}", "schema",
                              drawn ? ref(route->out, SIDE_OUT, mem)
                                    : json_pack("{s:s}", "type", json ? "object" : "string")));
    }
    return content;
}

static void
add_rate_headers(json_t *headers)
{
    openapi_put(headers, "X-RateLimit-Limit", COMPONENT("headers", "RateLimit"));
    openapi_put(headers, "X-RateLimit-Remaining", COMPONENT("headers", "RateRemaining"));
    openapi_put(headers, "X-RateLimit-Reset", COMPONENT("headers", "RateReset"));
}

static void
add_success(json_t *responses, const struct route *route, struct arena *mem)
{
    json_t *answer = response(route->ok == 204 ? "Done." : route->summary);
    json_t *headers = json_object_get(answer, "headers"), *content = success_content(route, mem);
    bool tagged = (route->flags & ROUTE_ETAG) != 0 && route->ok != 204;

    if (tagged)
        openapi_put(headers, "ETag", COMPONENT("headers", "ETag"));
    if ((route->flags & ROUTE_CREATES) != 0) {
        openapi_put(headers, "Location", COMPONENT("headers", "Location"));
        openapi_put(headers, "Idempotent-Replayed", COMPONENT("headers", "Replayed"));
    }
    if (route->limit == LIMIT_OWNER || route->limit == LIMIT_CLIENT || route->limit == LIMIT_PUBLIC)
        add_rate_headers(headers);
    if (openapi_is_list(route))
        openapi_put(headers, "Link", COMPONENT("headers", "Link"));
    if (json_object_size(content) > 0)
        openapi_put(answer, "content", content);
    else
        json_decref(content);
    openapi_put(responses, arena_printf(mem, "%d", route->ok), answer);
    if (tagged && is_read(route)) {
        answer = response("The resource still has an ETag of If-None-Match.");
        openapi_put(json_object_get(answer, "headers"), "ETag", COMPONENT("headers", "ETag"));
        openapi_put(responses, "304", answer);
    }
}

/* A target may answer with any status: ours are told apart by request_id in the body. */
static void
add_stream(json_t *responses)
{
    json_t *answer =
        response("What the target answered, with its status and its body as they came.");

    openapi_put(json_object_get(answer, "headers"), "Proxy-Status",
                COMPONENT("headers", "ProxyStatus"));
    openapi_put(answer, "content", json_pack("{s:{}}", "*/*"));
    openapi_put(responses, "default", answer);
}

/* Several codes of ours may be one word of a dialect. */
static bool
has_word(const json_t *words, const char *word)
{
    for (size_t i = 0; i < json_array_size(words); i++)
        if (strcmp(json_string_value(json_array_get(words, i)), word) == 0)
            return true;
    return false;
}

static json_t *
failure(const struct dialect *dialect, const struct route *route, const enum err_code *codes,
        size_t n, struct arena *mem)
{
    int status = err_status(codes[0]);
    json_t *words = must(json_array()), *names = must(json_array());
    struct buf say;

    buf_init(&say, 0);
    for (size_t i = 0; i < n; i++) {
        const char *word = route_word(dialect, codes[i]);

        json_array_append_new(names, json_string(err_name(codes[i])));
        if (!has_word(words, word))
            json_array_append_new(words, json_string(word));
        buf_printf(&say, n == 1 ? "%s%s: %s" : "%s- %s: %s", i == 0 ? "" : "\n", word,
                   err_text(codes[i]));
    }
    json_t *answer = response(buf_cstr(&say));
    json_t *headers = json_object_get(answer, "headers");
    buf_done(&say);

    if (status == 429 || status == 503)
        openapi_put(headers, "Retry-After", COMPONENT("headers", "RetryAfter"));
    bool may_lack_scope = status == 403 && route->scope != 0;
    if (status == 401 || may_lack_scope)
        openapi_put(headers, "WWW-Authenticate", COMPONENT("headers", "Authenticate"));
    if (openapi_relays(route) && status >= 502)
        openapi_put(headers, "Proxy-Status", COMPONENT("headers", "ProxyStatus"));
    openapi_put(answer, "content",
                json_pack("{s:{s:{s:[o,{s:{s:{s:O}}}]}}}", "application/json", "schema", "allOf",
                          ref(dialect->error_spec, SIDE_OUT, mem), "properties", "code", "enum",
                          words));
    openapi_put(answer, "x-codes", words);
    openapi_put(answer, "x-errors", names);
    return answer;
}

static json_t *
responses(const struct dialect *dialect, const struct route *route, struct arena *mem)
{
    json_t *all = must(json_object());
    enum err_code codes[ERR_COUNT];
    size_t n;

    if (!openapi_relays(route) && route->ok != 0)
        add_success(all, route, mem);
    route_failures(route, codes);
    for (size_t i = 0; codes[i] != ERR_NONE; i += n) {
        int status = err_status(codes[i]);

        for (n = 1; codes[i + n] != ERR_NONE && err_status(codes[i + n]) == status; n++)
            ;
        openapi_put(all, arena_printf(mem, "%d", status),
                    failure(dialect, route, &codes[i], n, mem));
    }
    if (openapi_relays(route))
        add_stream(all);
    return all;
}

/* ---- who may ---- */

static void
add_security(json_t *operation, const struct dialect *dialect, const struct route *route)
{
    json_t *scopes = must(json_array());

    for (unsigned i = 0; dialect->scopes != NULL && dialect->scopes[i] != NULL; i++)
        if ((route->scope & 1u << i) != 0)
            json_array_append_new(scopes, json_string(dialect->scopes[i]));
    switch (route->who) {
    case WHO_ANYONE:
        openapi_put(operation, "security", json_array());
        break;
    case WHO_AGENT:
        openapi_put(operation, "security", json_pack("[{s:[]}]", "agentToken"));
        break;
    case WHO_KEY:
        openapi_put(operation, "security",
                    json_pack("[{s:O}, {s:O}]", "apiKey", scopes, "accessToken", scopes));
        openapi_put(operation, "x-scopes", json_incref(scopes));
        break;
    case WHO_CLIENT:
        openapi_put(operation, "security",
                    json_pack("[{s:O}, {s:[]}]", "apiKey", scopes, "clientSecret"));
        openapi_put(operation, "x-scopes", json_incref(scopes));
        break;
    }
    json_decref(scopes);
}

json_t *
openapi_operation(const struct dialect *dialect, const struct route *route, struct arena *mem)
{
    json_t *operation = must(json_pack("{s:s, s:s, s:[s]}", "operationId", route->name, "summary",
                                       route->summary, "tags", dialect->name));
    json_t *given = parameters(route, mem);

    if (route->doc != NULL)
        openapi_put(operation, "description", json_string(route->doc));
    add_security(operation, dialect, route);
    if (json_array_size(given) > 0)
        openapi_put(operation, "parameters", given);
    else
        json_decref(given);
    if (route->in != NULL || (route->flags & ROUTE_STREAM) != 0)
        openapi_put(operation, "requestBody", request_body(route, mem));
    openapi_put(operation, "responses", responses(dialect, route, mem));
    return operation;
}
