/* The document and the page say of a row what the row does; failures follow from its cells. */
#include "http/openapi.h"

#include "json/formats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct thing {
    const char *name, *key;
    int64_t n;
};

struct filter {
    const char *cursor;
};

static const struct field fields[] = {
    { "name", TEXT_AT(struct thing, name), F_REQUIRED, .min = 1, .max = 9, .doc = "A <name>." },
    { "key", TEXT_AT(struct thing, key), F_IN_ONLY | F_NULLABLE, .max = 5 },
    { "n", INT_AT(struct thing, n), F_OUT_ONLY },
    FIELD_LAST,
};
static const struct spec spec = { "Thing", sizeof(struct thing), fields };

static const struct field filter_fields[] = {
    { "cursor", TEXT_AT(struct filter, cursor), 0, .min = 1, .doc = "Goes on." },
    FIELD_LAST,
};
static const struct spec filter = { "Filter", sizeof(struct filter), filter_fields };

static const struct field error_fields[] = { { "code", TEXT_AT(struct thing, name), 0 },
                                             FIELD_LAST };
static const struct spec error_spec = { "Error", sizeof(struct thing), error_fields };

static const struct field args[] = {
    { "id", .kind = FIELD_TEXT, .format = &format_uuid, .doc = "Which." }, FIELD_LAST
};

static const struct route routes[] = {
    { "POST", "/things", NULL, "makeThing", "Make a thing", .who = WHO_KEY, .scope = 2, .in = &spec,
      .out = &spec, .ok = 201, .flags = ROUTE_CREATES | ROUTE_ETAG, .fails = { ERR_AGENT_STATE } },
    { "GET", "/things", NULL, "listThings", "List things", .who = WHO_KEY, .scope = 1,
      .query = &filter, .out = &spec, .ok = 200, .flags = ROUTE_CSV },
    { "GET", "/things/{id}", NULL, "getThing", "Read a thing", .who = WHO_KEY, .scope = 1,
      .args = args, .out = &spec, .ok = 200, .flags = ROUTE_ETAG, .fails = { ERR_NOT_FOUND } },
    { "PATCH", "/things/{id}", NULL, "editThing", "Edit a thing", .who = WHO_KEY, .scope = 3,
      .args = args, .in = &spec, .mode = SPEC_PATCH, .out = &spec, .ok = 200, .flags = ROUTE_ETAG },
    { "DELETE", "/things/{id}", NULL, "dropThing", "Drop a thing", .who = WHO_KEY, .scope = 2,
      .ok = 204 },
    { "POST", "/relay/{id}/{path*}", NULL, "relay", "Pass on", .who = WHO_AGENT, .ok = 200,
      .flags = ROUTE_LOOP | ROUTE_STREAM, .fails = { ERR_DNS_ERROR } },
    { "POST", "/beat", NULL, "beat", "Beat", .who = WHO_AGENT, .in = &spec, .ok = 200,
      .flags = ROUTE_LOOP | ROUTE_LAX_BODY },
    { "GET", "/alive", NULL, "alive", "Live", .ok = 200, .flags = ROUTE_LOOP,
      .out_type = "text/plain; charset=utf-8" },
    { "GET", "/page", NULL, "page", "A page", .ok = 200, .flags = ROUTE_PAGE },
    ROUTE_LAST,
};

static const struct route *const tables[] = { routes, NULL };
static const char *const scopes[] = { "read", "write", NULL };
static const struct dialect dialect = {
    .name = "plain", .routes = tables, .error_spec = &error_spec, .scopes = scopes, .doc = "All."
};
static const struct dialect *const dialects[] = { &dialect, NULL };

static void
drop(void *value)
{
    json_decref(value);
}

static int
begin(void **state)
{
    *state = arena_new();
    return 0;
}

static int
end(void **state)
{
    arena_free(*state);
    return 0;
}

/* The value at "a|b|0|c"; fails when it is not there. */
static json_t *
at(json_t *value, const char *path)
{
    char step[80];

    while (*path != '\0') {
        size_t n = strcspn(path, "|");

        snprintf(step, sizeof step, "%.*s", (int)n, path);
        value = json_is_array(value) ? json_array_get(value, (size_t)atoi(step))
                                     : json_object_get(value, step);
        if (value == NULL)
            fail_msg("nothing at %s", path);
        path += n + (path[n] == '|');
    }
    return value;
}

static const char *
text_at(json_t *value, const char *path)
{
    return json_string_value(at(value, path));
}

static json_t *
document(void **state)
{
    return arena_own(*state, openapi_document(dialects, "1.2.3"), drop);
}

