/* Connections and the records of calls. */
#include "domain/links.h"

#include "base/clock.h"
#include "domain/presence.h"
#include "domain_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <string.h>

static struct connection *
connect_two(struct domain_fixture *fx, const struct agent *source, const struct agent *target)
{
    struct connection_draft draft = { .source_agent_id = source->id,
                                      .target_agent_id = target->id,
                                      .group_name = "team" };
    struct connection *link = links_create(&fx->u, &draft, domain_fixture_again(fx));

    assert_ok(link != NULL, &fx->err);
    return link;
}

static void
a_connection_joins_two_agents_in_the_default_network(void **state)
{
    struct domain_fixture *fx = *state;
    struct agent *source = domain_fixture_agent(fx, "a", NULL);
    struct agent *target = domain_fixture_agent(fx, "b", NULL);
    struct connection_draft draft = { .source_agent_id = source->permanent_id,
                                      .target_agent_id = target->id,
                                      .group_name = "team",
                                      .allow_paths = true };
    struct connection *link = links_create(&fx->u, &draft, &fx->err);
    struct uuid id;

    assert_ok(link != NULL, &fx->err);
    assert_true(ids_uuid_read(link->id, &id));
    assert_string_equal(link->source_agent_id, source->id);
    assert_string_equal(link->source_permanent_id, source->permanent_id);
    assert_string_equal(link->target_agent_id, target->id);
    assert_string_equal(link->target_permanent_id, target->permanent_id);
    assert_string_equal(link->group_name, "team");
    assert_true(link->allow_paths);
    assert_true(link->created_at > 0);
    assert_int_equal(domain_fixture_number("SELECT count(*) FROM networks WHERE id = '%s'"
                                           " AND name = 'Default Network' AND org_id = '%s'",
                                           link->network_id, fx->by.org_text),
                     1);

    struct connection *again = links_get(&fx->u, link->id, &fx->err);
    assert_ok(again != NULL, &fx->err);
    assert_string_equal(again->network_id, link->network_id);
    assert_string_equal(connect_two(fx, target, source)->network_id, link->network_id);
    draft.network_id = link->network_id;
    assert_non_null(links_create(&fx->u, &draft, &fx->err));

    struct cached_connection *cached = links_load(&fx->u, &id, &fx->err);
    struct uuid source_id = domain_fixture_id(source);
    assert_ok(cached != NULL, &fx->err);
    assert_memory_equal(&cached->source, &source_id, sizeof source_id);
    assert_memory_equal(&cached->org, &fx->by.org, sizeof cached->org);
    assert_true(cached->allow_paths);
    cache_done_connection(cached);
}

