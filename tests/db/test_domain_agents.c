/* Registering, reading, editing and listing agents. */
#include "domain/agents.h"

#include "crypto/token.h"
#include "domain_fixture.h"
#include "store/agents.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

static const char *
words_of(struct domain_fixture *fx, const char *what)
{
    return arena_printf(fx->u.mem, "https://%s.example.com/in", what);
}

static struct agent_draft
full_draft(struct domain_fixture *fx)
{
    static const char *languages[] = { "de", "a \"quoted\" one" };
    static const char *categories[] = { "search" };
    struct agent_draft draft = agents_draft_defaults;

    draft.name = "Zoë's  Agent 2";
    draft.endpoint_url = words_of(fx, "endpoint-in-clear");
    draft.webhook_url = words_of(fx, "webhook-in-clear");
    draft.endpoint_api_key = "key-in-clear";
    draft.version = "1.2.3";
    draft.languages = (struct texts){ languages, 2 };
    draft.capabilities.task_categories = (struct texts){ categories, 1 };
    draft.capabilities.requests_per_minute = 60;
    draft.metadata = "{\"a\": [1, 2]}";
    draft.is_public = true;
    return draft;
}

static void
registering_gives_ids_a_token_and_what_was_said(void **state)
{
    struct domain_fixture *fx = *state;
    struct agent_draft draft = full_draft(fx);
    struct agent *agent = agents_register(&fx->u, &draft, &fx->err);
    struct uuid uuid;

    assert_ok(agent != NULL, &fx->err);
    assert_true(ids_uuid_read(agent->id, &uuid));
    assert_true(ids_is_permanent(agent->permanent_id));
    assert_string_equal(agent->org_id, fx->by.org_text);
    assert_int_equal(strlen(agent->token), 67);
    assert_string_equal(agent->token + 63, agent->token_hint);
    assert_string_equal(agent->slug, "zo-s-agent-2");
    assert_string_equal(agent->draft.name, draft.name);
    assert_string_equal(agent->draft.endpoint_url, draft.endpoint_url);
    assert_string_equal(agent->draft.webhook_url, draft.webhook_url);
    assert_null(agent->draft.endpoint_api_key);
    assert_true(agent->endpoint_key_set);
    assert_string_equal(agent->draft.endpoint_key_header, "Authorization");
    assert_string_equal(agent->draft.endpoint_key_scheme, "Bearer");
    assert_int_equal(agent->draft.languages.n, 2);
    assert_string_equal(agent->draft.languages.v[1], "a \"quoted\" one");
    assert_int_equal(agent->draft.capabilities.task_categories.n, 1);
    assert_int_equal(agent->draft.capabilities.requests_per_minute, 60);
    assert_string_equal(agent->draft.metadata, "{\"a\": [1, 2]}");
    assert_true(agent->draft.is_public);
    assert_int_equal(agent->row_version, 1);
    assert_int_equal(agent->life, LIFE_ACTIVE);
    assert_false(agent->is_revoked || agent->is_archived || agent->is_disabled);
    assert_int_equal(agent->presence.state, PRESENCE_OFFLINE);
    assert_int_equal(agent->presence.reason, REASON_NEVER_SEEN);
    assert_int_equal(agent->presence.next_due, 0);
    assert_true(agent->created_at > 0 && agent->created_at == agent->updated_at);
}

static void
reading_finds_it_by_both_ids_and_never_shows_the_token_again(void **state)
{
    struct domain_fixture *fx = *state;
    struct agent_draft draft = full_draft(fx);
    struct agent *agent = agents_register(&fx->u, &draft, &fx->err);

    assert_ok(agent != NULL, &fx->err);
    const char *const refs[] = { agent->id, agent->permanent_id };
    for (size_t i = 0; i < COUNT(refs); i++) {
        struct agent *again = agents_get(&fx->u, refs[i], domain_fixture_again(fx));

        assert_ok(again != NULL, &fx->err);
        assert_string_equal(again->id, agent->id);
        assert_string_equal(again->draft.endpoint_url, draft.endpoint_url);
        assert_null(again->token);
        assert_null(again->draft.endpoint_api_key);
    }
}

