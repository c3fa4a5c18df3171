/* Pages link to the next one with the other parameters; errors and CSV cells are safe to show. */
#include "api/portal/lists.h"

#include "api/portal/csv.h"
#include "api/portal/errors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

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

static void
the_link_keeps_the_filters_and_replaces_the_cursor(void **state)
{
    static const struct param params[] = { { "q", "a&b =\"<\xc3\xa4" },
                                           { "cursor", "old" },
                                           { "limit", "2" } };
    const struct page page = { .has_more = true, .next = "new+1" };
    struct request rq = { .mem = *state, .path = "/api/agents", .query = { params, 3 } };

    assert_true(portal_lists_answer(&rq, &page));
    assert_ptr_equal(rq.out, &page);
    assert_int_equal(rq.reply.nheaders, 1);
    assert_string_equal(rq.reply.headers[0].name, "Link");
    assert_string_equal(rq.reply.headers[0].value,
                        "</api/agents?q=a%26b%20%3D%22%3C%C3%A4&limit=2&cursor=new%2B1>;"
                        " rel=\"next\"");
}

static void
the_last_page_links_nowhere(void **state)
{
    const struct page page = { .has_more = false };
    struct request rq = { .mem = *state, .path = "/api/agents" };

    assert_true(portal_lists_answer(&rq, &page));
    assert_int_equal(rq.reply.nheaders, 0);
    assert_false(portal_lists_answer(&rq, NULL));
}

static void
a_cell_is_quoted_and_never_a_formula(void **state)
{
    static const struct {
        const char *text, *cell;
    } cases[] = {
        { NULL, "," },
        { "", "," },
        { "plain", "plain," },
        { "a,b", "\"a,b\"," },
        { "say \"hi\"", "\"say \"\"hi\"\"\"," },
        { "two\r\nlines", "\"two\r\nlines\"," },
        { "=1+1", "\"'=1+1\"," },
        { "+1", "\"'+1\"," },
        { "-1", "\"'-1\"," },
        { "@x", "\"'@x\"," },
        { "\tx", "\"'\tx\"," },
        { "=\"", "\"'=\"\"\"," },
        { "a=b", "a=b," },
        { "\xc3\xa4", "\xc3\xa4," },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf out;

        buf_init(&out, 0);
        portal_csv_text(&out, cases[i].text, false);
        assert_string_equal(buf_cstr(&out), cases[i].cell);
        buf_done(&out);
    }
}

static void
a_line_ends_with_its_last_cell(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 0);
    portal_csv_number(&out, -5, false);
    portal_csv_text(&out, "x", true);
    assert_string_equal(buf_cstr(&out), "-5,x\r\n");
    buf_done(&out);
}

static char *
drawn(struct arena *mem, const struct err *err)
{
    json_t *body = portal_error(err, "req_1");
    char *text = json_text(body, 0, mem);

    json_decref(body);
    return text;
}

static void
an_error_has_its_sentence_code_and_request(void **state)
{
    struct err err = { 0 };

    err_fault(&err, ERR_INTERNAL_ERROR, "CANARY: only for the log");
    assert_string_equal(drawn(*state, &err),
                        "{\"error\":\"Something went wrong on our side.\","
                        "\"code\":\"INTERNAL_ERROR\",\"request_id\":\"req_1\"}");
}

static void
field_and_facts_stand_beside_them(void **state)
{
    struct err err = { 0 };

    err_set(&err, ERR_VALIDATION_ERROR, "limit", "limit: no.");
    err_fact_number(&err, "most", 5);
    err_fact_text(&err, "scope", "agents:read");
    assert_string_equal(drawn(*state, &err),
                        "{\"error\":\"limit: no.\",\"code\":\"VALIDATION_ERROR\","
                        "\"request_id\":\"req_1\",\"field\":\"limit\",\"most\":5,"
                        "\"scope\":\"agents:read\"}");
}

#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        T(the_link_keeps_the_filters_and_replaces_the_cursor),
        T(the_last_page_links_nowhere),
        T(a_cell_is_quoted_and_never_a_formula),
        T(a_line_ends_with_its_last_cell),
        T(an_error_has_its_sentence_code_and_request),
        T(field_and_facts_stand_beside_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
