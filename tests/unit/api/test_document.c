/* The printed documents in docs/ are what the tables say today; and the tables are sound. */
#include "api/api.h"
#include "base/buf.h"
#include "http/openapi.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static char *
file(struct arena *mem, const char *name)
{
    char path[512];
    struct buf text;
    char piece[4096];
    size_t n;

    snprintf(path, sizeof path, "%s/%s", ROSTERD_SOURCES, name);
    FILE *stream = fopen(path, "r");
    if (stream == NULL)
        fail_msg("there is no %s", name);
    buf_init(&text, 0);
    while ((n = fread(piece, 1, sizeof piece, stream)) > 0)
        buf_put(&text, piece, n);
    fclose(stream);
    char *copy = arena_textn(mem, buf_bytes(&text), buf_size(&text));
    buf_done(&text);
    return copy;
}

static void
the_openapi_document_is_current(void **state)
{
    const char *printed = openapi_text(api_dialects, ROSTERD_VERSION, *state);

    if (strcmp(file(*state, "docs/openapi/rosterd.json"), printed) != 0)
        fail_msg("refresh it: rosterd openapi > docs/openapi/rosterd.json");
}

static void
the_table_of_errors_is_current(void **state)
{
    if (strcmp(file(*state, "docs/errors.md"), openapi_errors(*state)) != 0)
        fail_msg("refresh it: rosterd openapi --errors > docs/errors.md");
}

static void
each_route(void (*check)(const struct dialect *dialect, const struct route *route))
{
    for (const struct dialect *const *d = api_dialects; *d != NULL; d++)
        for (const struct route *const *table = (*d)->routes; *table != NULL; table++)
            for (const struct route *route = *table; route->method != NULL; route++)
                check(*d, route);
}

static void
check_row(const struct dialect *dialect, const struct route *route)
{
    size_t nfails = 0;

    assert_non_null(route->handler);
    assert_non_null(route->name);
    assert_true(route->ok == 204 || route->ok == 101 || route->ok == 0 ||
                (route->flags & (ROUTE_STREAM | ROUTE_PAGE)) != 0 || route->out != NULL ||
                route->out_type != NULL || (route->flags & (ROUTE_CSV | ROUTE_FORM)) != 0);
    assert_int_equal(route->mode == SPEC_PATCH, strcmp(route->method, "PATCH") == 0);
    /* The mesh documents 200 for everything. */
    assert_true((route->flags & ROUTE_CREATES) == 0 || route->ok == 201 ||
                strcmp(dialect->name, "mesh") == 0);
    assert_true((route->flags & ROUTE_CREATES) != 0 || route->ok != 201);
    if (strcmp(dialect->name, "portal") == 0) {
        assert_true(route->who != WHO_ANYONE);
        assert_true(route->limit != LIMIT_NONE);
    }
    /* A row that any scope will do for says whom it is for. */
    if (route->who == WHO_KEY)
        assert_true(route->scope != 0 || route->doc != NULL);
    while (nfails < ROUTE_FAILS_MAX && route->fails[nfails] != ERR_NONE)
        nfails++;
    assert_true(nfails < ROUTE_FAILS_MAX);
}

static void
every_row_is_complete(void **state)
{
    (void)state;
    each_route(check_row);
}

static void
no_two_rows_share_a_path_or_a_name(void **state)
{
    struct router *router = router_new(api_dialects);
    const char *names[128];
    size_t n = 0;

    (void)state;
    for (const struct dialect *const *d = api_dialects; *d != NULL; d++)
        for (const struct route *const *table = (*d)->routes; *table != NULL; table++)
            for (const struct route *route = *table; route->method != NULL; route++) {
                for (size_t i = 0; i < n; i++)
                    assert_string_not_equal(names[i], route->name);
                names[n++] = route->name;
            }
    assert_true(n > 20);
    router_free(router);
}

static void
check_format(const struct field *f)
{
    if (f->format == NULL)
        return;
    for (size_t i = 0; f->format->good[i] != NULL; i++)
        assert_true(f->format->check(f->format->good[i]));
    for (size_t i = 0; f->format->bad[i] != NULL; i++)
        assert_false(f->format->check(f->format->bad[i]));
}

static void
check_formats(const struct dialect *dialect, const struct route *route)
{
    (void)dialect;
    for (const struct field *f = route->in == NULL ? NULL : route->in->fields;
         f != NULL && f->key != NULL; f++)
        check_format(f);
}

static void
every_format_in_use_keeps_to_its_samples(void **state)
{
    (void)state;
    each_route(check_formats);
}

#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        T(the_openapi_document_is_current),
        T(the_table_of_errors_is_current),
        T(every_row_is_complete),
        T(no_two_rows_share_a_path_or_a_name),
        T(every_format_in_use_keeps_to_its_samples),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
