/* Changes of presence as JSON and CSV; the domain is stood in for, so the pages are ours. */
#include "api/portal/transitions.h"

#include "domain/presence.h"
#include "model/link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { ROWS = 450 };

static const char *accepted;
static int64_t asked[8];
static size_t nasked;

const char *
request_header(const struct request *rq, const char *name)
{
    (void)rq;
    return strcasecmp(name, "Accept") == 0 ? accepted : NULL;
}

/* ROWS transitions; the cursor is the number of the next one. */
struct page *
presence_transitions(struct unit *u, const struct transition_filter *filter, struct err *err)
{
    struct page *page = ARENA_NEW(u->mem, struct page);
    int64_t first = filter->cursor == NULL ? 0 : atoll(filter->cursor);

    (void)err;
    asked[nasked++] = filter->limit;
    page->data.v = arena_alloc(u->mem, (size_t)filter->limit * sizeof *page->data.v);
    for (int64_t i = first; i < first + filter->limit && i < ROWS; i++) {
        struct transition *t = ARENA_NEW(u->mem, struct transition);

        *t = (struct transition){ .id = ROWS - i,
                                  .at = 1000 + i,
                                  .agent_id = "0b5f3f5e-6d1c-4f0e-9a57-0c1f2d3e4b5a",
                                  .permanent_id = "agt-0a1b2c3d",
                                  .agent_name = i == 0 ? "=cmd()" : NULL,
                                  .old_state = PRESENCE_IDLE,
                                  .new_state = PRESENCE_OFFLINE,
                                  .reason = REASON_SILENCE };
        page->data.v[page->data.n++] = t;
    }
    page->has_more = first + filter->limit < ROWS;
    if (page->has_more)
        page->next = arena_printf(u->mem, "%lld", (long long)(first + filter->limit));
    return page;
}

struct bench {
    struct request rq;
    struct unit unit;
    struct transition_filter filter;
};

static int
begin(void **state)
{
    struct bench *b = calloc(1, sizeof *b);

    b->rq.mem = b->unit.mem = arena_new();
    b->rq.unit = &b->unit;
    b->rq.params = &b->filter;
    b->filter.new_state = -1;
    accepted = NULL;
    nasked = 0;
    *state = b;
    return 0;
}

static int
end(void **state)
{
    struct bench *b = *state;

    arena_free(b->rq.mem);
    free(b);
    return 0;
}

static void
answer(struct bench *b, size_t row)
{
    b->rq.route = &portal_transitions_routes[row];
    b->rq.path = b->rq.route->path;
    assert_true(b->rq.route->handler(&b->rq, &b->rq.err));
}

static const char *
header(const struct request *rq, const char *name)
{
    for (size_t i = 0; i < rq->reply.nheaders; i++)
        if (strcmp(rq->reply.headers[i].name, name) == 0)
            return rq->reply.headers[i].value;
    return NULL;
}

static size_t
lines_of(const char *text)
{
    size_t n = 0;

    for (; (text = strstr(text, "\r\n")) != NULL; text += 2)
        n++;
    return n;
}

static void
json_comes_in_pages_of_25(void **state)
{
    struct bench *b = *state;

    answer(b, 0);
    assert_null(b->rq.reply.bytes);
    assert_int_equal(((const struct page *)b->rq.out)->data.n, 25);
    assert_int_equal(asked[0], 25);
    assert_non_null(header(&b->rq, "Link"));
    assert_string_equal(header(&b->rq, "Vary"), "Accept");
}

static void
csv_holds_all_rows_whatever_their_pages(void **state)
{
    struct bench *b = *state;

    answer(b, 1);
    assert_int_equal(lines_of(b->rq.reply.bytes), ROWS + 1);
    assert_int_equal(nasked, 3);
    assert_null(header(&b->rq, "Link"));
    assert_int_equal(b->rq.reply.status, 200);
    assert_int_equal(b->rq.reply.size, strlen(b->rq.reply.bytes));
    assert_memory_equal(b->rq.reply.type, "text/csv", 8);
    static const char start[] =
        "at,agent_id,permanent_id,agent_name,old_status,new_status,reason,trigger,http_status,"
        "latency_ms,error\r\n"
        "1970-01-01T00:00:01.000Z,0b5f3f5e-6d1c-4f0e-9a57-0c1f2d3e4b5a,agt-0a1b2c3d,"
        "\"'=cmd()\",idle,offline,silence,cron_job,,,\r\n";
    assert_memory_equal(b->rq.reply.bytes, start, sizeof start - 1);
}

static void
a_limit_holds_for_csv_too_and_the_rest_is_linked(void **state)
{
    struct bench *b = *state;

    b->filter.limit = 3;
    answer(b, 1);
    assert_int_equal(lines_of(b->rq.reply.bytes), 4);
    assert_string_equal(header(&b->rq, "Link"),
                        "</api/status-transitions.csv?cursor=3>; rel=\"next\"");
}

static void
accept_chooses_csv_only_when_json_is_not_wanted(void **state)
{
    static const struct {
        const char *accept;
        bool csv;
    } cases[] = {
        { "text/csv", true },   { "Text/CSV; q=0.9, */*;q=0.1", true },
        { "*/*", false },       { "application/json, text/csv", false },
        { "text/html", false },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct bench *b = *state;

        b->rq.reply = (struct reply){ 0 };
        accepted = cases[i].accept;
        nasked = 0;
        answer(b, 0);
        assert_int_equal(b->rq.reply.bytes != NULL, cases[i].csv);
    }
}

static void
what_set_it_off_follows_from_the_reason(void **state)
{
    static const struct {
        int reason;
        const char *trigger;
    } cases[] = {
        { REASON_HEARTBEAT, "api_call" },    { REASON_TOLD_OFFLINE, "api_call" },
        { REASON_TRAFFIC, "proxy_relay" },   { REASON_SILENCE, "cron_job" },
        { REASON_PROBE_FAILED, "cron_job" }, { REASON_PROBE_SUCCEEDED, "cron_job" },
        { REASON_ARCHIVED, "user_action" },  { REASON_REVOKED, "user_action" },
    };
    struct bench *b = *state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct transition t = { .at = 1,
                                      .permanent_id = "agt-0a1b2c3d",
                                      .reason = cases[i].reason };
        json_t *drawn =
            spec_tree(&portal_transition_spec, portal_transition_of(&t, b->rq.mem), VIEW_FULL);

        assert_string_equal(json_string_value(json_object_get(drawn, "trigger")), cases[i].trigger);
        assert_true(json_is_null(json_object_get(drawn, "http_status")));
        assert_int_equal(json_is_null(json_object_get(drawn, "latency_ms")),
                         cases[i].reason != REASON_PROBE_FAILED &&
                             cases[i].reason != REASON_PROBE_SUCCEEDED);
        json_decref(drawn);
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        T(json_comes_in_pages_of_25),
        T(csv_holds_all_rows_whatever_their_pages),
        T(a_limit_holds_for_csv_too_and_the_rest_is_linked),
        T(accept_chooses_csv_only_when_json_is_not_wanted),
        T(what_set_it_off_follows_from_the_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
