/* json_span gives a member as the very bytes that it was written with. */
#include "json/span.h"

#include "base/must.h"
#include "json/read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

static void
finds_each_kind_of_value_as_it_was_written(void **state)
{
    static const struct {
        const char *body, *value;
    } cases[] = {
        { "{\"x\":1}", "1" },
        { " {\n\t\"x\" :\r\n -1.50e+02 ,\"y\":2} ", "-1.50e+02" },
        { "{\"y\":2,\"x\":true}", "true" },
        { "{\"x\":null}", "null" },
        { "{\"x\":\"a\\\"b\\\\\"}", "\"a\\\"b\\\\\"" },
        { "{\"x\": {\"x\":\"}\", \"y\":[{}]} }", "{\"x\":\"}\", \"y\":[{}]}" },
        { "{\"y\":{\"x\":1},\"x\":[ 1 , [2] ] }", "[ 1 , [2] ]" },
        { "{\"y\":\"\\\"x\\\":1\",\"x\":{}}", "{}" },
        { "{\"\\u0078\":\"\\u0041\"}", "\"\\u0041\"" },
        { "{\"x\\\\\":1,\"xx\":2,\"\":3,\"x\":4}", "4" },
        { "{}", NULL },
        { " { } ", NULL },
        { "{\"y\":{\"x\":1}}", NULL },
        { "{\"y\":\"x\",\"X\":[\"x\"]}", NULL },
        { "{\"xy\":1}", NULL },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        /* A copy without a NUL behind it: the sanitizer sees who reads too far. */
        size_t n = strlen(cases[i].body);
        char *body = must(malloc(n));
        struct arena *mem = arena_new();
        struct err err = { 0 };

        memcpy(body, cases[i].body, n);
        assert_non_null(json_read(body, n, mem, &err));
        struct bytes span = json_span(body, n, "x");

        if (cases[i].value == NULL) {
            assert_null(span.v);
        } else {
            assert_int_equal(span.n, strlen(cases[i].value));
            assert_memory_equal(span.v, cases[i].value, span.n);
        }
        arena_free(mem);
        free(body);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_each_kind_of_value_as_it_was_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