static bool
may(const struct route *route, enum err_code code)
{
    enum err_code fails[ERR_COUNT];

    route_failures(route, fails);
    for (size_t i = 0; fails[i] != ERR_NONE; i++)
        if (fails[i] == code)
            return true;
    return false;
}

static void
failures_follow_from_the_cells_of_a_row(void **state)
{
    enum { MAKE, LIST, GET, EDIT, DROP, RELAY, BEAT, ALIVE };
    static const struct {
        enum err_code code;
        const char *rows; /* x: may, in the order of the rows */
    } cases[] = {
        { ERR_VALIDATION_ERROR, "xxxxxxxx" },
        { ERR_MALFORMED_JSON, "x..x...." },
        { ERR_UNSUPPORTED_MEDIA_TYPE, "x..x...." },
        { ERR_UNAUTHORIZED, "xxxxxxx." },
        { ERR_INSUFFICIENT_SCOPE, "xxxxx..." },
        { ERR_AGENT_REVOKED, ".....xx." },
        { ERR_IDEMPOTENCY_MISMATCH, "x......." },
        { ERR_PRECONDITION_FAILED, "...x...." },
        { ERR_PAYLOAD_TOO_LARGE, "xxxxx.xx" },
        { ERR_RATE_LIMITED, "xxxxxxx." },
        { ERR_DATABASE_UNAVAILABLE, "xxxxxxx." },
        { ERR_DRAINING, "xxxxxxx." },
        { ERR_AGENT_STATE, "x......." },
        { ERR_NOT_FOUND, "..x....." },
        { ERR_DNS_ERROR, ".....x.." },
        { ERR_METHOD_NOT_ALLOWED, "........" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        for (size_t row = MAKE; row <= ALIVE; row++)
            if (may(&routes[row], cases[i].code) != (cases[i].rows[row] == 'x'))
                fail_msg("%s of %s", err_name(cases[i].code), routes[row].name);
}

static void
failures_are_sorted_by_status_and_named_once(void **state)
{
    (void)state;
    for (const struct route *route = routes; route->method != NULL; route++) {
        enum err_code fails[ERR_COUNT];

        route_failures(route, fails);
        for (size_t i = 1; fails[i - 1] != ERR_NONE && fails[i] != ERR_NONE; i++) {
            assert_true(err_status(fails[i - 1]) <= err_status(fails[i]));
            assert_true(err_status(fails[i - 1]) < err_status(fails[i]) || fails[i - 1] < fails[i]);
        }
    }
}

static void
each_row_is_an_operation_but_pages_are_not(void **state)
{
    json_t *paths = at(document(state), "paths");

    assert_int_equal(json_object_size(paths), 5);
    assert_string_equal(text_at(paths, "/things|post|operationId"), "makeThing");
    assert_string_equal(text_at(paths, "/things|get|tags|0"), "plain");
    assert_string_equal(text_at(paths, "/things/{id}|patch|security|0|apiKey|1"), "write");
    assert_string_equal(text_at(paths, "/things/{id}|patch|x-scopes|0"), "read");
    assert_int_equal(json_array_size(at(paths, "/beat|post|security|0|agentToken")), 0);
    assert_int_equal(json_array_size(at(paths, "/alive|get|security")), 0);
    assert_null(json_object_get(paths, "/page"));
}

static void
parameters_come_from_path_query_and_flags(void **state)
{
    json_t *paths = at(document(state), "paths");

    assert_string_equal(text_at(paths, "/things/{id}|get|parameters|0|schema|format"), "uuid");
    assert_string_equal(text_at(paths, "/things/{id}|get|parameters|0|description"), "Which.");
    assert_string_equal(text_at(paths, "/things/{id}|get|parameters|1|name"), "If-None-Match");
    assert_string_equal(text_at(paths, "/things/{id}|patch|parameters|1|name"), "If-Match");
    assert_string_equal(text_at(paths, "/things|get|parameters|0|in"), "query");
    assert_true(json_is_false(at(paths, "/things|get|parameters|0|required")));
    assert_string_equal(text_at(paths, "/things|post|parameters|0|name"), "Idempotency-Key");
    assert_int_equal(json_array_size(at(paths, "/things|post|parameters")), 1);
    assert_string_equal(text_at(paths, "/relay/{id}/{path}|post|parameters|1|name"), "path");
}

static void
bodies_and_answers_point_at_the_schemas_of_their_specs(void **state)
{
    json_t *all = document(state), *paths = at(all, "paths");

    assert_string_equal(
        text_at(paths, "/things|post|requestBody|content|application/json|schema|$ref"),
        "#/components/schemas/ThingInput");
    assert_string_equal(
        text_at(paths, "/things/{id}|patch|requestBody|content|application/json|schema|$ref"),
        "#/components/schemas/ThingPatch");
    assert_true(json_is_false(at(paths, "/beat|post|requestBody|required")));
    assert_non_null(at(paths, "/relay/{id}/{path}|post|requestBody|content|*/*"));
    assert_non_null(at(paths, "/relay/{id}/{path}|post|responses|default|content|*/*"));
    assert_non_null(at(paths, "/things|get|responses|200|content|text/csv"));
    assert_non_null(at(paths, "/things|get|responses|200|headers|Link"));
    assert_non_null(at(paths, "/things|post|responses|201|headers|Location"));
    assert_non_null(at(paths, "/things/{id}|get|responses|304|headers|ETag"));
    assert_null(json_object_get(at(paths, "/things/{id}|delete|responses|204"), "content"));
    assert_non_null(at(paths, "/alive|get|responses|200|content|text/plain"));
    assert_null(json_object_get(at(all, "components|schemas|Thing|properties"), "key"));
    assert_null(json_object_get(at(all, "components|schemas|ThingInput|properties"), "n"));
    assert_int_equal(
        json_integer_value(at(all, "components|schemas|ThingInput|properties|name|maxLength")), 9);
}

static void
failures_name_their_codes_by_status(void **state)
{
    json_t *row = at(document(state), "paths|/things|post|responses");

    assert_string_equal(text_at(row, "409|x-codes|0"), "AGENT_STATE");
    assert_string_equal(text_at(row, "409|x-codes|1"), "IDEMPOTENCY_RUNNING");
    assert_string_equal(text_at(row, "409|content|application/json|schema|allOf|0|$ref"),
                        "#/components/schemas/Error");
    assert_string_equal(
        text_at(row, "409|content|application/json|schema|allOf|1|properties|code|enum|1"),
        "IDEMPOTENCY_RUNNING");
    assert_non_null(at(row, "429|headers|Retry-After"));
    assert_non_null(at(row, "401|headers|WWW-Authenticate"));
}

/* "#/components/schemas/Thing" as a path for at(). */
static void
follow(json_t *all, const char *reference)
{
    char path[120];

    assert_memory_equal(reference, "#/", 2);
    snprintf(path, sizeof path, "%s", reference + 2);
    for (char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash, '/'))
        *slash = '|';
    at(all, path);
}

static size_t
follow_all(json_t *all, json_t *value)
{
    const char *key;
    json_t *inner;
    size_t i, n = 0;

    if (json_is_object(value)) {
        json_object_foreach(value, key, inner)
        {
            if (strcmp(key, "$ref") == 0) {
                follow(all, json_string_value(inner));
                n++;
            }
            n += follow_all(all, inner);
        }
    }
    json_array_foreach(value, i, inner)
    {
        n += follow_all(all, inner);
    }
    return n;
}

static void
no_reference_leads_nowhere(void **state)
{
    json_t *all = document(state);

    assert_true(follow_all(all, all) > 50);
}

static void
the_page_says_the_same_and_escapes_what_it_says(void **state)
{
    const char *page = openapi_page(dialects, "1.2.3", *state);
    static const char *const there[] = {
        "Roster 1.2.3 reference",
        "id=\"makeThing\"",
        "<code>/things/{id}</code>",
        "with the scope <code>write</code>",
        "A &lt;name&gt;.",
        "id=\"object-Thing\"",
        "<code>IDEMPOTENCY_MISMATCH</code>",
        "<code>If-Match</code>",
        "/relay/{id}/{path}",
    };

    for (size_t i = 0; i < COUNT(there); i++)
        if (strstr(page, there[i]) == NULL)
            fail_msg("the page lacks %s", there[i]);
    assert_null(strstr(page, "<script"));
    assert_null(strstr(page, "<name>"));
    assert_null(strstr(page, "id=\"page\""));
}

static void
the_table_of_errors_has_every_code_once(void **state)
{
    const char *table = openapi_errors(*state);

    for (int code = ERR_NONE + 1; code < ERR_COUNT; code++) {
        const char *row =
            arena_printf(*state, "| %d | `%s` | %s |\n", err_status((enum err_code)code),
                         err_name((enum err_code)code), err_text((enum err_code)code));
        const char *found = strstr(table, row);

        assert_non_null(found);
        assert_null(strstr(found + 1, row));
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        T(failures_follow_from_the_cells_of_a_row),
        T(failures_are_sorted_by_status_and_named_once),
        T(each_row_is_an_operation_but_pages_are_not),
        T(parameters_come_from_path_query_and_flags),
        T(bodies_and_answers_point_at_the_schemas_of_their_specs),
        T(failures_name_their_codes_by_status),
        T(no_reference_leads_nowhere),
        T(the_page_says_the_same_and_escapes_what_it_says),
        T(the_table_of_errors_has_every_code_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
