/* The router finds rows, decodes what stands for their names, and lets nothing ambiguous through.
 */
#include "http/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

static const struct route things[] = {
    { "GET", "/api/things", .name = "list" },
    { "POST", "/api/things", .name = "make" },
    { "GET", "/api/things/{id}", .name = "get" },
    { "DELETE", "/api/things/{id}", .name = "drop" },
    { "GET", "/api/things/me", .name = "me" },
    { "POST", "/api/things/{id}/parts/{part}", .name = "part" },
    { "POST", "/api/relay/{id}", .name = "relay" },
    { "POST", "/api/relay/{id}/{path*}", .name = "relayPath" },
    ROUTE_LAST,
};

static const struct route pages[] = { { "GET", "/", .name = "start" },
                                      { "GET", "/api/guests/{id}", .name = "guest" },
                                      ROUTE_LAST };

static const struct route *const api_tables[] = { things, NULL };
static const struct route *const page_tables[] = { pages, NULL };
static const char *const api_prefixes[] = { "/api", NULL };
static const char *const page_prefixes[] = { "", NULL };
static const struct dialect api = { .name = "api", .prefixes = api_prefixes, .routes = api_tables };
static const struct dialect site = { .name = "site",
                                     .prefixes = page_prefixes,
                                     .routes = page_tables };
static const struct dialect *const dialects[] = { &api, &site, NULL };

struct bench {
    struct router *router;
    struct request rq;
    struct err err;
    const char *allow;
};

static int
begin(void **state)
{
    struct bench *b = calloc(1, sizeof *b);

    b->router = router_new(dialects);
    b->rq.mem = arena_new();
    *state = b;
    return 0;
}

static int
end(void **state)
{
    struct bench *b = *state;

    router_free(b->router);
    arena_free(b->rq.mem);
    free(b);
    return 0;
}

static bool
match(struct bench *b, const char *method, const char *target)
{
    struct arena *mem = b->rq.mem;

    b->rq = (struct request){ .mem = mem };
    b->err = (struct err){ 0 };
    return router_match(b->router, method, target, &b->rq, &b->allow, &b->err);
}