static void
no_secret_stands_in_the_database_in_clear(void **state)
{
    struct domain_fixture *fx = *state;
    struct agent_draft draft = full_draft(fx);
    struct agent *agent = agents_register(&fx->u, &draft, &fx->err);

    assert_ok(agent != NULL, &fx->err);
    /* The needles as text and as the hex digits in which bytea is printed. */
    const char *const needles[] = { "in-clear", "696e2d636c656172", agent->token + 3 };
    for (size_t i = 0; i < COUNT(needles); i++)
        assert_int_equal(domain_fixture_number("SELECT count(*) FROM agents a WHERE id = '%s'"
                                               " AND position('%s' IN a::text) > 0",
                                               agent->id, needles[i]),
                         0);
    assert_int_equal(domain_fixture_number("SELECT count(*) FROM agents a WHERE id = '%s'"
                                           " AND token_hash = sha256('%s')"
                                           " AND length(endpoint_key_sealed) = 12 + 33",
                                           agent->id, agent->token),
                     1);
}

static void
foreign_and_unknown_agents_are_not_found(void **state)
{
    struct domain_fixture *fx = *state;
    struct agent *agent = domain_fixture_agent(fx, "Mine", NULL);
    struct caller stranger = domain_fixture_stranger(fx);
    const char *const refs[] = { agent->id, agent->permanent_id };
    const char *const unknown[] = { "",
                                    "agt-",
                                    "agt-0000000",
                                    "x",
                                    "00000000-0000-4000-8000-00000000000x",
                                    "00000000-0000-4000-8000-0000000000ff" };

    for (size_t i = 0; i < COUNT(unknown); i++) {
        assert_null(agents_get(&fx->u, unknown[i], domain_fixture_again(fx)));
        assert_int_equal(fx->err.code, ERR_AGENT_NOT_FOUND);
    }
    fx->u.by = &stranger;
    for (size_t i = 0; i < COUNT(refs); i++) {
        assert_null(agents_get(&fx->u, refs[i], domain_fixture_again(fx)));
        assert_int_equal(fx->err.code, ERR_AGENT_NOT_FOUND);
        assert_null(agents_rotate_token(&fx->u, refs[i], -1, domain_fixture_again(fx)));
        assert_int_equal(fx->err.code, ERR_AGENT_NOT_FOUND);
        assert_null(agents_revoke(&fx->u, refs[i], -1, domain_fixture_again(fx)));
        assert_int_equal(fx->err.code, ERR_AGENT_NOT_FOUND);
        assert_false(agents_delete(&fx->u, refs[i], -1, domain_fixture_again(fx)));
        assert_int_equal(fx->err.code, ERR_AGENT_NOT_FOUND);
    }

    struct page *page =
        agents_list(&fx->u, &(struct agent_filter){ .status = -1, .life = -1, .limit = 10 },
                    domain_fixture_again(fx));
    assert_ok(page != NULL, &fx->err);
    assert_int_equal(page->data.n, 0);
}