static void
ends_must_be_two_living_agents_of_the_organization(void **state)
{
    struct domain_fixture *fx = *state;
    struct agent *good = domain_fixture_agent(fx, "a", NULL);
    struct agent *revoked = domain_fixture_agent(fx, "b", NULL);
    assert_non_null(agents_revoke(&fx->u, revoked->id, -1, &fx->err));
    const struct caller *me = fx->u.by;
    struct caller stranger = domain_fixture_stranger(fx);
    fx->u.by = &stranger;
    struct agent *foreign = domain_fixture_agent(fx, "c", NULL);
    struct connection *theirs = connect_two(fx, foreign, domain_fixture_agent(fx, "d", NULL));
    fx->u.by = me;
    const struct {
        struct connection_draft draft;
        enum err_code code;
        const char *field;
    } cases[] = {
        { { .source_agent_id = NULL, .target_agent_id = good->id },
          ERR_VALIDATION_ERROR,
          "source_agent_id" },
        { { .source_agent_id = "x", .target_agent_id = good->id },
          ERR_VALIDATION_ERROR,
          "source_agent_id" },
        { { .source_agent_id = foreign->id, .target_agent_id = good->id },
          ERR_VALIDATION_ERROR,
          "source_agent_id" },
        { { .source_agent_id = good->id, .target_agent_id = foreign->permanent_id },
          ERR_VALIDATION_ERROR,
          "target_agent_id" },
        { { .source_agent_id = good->id, .target_agent_id = good->permanent_id },
          ERR_VALIDATION_ERROR,
          "target_agent_id" },
        { { .source_agent_id = good->id, .target_agent_id = revoked->id },
          ERR_AGENT_STATE,
          "target_agent_id" },
        { { .source_agent_id = good->id, .target_agent_id = good->id, .network_id = "x" },
          ERR_VALIDATION_ERROR,
          "target_agent_id" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_null(links_create(&fx->u, &cases[i].draft, domain_fixture_again(fx)));
        assert_int_equal(fx->err.code, cases[i].code);
        assert_string_equal(fx->err.field, cases[i].field);
    }
    const char *const networks[] = { "x", "00000000-0000-4000-8000-0000000000ff",
                                     theirs->network_id };
    struct agent *other = domain_fixture_agent(fx, "e", NULL);
    for (size_t i = 0; i < COUNT(networks); i++) {
        struct connection_draft draft = { .source_agent_id = good->id,
                                          .target_agent_id = other->id,
                                          .network_id = networks[i] };

        assert_null(links_create(&fx->u, &draft, domain_fixture_again(fx)));
        assert_string_equal(fx->err.field, "network_id");
    }
    assert_null(links_get(&fx->u, theirs->id, domain_fixture_again(fx)));
    assert_int_equal(fx->err.code, ERR_CONNECTION_NOT_FOUND);
    assert_false(links_delete(&fx->u, theirs->id, domain_fixture_again(fx)));
    assert_int_equal(fx->err.code, ERR_CONNECTION_NOT_FOUND);
    assert_int_equal(
        domain_fixture_number("SELECT count(*) FROM connections WHERE org_id = '%s'", me->org_text),
        0);
}

static void
a_deleted_connection_is_gone_from_the_cache(void **state)
{
    struct domain_fixture *fx = *state;
    struct connection *link =
        connect_two(fx, domain_fixture_agent(fx, "a", NULL), domain_fixture_agent(fx, "b", NULL));
    struct uuid id;

    assert_true(ids_uuid_read(link->id, &id));
    cache_done_connection(links_load(&fx->u, &id, &fx->err));
    assert_int_equal(cache_counts(fx->core.cache).connections, 1);
    assert_ok(links_delete(&fx->u, link->id, &fx->err), &fx->err);
    assert_int_equal(cache_counts(fx->core.cache).connections, 0);
    assert_null(links_load(&fx->u, &id, &fx->err));
    assert_int_equal(fx->err.code, ERR_NONE);
    assert_false(links_delete(&fx->u, link->id, domain_fixture_again(fx)));
    assert_int_equal(fx->err.code, ERR_CONNECTION_NOT_FOUND);
    assert_false(links_delete(&fx->u, "nonsense", domain_fixture_again(fx)));
    assert_int_equal(fx->err.code, ERR_CONNECTION_NOT_FOUND);
}

static void
lists_of_connections_page_and_filter_by_agent(void **state)
{
    struct domain_fixture *fx = *state;
    struct agent *hub = domain_fixture_agent(fx, "hub", NULL);
    struct connection_filter filter = { .limit = 4 };
    size_t n = 0;

    for (int i = 0; i < 5; i++) {
        struct agent *leaf = domain_fixture_agent(fx, "leaf", NULL);

        connect_two(fx, hub, leaf);
        connect_two(fx, leaf, hub);
        connect_two(fx, leaf, domain_fixture_agent(fx, "other", NULL));
    }
    const char *const refs[] = { NULL, hub->id, hub->permanent_id };
    const size_t expected[] = { 15, 10, 10 };
    for (size_t i = 0; i < COUNT(refs); i++) {
        struct page *page;

        n = 0;
        filter = (struct connection_filter){ .agent_id = refs[i], .limit = 4 };
        do {
            page = links_list(&fx->u, &filter, domain_fixture_again(fx));
            assert_ok(page != NULL, &fx->err);
            n += page->data.n;
            filter.cursor = page->next;
        } while (page->has_more);
        assert_int_equal(n, expected[i]);
    }
    filter = (struct connection_filter){ .agent_id = "agt-00000000", .limit = 4 };
    assert_int_equal(links_list(&fx->u, &filter, &fx->err)->data.n, 0);
    filter.agent_id = "x";
    assert_null(links_list(&fx->u, &filter, domain_fixture_again(fx)));
    assert_string_equal(fx->err.field, "agent_id");
    filter = (struct connection_filter){ .cursor = "a00", .limit = 4 };
    assert_null(links_list(&fx->u, &filter, domain_fixture_again(fx)));
    assert_string_equal(fx->err.field, "cursor");
}

struct pair {
    struct domain_fixture *fx;
    const struct agent *source, *target;
    char network[UUID_TEXT_SIZE];
    bool good;
};

static void *
connect_in_thread(void *arg)
{
    struct pair *pair = arg;
    struct arena *mem = arena_new();
    struct unit u = { &pair->fx->core, db_fixture_another(10000), mem, &pair->fx->by, "req" };
    struct connection_draft draft = { .source_agent_id = pair->source->id,
                                      .target_agent_id = pair->target->id };
    struct err err = { 0 };
    struct connection *link = links_create(&u, &draft, &err);

    pair->good = link != NULL;
    if (link != NULL)
        memcpy(pair->network, link->network_id, UUID_TEXT_SIZE);
    db_close(u.db);
    arena_free(mem);
    return NULL;
}

static void
first_connections_at_the_same_time_share_one_default_network(void **state)
{
    enum { N = 4 };
    struct domain_fixture *fx = *state;
    struct pair pairs[N];
    pthread_t threads[N];

    for (int i = 0; i < N; i++) {
        pairs[i] = (struct pair){ fx, domain_fixture_agent(fx, "a", NULL),
                                  domain_fixture_agent(fx, "b", NULL), "", false };
        assert_int_equal(pthread_create(&threads[i], NULL, connect_in_thread, &pairs[i]), 0);
    }
    for (int i = 0; i < N; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < N; i++) {
        assert_true(pairs[i].good);
        assert_string_equal(pairs[i].network, pairs[0].network);
    }
}

static void
records_of_calls_outlive_their_agents_and_are_found_by_filter(void **state)
{
    struct domain_fixture *fx = *state;
    struct agent *source = domain_fixture_agent(fx, "a", NULL);
    struct agent *target = domain_fixture_agent(fx, "b", NULL);
    struct connection *link = connect_two(fx, source, target);
    struct call_record ok = { .at = 1760000000123,
                              .org_id = fx->by.org_text,
                              .trace_id = "0af7651916cd43dd8448eb211c80319c",
                              .request_id = "req_1",
                              .connection_id = link->id,
                              .source_agent_id = source->id,
                              .source_permanent_id = source->permanent_id,
                              .target_agent_id = target->id,
                              .target_permanent_id = target->permanent_id,
                              .status = 200,
                              .outcome = "ok",
                              .request_bytes = 10,
                              .response_bytes = 5000000000,
                              .latency_us = 1234,
                              .first_byte_us = 1000 };
    struct call_record bad = ok;
    bad.outcome = "connection_refused";
    bad.status = 502;
    bad.protocol = "mcp";
    bad.trace_id = "ffffffffffffffffffffffffffffffff";
    bad.fallback_permanent_id = "agt-12345678";
    bad.first_byte_us = -1;
    bad.at += 1000;

    assert_ok(agents_delete(&fx->u, target->id, -1, &fx->err), &fx->err);
    struct buf rows = { 0 };
    assert_ok(calls_record(&fx->u, &rows, &fx->err), &fx->err);
    calls_row(&ok, &rows);
    calls_row(&bad, &rows);
    assert_ok(calls_record(&fx->u, &rows, &fx->err), &fx->err);
    buf_done(&rows);
    const struct {
        struct call_filter filter;
        size_t n;
    } cases[] = {
        { { .limit = 5 }, 2 },
        { { .agent_id = source->id, .limit = 5 }, 2 },
        { { .agent_id = target->permanent_id, .limit = 5 }, 2 },
        { { .agent_id = "agt-12345678", .limit = 5 }, 0 },
        { { .connection_id = link->id, .limit = 5 }, 2 },
        { { .outcome = "ok", .limit = 5 }, 1 },
        { { .trace_id = bad.trace_id, .limit = 5 }, 1 },
        { { .since = bad.at, .limit = 5 }, 1 },
        { { .until = bad.at, .limit = 5 }, 1 },
        { { .until = ok.at, .limit = 5 }, 0 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct page *page = calls_list(&fx->u, &cases[i].filter, domain_fixture_again(fx));

        assert_ok(page != NULL, &fx->err);
        if (page->data.n != cases[i].n)
            fail_msg("case %zu: %zu", i, page->data.n);
    }

    struct call_filter one = { .limit = 1 };
    struct page *page = calls_list(&fx->u, &one, &fx->err);
    assert_true(page->has_more);
    const struct call_record *newest = page->data.v[0];
    assert_string_equal(newest->outcome, "connection_refused");
    assert_string_equal(newest->protocol, "mcp");
    assert_string_equal(newest->fallback_permanent_id, "agt-12345678");
    assert_string_equal(newest->org_id, fx->by.org_text);
    assert_int_equal(newest->at, bad.at);
    assert_int_equal(newest->first_byte_us, -1);
    one.cursor = page->next;
    page = calls_list(&fx->u, &one, &fx->err);
    assert_false(page->has_more);
    const struct call_record *oldest = page->data.v[0];
    assert_int_equal(oldest->at, ok.at);
    assert_true(oldest->response_bytes == 5000000000);
    assert_null(oldest->protocol);

    struct caller stranger = domain_fixture_stranger(fx);
    fx->u.by = &stranger;
    one.cursor = NULL;
    assert_int_equal(calls_list(&fx->u, &one, &fx->err)->data.n, 0);
    one.agent_id = "x";
    assert_null(calls_list(&fx->u, &one, &fx->err));
    assert_string_equal(fx->err.field, "agent_id");
    one = (struct call_filter){ .connection_id = "x", .limit = 1 };
    assert_null(calls_list(&fx->u, &one, domain_fixture_again(fx)));
    assert_string_equal(fx->err.field, "connection_id");
}

/* All that a filter lets pass, page by page; *pages: how many there were. */
static size_t
count_calls(struct domain_fixture *fx, struct call_filter filter, int *pages)
{
    size_t n = 0;
    struct page *page;

    *pages = 0;
    do {
        page = calls_list(&fx->u, &filter, domain_fixture_again(fx));
        assert_ok(page != NULL, &fx->err);
        n += page->data.n;
        (*pages)++;
        filter.cursor = page->next;
    } while (page->has_more);
    return n;
}

static void
a_page_of_calls_looks_at_some_and_goes_on_behind_them(void **state)
{
    struct domain_fixture *fx = *state;
    struct call_filter rare = { .outcome = "timeout", .limit = 2 };
    struct call_filter none = { .outcome = "none", .limit = 2 };
    struct call_filter recent = { .since = clock_wall_ms() - 60 * 1000, .limit = 100 };
    struct call_filter old = { .until = clock_wall_ms() - 20000 * 1000, .limit = 200 };
    int pages;

    /* 25,000 of them, one a second, every 8,000th of which failed. */
    domain_fixture_run(fx,
                       "INSERT INTO calls (at, org_id, trace_id, request_id, connection_id,"
                       " source_agent_id, source_permanent_id, target_agent_id,"
                       " target_permanent_id, status, outcome, request_bytes, response_bytes,"
                       " latency_us, first_byte_us) SELECT now() - n * interval '1 second', o,"
                       " 't', 'r', o, o, 'agt-1', o, 'agt-2', 200,"
                       " CASE WHEN n %% 8000 = 0 THEN 'timeout' ELSE 'ok' END, 0, 0, 5000, 0"
                       " FROM generate_series(25000, 1, -1) n, CAST('%s' AS uuid) o",
                       fx->by.org_text);
    assert_int_equal(count_calls(fx, rare, &pages), 3);
    assert_int_equal(pages, 3);
    assert_int_equal(count_calls(fx, none, &pages), 0);
    assert_int_equal(pages, 3);
    assert_in_range(count_calls(fx, old, &pages), 4900, 5000);
    assert_in_range(count_calls(fx, recent, &pages), 60, 61);
    assert_int_equal(pages, 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        domain_test(a_connection_joins_two_agents_in_the_default_network),
        domain_test(ends_must_be_two_living_agents_of_the_organization),
        domain_test(a_deleted_connection_is_gone_from_the_cache),
        domain_test(lists_of_connections_page_and_filter_by_agent),
        domain_test(first_connections_at_the_same_time_share_one_default_network),
        domain_test(records_of_calls_outlive_their_agents_and_are_found_by_filter),
        domain_test(a_page_of_calls_looks_at_some_and_goes_on_behind_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