static void
finds_the_row_of_a_method_and_a_path(void **state)
{
    static const struct {
        const char *method, *target, *name;
    } cases[] = {
        { "GET", "/api/things", "list" },
        { "POST", "/api/things", "make" },
        { "GET", "/api/things/7", "get" },
        { "HEAD", "/api/things/7", "get" },
        { "DELETE", "/api/things/me", "drop" },
        { "GET", "/api/things/me", "me" },
        { "POST", "/api/things/1/parts/2", "part" },
        { "POST", "/api/relay/1", "relay" },
        { "POST", "/api/relay/1/", "relayPath" },
        { "POST", "/api/relay/1/a/b", "relayPath" },
        { "GET", "/api/things?limit=5", "list" },
        { "GET", "/", "start" },
        { "GET", "/?", "start" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_true(match(*state, cases[i].method, cases[i].target));
        assert_string_equal(((struct bench *)*state)->rq.route->name, cases[i].name);
    }
}

static void
decodes_each_segment_and_parameter_by_itself(void **state)
{
    struct bench *b = *state;

    assert_true(match(b, "POST", "/api/things/a%20b%3F/parts/%C3%A4?x=1%262&y+z=a+b&empty=&bare"));
    assert_string_equal(b->rq.args[0], "a b?");
    assert_string_equal(b->rq.args[1], "\xc3\xa4");
    assert_string_equal(b->rq.path, "/api/things/a%20b%3F/parts/%C3%A4");
    assert_int_equal(b->rq.query.n, 4);
    assert_string_equal(b->rq.query.v[0].value, "1&2");
    assert_string_equal(b->rq.query.v[1].name, "y z");
    assert_string_equal(b->rq.query.v[1].value, "a b");
    assert_string_equal(b->rq.query.v[2].value, "");
    assert_string_equal(b->rq.query.v[3].value, "");
}

static void
leaves_what_a_star_takes_as_it_was_sent(void **state)
{
    struct bench *b = *state;

    assert_true(match(b, "POST", "/api/relay/1/a%20b/c/d/e/f/g/h/i/j/k/l/m?q"));
    assert_string_equal(b->rq.args[0], "1");
    assert_string_equal(b->rq.rest, "a%20b/c/d/e/f/g/h/i/j/k/l/m");
    assert_true(match(b, "POST", "/api/relay/1"));
    assert_null(b->rq.rest);
}

static void
refuses_targets_that_two_readers_could_take_differently(void **state)
{
    static const char *const targets[] = {
        "api/things",
        "",
        "*",
        "//api/things",
        "http://host/api/things",
        "/api/things/a%00b",
        "/api/things/a%2fb",
        "/api/things/a%2Fb",
        "/api/things/a%5cb",
        "/api/things/a\\b",
        "/api/things/..",
        "/api/things/.",
        "/api/things/%2e%2e",
        "/api/things/.%2E",
        "/api/../x",
        "/api/things/%",
        "/api/things/%4",
        "/api/things/%zz",
        "/api/things/a b",
        "/api/things/\xff",
        "/api/things/#x",
        "/api/things/\x7f",
        "/api/things?a=%00",
        "/api/things?a=%",
        "/nowhere/..",
        "/api/relay/1/2/3/4/5/6/7/8/9/10/11/12/13/../../x",
        "/api/relay/1/2/3/4/5/6/7/8/9/10/11/12/13/a%2f..",
    };

    for (size_t i = 0; i < COUNT(targets); i++) {
        struct bench *b = *state;

        assert_false(match(b, "POST", targets[i]) || match(b, "GET", targets[i]));
        assert_int_equal(b->err.code, ERR_MALFORMED_REQUEST);
        assert_null(b->allow);
    }
}

static void
bounds_the_number_of_parameters(void **state)
{
    char target[400] = "/api/things?";

    for (int i = 0; i < 32; i++)
        strcat(target, "&a=1");
    assert_true(match(*state, "GET", target));
    strcat(target, "&a=1");
    assert_false(match(*state, "GET", target));
    assert_int_equal(((struct bench *)*state)->err.code, ERR_MALFORMED_REQUEST);
}

static void
says_what_a_known_path_takes(void **state)
{
    struct bench *b = *state;

    assert_false(match(b, "PUT", "/api/things"));
    assert_int_equal(b->err.code, ERR_METHOD_NOT_ALLOWED);
    assert_string_equal(b->allow, "GET, HEAD, POST");
    assert_false(match(b, "OPTIONS", "/api/things/9"));
    assert_string_equal(b->allow, "GET, HEAD, DELETE");
    assert_false(match(b, "HEAD", "/api/relay/1"));
    assert_string_equal(b->allow, "POST");
}

static void
a_path_of_a_row_is_of_its_dialect_whatever_the_method(void **state)
{
    struct bench *b = *state;

    assert_true(match(b, "GET", "/api/guests/1"));
    assert_ptr_equal(b->rq.dialect, &site);
    assert_false(match(b, "PUT", "/api/guests/1"));
    assert_ptr_equal(b->rq.dialect, &site);
    assert_false(match(b, "PUT", "/api/things"));
    assert_ptr_equal(b->rq.dialect, &api);
}

static void
an_unknown_path_belongs_to_the_owner_of_its_prefix(void **state)
{
    static const struct {
        const char *target;
        const struct dialect *owner;
    } cases[] = {
        { "/api/nothing", &api },
        { "/api", &api },
        { "/api/things/", &api },
        { "/api/things/1/parts", &api },
        { "/apis", &site },
        { "/nothing", &site },
        { "/api/1/2/3/4/5/6/7/8/9/10/11/12/13/14", &api },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct bench *b = *state;

        assert_false(match(b, "GET", cases[i].target));
        assert_int_equal(b->err.code, ERR_NOT_FOUND);
        assert_ptr_equal(b->rq.dialect, cases[i].owner);
        assert_null(b->rq.route);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(finds_the_row_of_a_method_and_a_path, begin, end),
        cmocka_unit_test_setup_teardown(decodes_each_segment_and_parameter_by_itself, begin, end),
        cmocka_unit_test_setup_teardown(leaves_what_a_star_takes_as_it_was_sent, begin, end),
        cmocka_unit_test_setup_teardown(refuses_targets_that_two_readers_could_take_differently,
                                        begin, end),
        cmocka_unit_test_setup_teardown(bounds_the_number_of_parameters, begin, end),
        cmocka_unit_test_setup_teardown(says_what_a_known_path_takes, begin, end),
        cmocka_unit_test_setup_teardown(a_path_of_a_row_is_of_its_dialect_whatever_the_method,
                                        begin, end),
        cmocka_unit_test_setup_teardown(an_unknown_path_belongs_to_the_owner_of_its_prefix, begin,
                                        end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