static void
bad_drafts_name_the_field_and_store_nothing(void **state)
{
    struct domain_fixture *fx = *state;
    struct caller stranger = domain_fixture_stranger(fx);
    const struct caller *me = fx->u.by;

    fx->u.by = &stranger;
    const char *foreign = domain_fixture_agent(fx, "Theirs", NULL)->id;
    fx->u.by = me;
    const struct {
        struct agent_draft draft;
        const char *field;
    } cases[] = {
        { { .name = NULL }, "name" },
        { { .name = "" }, "name" },
        { { .name = "x", .endpoint_url = "http://example.com/" }, "endpoint_url" },
        { { .name = "x", .endpoint_url = "https://127.0.0.1/" }, "endpoint_url" },
        { { .name = "x", .webhook_url = "https://10.0.0.1/" }, "webhook_url" },
        { { .name = "x", .webhook_url = "nonsense" }, "webhook_url" },
        { { .name = "x", .endpoint_api_key = "" }, "endpoint_api_key" },
        { { .name = "x", .endpoint_api_key = " a" }, "endpoint_api_key" },
        { { .name = "x", .endpoint_api_key = "a " }, "endpoint_api_key" },
        { { .name = "x", .endpoint_api_key = "a\r\nX-Injected: 1" }, "endpoint_api_key" },
        { { .name = "x", .endpoint_api_key = "\xc3\xa9" }, "endpoint_api_key" },
        { { .name = "x", .endpoint_key_header = "Host" }, "endpoint_key_header" },
        { { .name = "x", .endpoint_key_header = "transfer-encoding" }, "endpoint_key_header" },
        { { .name = "x", .endpoint_key_header = "A B" }, "endpoint_key_header" },
        { { .name = "x", .endpoint_key_scheme = "a\nb" }, "endpoint_key_scheme" },
        { { .name = "x", .version_header = "X:Y" }, "version_header" },
        { { .name = "x", .version_value = "1\r\n2" }, "version_value" },
        { { .name = "x", .fallback_agent_id = "nobody" }, "fallback_agent_id" },
        { { .name = "x", .fallback_agent_id = "agt-00000000" }, "fallback_agent_id" },
        { { .name = "x", .fallback_agent_id = foreign }, "fallback_agent_id" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_null(agents_register(&fx->u, &cases[i].draft, domain_fixture_again(fx)));
        assert_int_equal(fx->err.code, ERR_VALIDATION_ERROR);
        assert_string_equal(fx->err.field, cases[i].field);
    }
    assert_int_equal(
        domain_fixture_number("SELECT count(*) FROM agents WHERE org_id = '%s'", me->org_text), 0);
}

static void
a_key_may_stand_without_an_endpoint_and_may_be_4096_long(void **state)
{
    struct domain_fixture *fx = *state;
    struct agent_draft draft = { .name = "x", .endpoint_key_scheme = "" };
    char key[4098];

    memset(key, 'k', sizeof key);
    key[4096] = '\0';
    draft.endpoint_api_key = key;
    struct agent *agent = agents_register(&fx->u, &draft, &fx->err);
    assert_ok(agent != NULL, &fx->err);
    assert_true(agent->endpoint_key_set);
    assert_string_equal(agent->draft.endpoint_key_scheme, "");

    key[4096] = 'k';
    key[4097] = '\0';
    assert_null(agents_register(&fx->u, &draft, domain_fixture_again(fx)));
    assert_string_equal(fx->err.field, "endpoint_api_key");
}

static void
a_fallback_given_by_permanent_id_is_drawn_as_uuid(void **state)
{
    struct domain_fixture *fx = *state;
    struct agent *stand_in = domain_fixture_agent(fx, "Stand-in", NULL);
    struct agent_draft draft = { .name = "x", .fallback_agent_id = stand_in->permanent_id };
    struct agent *agent = agents_register(&fx->u, &draft, &fx->err);

    assert_ok(agent != NULL, &fx->err);
    assert_string_equal(agent->draft.fallback_agent_id, stand_in->id);
    assert_ok(agents_delete(&fx->u, stand_in->id, -1, &fx->err), &fx->err);
    agent = agents_get(&fx->u, agent->id, &fx->err);
    assert_ok(agent != NULL, &fx->err);
    assert_null(agent->draft.fallback_agent_id);
}

static bool
rename_it(void *arg, struct agent_draft *draft, struct err *err)
{
    (void)err;
    draft->name = arg;
    return true;
}

static bool
point_to(void *arg, struct agent_draft *draft, struct err *err)
{
    (void)err;
    draft->fallback_agent_id = arg;
    return true;
}

static bool
strip(void *arg, struct agent_draft *draft, struct err *err)
{
    (void)arg;
    (void)err;
    draft->endpoint_url = NULL;
    draft->endpoint_api_key = NULL;
    draft->endpoint_key_header = NULL;
    return true;
}

static bool
check_what_stands(void *arg, struct agent_draft *draft, struct err *err)
{
    (void)arg;
    assert_string_equal(draft->endpoint_url, "https://endpoint-in-clear.example.com/in");
    assert_ptr_equal(draft->endpoint_api_key, agent_keep_key);
    return err_set(err, ERR_VALIDATION_ERROR, "name", "Refused by the overlay.");
}

static void
editing_changes_what_the_overlay_changes_and_counts_versions(void **state)
{
    struct domain_fixture *fx = *state;
    struct agent_draft draft = full_draft(fx);
    char name[] = "Other";
    struct agent *agent = agents_register(&fx->u, &draft, &fx->err);
    assert_ok(agent != NULL, &fx->err);

    struct agent *edited = agents_edit(&fx->u, agent->permanent_id, 1, rename_it, name, &fx->err);
    assert_ok(edited != NULL, &fx->err);
    assert_string_equal(edited->draft.name, "Other");
    assert_string_equal(edited->slug, "other");
    assert_int_equal(edited->row_version, 2);
    assert_string_equal(edited->permanent_id, agent->permanent_id);
    assert_string_equal(edited->draft.endpoint_url, draft.endpoint_url);
    assert_true(edited->endpoint_key_set);
    assert_true(edited->updated_at >= agent->updated_at);
    assert_null(edited->token);

    edited = agents_edit(&fx->u, agent->id, -1, strip, NULL, &fx->err);
    assert_ok(edited != NULL, &fx->err);
    assert_null(edited->draft.endpoint_url);
    assert_false(edited->endpoint_key_set);
    assert_string_equal(edited->draft.endpoint_key_header, "Authorization");
    assert_string_equal(edited->draft.webhook_url, draft.webhook_url);
    assert_int_equal(edited->row_version, 3);
}

static void
a_stale_etag_and_a_refusing_overlay_change_nothing(void **state)
{
    struct domain_fixture *fx = *state;
    struct agent_draft draft = full_draft(fx);
    char name[] = "Other";
    struct agent *agent = agents_register(&fx->u, &draft, &fx->err);
    assert_ok(agent != NULL, &fx->err);

    assert_null(
        agents_edit(&fx->u, agent->id, -1, check_what_stands, NULL, domain_fixture_again(fx)));
    assert_int_equal(fx->err.code, ERR_VALIDATION_ERROR);
    assert_null(agents_edit(&fx->u, agent->id, 7, rename_it, name, domain_fixture_again(fx)));
    assert_int_equal(fx->err.code, ERR_PRECONDITION_FAILED);
    assert_string_equal(fx->err.facts[0].key, "current");
    assert_int_equal(fx->err.facts[0].number, 1);
    assert_null(agents_edit(&fx->u, agent->id, -1, point_to, (void *)(uintptr_t)agent->permanent_id,
                            domain_fixture_again(fx)));
    assert_string_equal(fx->err.field, "fallback_agent_id");

    agent = agents_get(&fx->u, agent->id, domain_fixture_again(fx));
    assert_ok(agent != NULL, &fx->err);
    assert_string_equal(agent->draft.name, draft.name);
    assert_int_equal(agent->row_version, 1);
}

static void
a_url_that_the_guard_refuses_by_now_stays_while_other_things_change(void **state)
{
    struct domain_fixture *fx = *state;
    char name[] = "Other";

    assert_true(guard_read(&fx->guard, "127.0.0.0/8", true, &fx->err));
    struct agent *agent = domain_fixture_agent(fx, "Local", "http://127.0.0.1:8080/a");
    fx->guard = (struct guard){ 0 };
    struct agent *edited = agents_edit(&fx->u, agent->id, -1, rename_it, name, &fx->err);
    assert_ok(edited != NULL, &fx->err);
    assert_string_equal(edited->draft.endpoint_url, "http://127.0.0.1:8080/a");
}

/* Walks all pages of a filter; returns how many agents, whose names begin with prefix, were met. */
static size_t
walk(struct domain_fixture *fx, struct agent_filter filter, const char *prefix,
     void (*between)(struct domain_fixture *fx))
{
    size_t n = 0;
    int64_t last = INT64_MAX;

    for (;;) {
        struct page *page = agents_list(&fx->u, &filter, domain_fixture_again(fx));

        assert_ok(page != NULL, &fx->err);
        assert_true(page->data.n <= (size_t)filter.limit);
        for (size_t i = 0; i < page->data.n; i++) {
            const struct agent *agent = page->data.v[i];

            assert_true(agent->created_at <= last);
            last = agent->created_at;
            n += strncmp(agent->draft.name, prefix, strlen(prefix)) == 0;
        }
        assert_true(page->has_more == (page->next != NULL));
        if (!page->has_more)
            return n;
        filter.cursor = page->next;
        if (between != NULL)
            between(fx);
    }
}

static void
add_another(struct domain_fixture *fx)
{
    domain_fixture_agent(fx, "late", NULL);
}

static void
pages_show_each_agent_once_while_others_are_inserted(void **state)
{
    struct domain_fixture *fx = *state;
    struct db_tx *tx = db_begin(fx->u.db, &fx->err);
    struct agent_filter filter = { .status = -1, .life = -1, .limit = 17 };

    /* In one transaction: all have the same created_at, so the id alone parts them. */
    for (int i = 0; i < 150; i++)
        domain_fixture_agent(fx, arena_printf(fx->u.mem, "early %d", i), NULL);
    assert_ok(db_commit(tx, &fx->err), &fx->err);
    for (int i = 0; i < 100; i++)
        domain_fixture_agent(fx, arena_printf(fx->u.mem, "early %d", i), NULL);
    assert_int_equal(walk(fx, filter, "early", add_another), 250);
    filter.limit = 200;
    assert_int_equal(walk(fx, filter, "", NULL), 250 + 14);
}

static void
filters_find_what_they_say(void **state)
{
    struct domain_fixture *fx = *state;
    static const char *search[] = { "search" };
    struct agent_draft draft = { .name = "100% sure_thing",
                                 .capabilities.task_categories = { search, 1 } };
    struct agent *one = agents_register(&fx->u, &draft, &fx->err);
    assert_ok(one != NULL, &fx->err);
    struct agent *other = domain_fixture_agent(fx, "Weather", NULL);
    assert_non_null(agents_archive(&fx->u, other->id, -1, &fx->err));
    const struct {
        struct agent_filter filter;
        size_t n;
    } cases[] = {
        { { .status = -1, .life = -1 }, 2 },
        { { .q = "SURE", .status = -1, .life = -1 }, 1 },
        { { .q = "%", .status = -1, .life = -1 }, 1 },
        { { .q = "_", .status = -1, .life = -1 }, 1 },
        { { .q = "e", .status = -1, .life = -1 }, 2 },
        { { .q = "\\", .status = -1, .life = -1 }, 0 },
        { { .q = "", .status = -1, .life = -1 }, 2 },
        { { .q = one->permanent_id, .status = -1, .life = -1 }, 1 },
        { { .q = one->id, .status = -1, .life = -1 }, 1 },
        { { .q = "e", .status = -1, .life = LIFE_ARCHIVED }, 1 },
        { { .status = -1, .life = LIFE_ACTIVE }, 1 },
        { { .status = PRESENCE_OFFLINE, .life = -1 }, 2 },
        { { .status = PRESENCE_ONLINE, .life = -1 }, 0 },
        { { .status = -1, .life = -1, .task_category = "search" }, 1 },
        { { .status = -1, .life = -1, .task_category = "sear" }, 0 },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct agent_filter filter = cases[i].filter;

        filter.limit = 1;
        if (walk(fx, filter, "", NULL) != cases[i].n)
            fail_msg("case %zu", i);
    }
}

/* One page, which holds n agents; the others begin behind *cursor, if there are any. */
static void
check_page(struct domain_fixture *fx, struct agent_filter filter, size_t n, const char **cursor)
{
    filter.cursor = *cursor;
    filter.limit = 50;

    struct page *page = agents_list(&fx->u, &filter, domain_fixture_again(fx));
    assert_ok(page != NULL, &fx->err);
    assert_int_equal(page->data.n, n);
    assert_int_equal(page->has_more, page->next != NULL);
    *cursor = page->next;
}

/* The 3,000th and older are found by an index, or not at all. */
static void
make_many(struct domain_fixture *fx)
{
    const char *org = fx->by.org_text;

    domain_fixture_run(
        fx,
        "INSERT INTO agents (id, org_id, permanent_id, name, token_hash, token_hint, created_at,"
        " task_categories) SELECT gen_random_uuid(), '%s', 'agt-' || substr(md5(n || '%s'), 1, 8),"
        " CASE WHEN n > 3000 THEN 'needle ' || n WHEN n = 7 THEN 'Red hen'"
        " ELSE 'hen redder ' || n END, sha256((n || '%s')::bytea), 'hint',"
        " now() - n * interval '1 second',"
        " CASE WHEN n > 3000 THEN '{\"sew\"}' ELSE '{\"lay\"}' END::text[]"
        " FROM generate_series(1, 3003) n",
        org, org, org);
    domain_fixture_run(fx,
                       "INSERT INTO presence (agent_id, state) SELECT id, CASE WHEN name ~ 'needle'"
                       " THEN 0 ELSE 2 END FROM agents WHERE org_id = '%s'",
                       org);
}

static void
few_among_many_are_found_at_once_or_page_by_page(void **state)
{
    struct domain_fixture *fx = *state;
    static const struct agent_filter at_once[] = {
        { .q = "EEDLE", .status = -1, .life = -1 },
        { .q = "needle", .status = PRESENCE_ONLINE, .life = -1, .task_category = "sew" },
        { .status = -1, .life = -1, .task_category = "sew" },
        { .q = "ee", .status = -1, .life = -1, .task_category = "sew" },
    };

    make_many(fx);
    for (size_t i = 0; i < COUNT(at_once); i++) {
        const char *cursor = NULL;

        check_page(fx, at_once[i], 3, &cursor);
        assert_null(cursor);
    }
    const char *cursor = NULL;
    check_page(fx, (struct agent_filter){ .q = "nowhere", .status = -1, .life = -1 }, 0, &cursor);
    assert_null(cursor);
    for (int limit = 1; limit <= 4; limit++)
        for (size_t i = 0; i < COUNT(at_once); i++) {
            struct agent_filter filter = at_once[i];

            filter.limit = limit;
            assert_int_equal(walk(fx, filter, "needle", NULL), 3);
        }

    /* No index helps: six pages of 500, and the rest. */
    static const struct agent_filter page_by_page[] = {
        { .status = PRESENCE_ONLINE, .life = -1 },
        { .q = "ee", .status = -1, .life = -1 },
    };
    for (size_t i = 0; i < COUNT(page_by_page); i++) {
        cursor = NULL;
        for (int page = 0; page < 6; page++) {
            check_page(fx, page_by_page[i], 0, &cursor);
            assert_non_null(cursor);
        }
        check_page(fx, page_by_page[i], 3, &cursor);
        assert_null(cursor);
    }

    /* Nearly all have both words. */
    cursor = NULL;
    check_page(fx, (struct agent_filter){ .q = "red hen", .status = -1, .life = -1 }, 1, &cursor);
    assert_non_null(cursor);
}

/* n that an index finds, older than all that one page looks at. */
static void
make_thimbles(struct domain_fixture *fx, int n)
{
    const char *org = fx->by.org_text;

    domain_fixture_run(
        fx,
        "INSERT INTO agents (id, org_id, permanent_id, name, token_hash, token_hint, created_at)"
        " SELECT gen_random_uuid(), '%s', 'agt-' || substr(md5(n || '%s'), 1, 8),"
        " CASE WHEN n > %d THEN 'thimble' ELSE 'other' END, sha256((n || '%s')::bytea), 'hint',"
        " now() - n * interval '1 second' FROM generate_series(1, %d) n",
        org, org, AGENTS_WALK, org, AGENTS_WALK + n);
    domain_fixture_run(fx,
                       "INSERT INTO presence (agent_id) SELECT id FROM agents"
                       " WHERE org_id = '%s'",
                       org);
}

static void
as_many_as_an_index_may_find_are_found_at_once(void **state)
{
    struct domain_fixture *fx = *state;
    const struct agent_filter filter = { .q = "thimble", .status = -1, .life = -1, .limit = 50 };
    const char *cursor = NULL;

    make_thimbles(fx, AGENTS_FOUND);
    check_page(fx, filter, 50, &cursor);
    assert_non_null(cursor);
    assert_int_equal(walk(fx, filter, "thimble", NULL), AGENTS_FOUND);
}

static void
more_than_an_index_may_find_are_found_page_by_page(void **state)
{
    struct domain_fixture *fx = *state;
    const struct agent_filter filter = { .q = "thimble", .status = -1, .life = -1, .limit = 50 };
    const char *cursor = NULL;

    make_thimbles(fx, AGENTS_FOUND + 1);
    check_page(fx, filter, 0, &cursor);
    assert_non_null(cursor);
    check_page(fx, filter, 50, &cursor);
    assert_int_equal(walk(fx, filter, "thimble", NULL), AGENTS_FOUND + 1);
}

static void
a_broken_cursor_is_refused(void **state)
{
    struct domain_fixture *fx = *state;
    static const char *const broken[] = {
        "",
        "a",
        "x",
        "a0000000000000000",
        "t0000000000000001",
        "c000000000000000100000000000040008000000000000001",
        "a7fffffffffffffff00000000000040008000000000000001",
        "a000000000000000000000000000040008000000000000001",
        "affffffffffffffff00000000000040008000000000000001",
        "a00000000000000010000000000004000800000000000000g",
    };

    for (size_t i = 0; i < COUNT(broken); i++) {
        struct agent_filter filter = { .cursor = broken[i], .status = -1, .life = -1, .limit = 5 };

        assert_null(agents_list(&fx->u, &filter, domain_fixture_again(fx)));
        assert_int_equal(fx->err.code, ERR_VALIDATION_ERROR);
        assert_string_equal(fx->err.field, "cursor");
    }
}

static void
a_retired_permanent_id_is_not_given_again(void **state)
{
    struct domain_fixture *fx = *state;
    struct agent *agent = domain_fixture_agent(fx, "x", NULL);

    assert_ok(agents_delete(&fx->u, agent->id, -1, &fx->err), &fx->err);
    assert_int_equal(
        domain_fixture_number("SELECT count(*) FROM retired_permanent_ids WHERE permanent_id = '%s'"
                              " AND agent_id = '%s' AND org_id = '%s'",
                              agent->permanent_id, agent->id, agent->org_id),
        1);

    /* The store refuses it as it refuses one that is in use. */
    struct agent again = {
        .id = ids_uuid(fx->u.mem),
        .org_id = fx->by.org_text,
        .permanent_id = agent->permanent_id,
        .draft = { .name = "y", .endpoint_key_header = "A", .endpoint_key_scheme = "B" },
        .token_hint = "abcd"
    };
    struct digest hash = hash_sha256("x", 1);
    const struct audit_new event = { ids_uuid(fx->u.mem), "", "", { .metadata = "{}" } };
    struct agent_new fresh = { &again, { hash.b, 32 }, &event, fx->u.mem, NULL };
    struct agent_new *all[] = { &fresh };
    assert_ok(store_agents_insert(db_single(fx->u.db), all, 1, fx->u.mem, &fx->err), &fx->err);
    assert_null(fresh.row);
    again.permanent_id = domain_fixture_agent(fx, "z", NULL)->permanent_id;
    assert_ok(store_agents_insert(db_single(fx->u.db), all, 1, fx->u.mem, &fx->err), &fx->err);
    assert_null(fresh.row);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        domain_test(registering_gives_ids_a_token_and_what_was_said),
        domain_test(reading_finds_it_by_both_ids_and_never_shows_the_token_again),
        domain_test(no_secret_stands_in_the_database_in_clear),
        domain_test(foreign_and_unknown_agents_are_not_found),
        domain_test(bad_drafts_name_the_field_and_store_nothing),
        domain_test(a_key_may_stand_without_an_endpoint_and_may_be_4096_long),
        domain_test(a_fallback_given_by_permanent_id_is_drawn_as_uuid),
        domain_test(editing_changes_what_the_overlay_changes_and_counts_versions),
        domain_test(a_stale_etag_and_a_refusing_overlay_change_nothing),
        domain_test(a_url_that_the_guard_refuses_by_now_stays_while_other_things_change),
        domain_test(pages_show_each_agent_once_while_others_are_inserted),
        domain_test(filters_find_what_they_say),
        domain_test(few_among_many_are_found_at_once_or_page_by_page),
        domain_test(as_many_as_an_index_may_find_are_found_at_once),
        domain_test(more_than_an_index_may_find_are_found_page_by_page),
        domain_test(a_broken_cursor_is_refused),
        domain_test(a_retired_permanent_id_is_not_given_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
