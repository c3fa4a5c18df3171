/* What the portal takes for an agent, what it refuses, and what it shows. */
#include "api/portal/agent_specs.h"

#include "domain/agents.h"
#include "model/agent.h"
#include "model/link.h"

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

static bool
read_draft(struct arena *mem, const char *text, struct agent_draft *draft, enum spec_mode mode,
           struct err *err)
{
    json_t *body = json_read(text, strlen(text), mem, err);

    assert_non_null(body);
    return spec_read(&portal_agent_draft_spec, body, draft, mode, mem, err);
}

static void
a_name_is_all_it_needs(void **state)
{
    struct agent_draft draft = agents_draft_defaults;
    struct err err = { 0 };

    assert_true(read_draft(*state, "{\"name\": \"x\"}", &draft, SPEC_WHOLE, &err));
    assert_string_equal(draft.name, "x");
    assert_string_equal(draft.endpoint_key_header, "Authorization");
    assert_string_equal(draft.endpoint_key_scheme, "Bearer");
    assert_null(draft.endpoint_url);
    assert_int_equal(draft.capabilities.requests_per_minute, 0);
    assert_false(draft.is_public);
}

static void
takes_every_member(void **state)
{
    struct agent_draft draft = agents_draft_defaults;
    struct err err = { 0 };

    assert_true(read_draft(
        *state,
        "{\"name\": \"a\", \"endpoint_url\": \"https://a.example/\", \"webhook_url\": null,"
        " \"endpoint_api_key\": \"k\", \"endpoint_key_header\": \"x-api-key\","
        " \"endpoint_key_scheme\": \"\", \"version_header\": \"x-v\", \"version_value\": \"1 2\","
        " \"version\": \"1.2\", \"license\": \"MIT OR Apache-2.0\","
        " \"programming_language\": \"C\", \"framework\": \"none\", \"languages\": [\"en\"],"
        " \"capabilities\": {\"models\": [\"m\"], \"requests_per_minute\": 30},"
        " \"metadata\": {\"a\": [1]}, \"fallback_agent_id\": \"agt-0a1b2c3d\","
        " \"is_public\": true}",
        &draft, SPEC_WHOLE, &err));
    assert_string_equal(draft.endpoint_key_scheme, "");
    assert_string_equal(draft.capabilities.models.v[0], "m");
    assert_int_equal(draft.capabilities.requests_per_minute, 30);
    assert_string_equal(draft.metadata, "{\"a\":[1]}");
    assert_true(draft.is_public);
}

static void
names_the_member_at_fault(void **state)
{
    static const struct {
        const char *body, *field;
    } cases[] = {
        { "{}", "name" },
        { "{\"name\": \"\"}", "name" },
        { "{\"name\": null}", "name" },
        { "{\"name\": \"x\", \"token\": \"tk_\"}", "token" },
        { "{\"name\": \"x\", \"status\": \"online\"}", "status" },
        { "{\"name\": \"x\", \"endpoint_api_key\": \"\\u00e9\"}", "endpoint_api_key" },
        { "{\"name\": \"x\", \"endpoint_api_key\": \"\"}", "endpoint_api_key" },
        { "{\"name\": \"x\", \"endpoint_key_header\": \"Host\"}", "endpoint_key_header" },
        { "{\"name\": \"x\", \"endpoint_key_scheme\": \"two words\"}", "endpoint_key_scheme" },
        { "{\"name\": \"x\", \"endpoint_key_scheme\": null}", "endpoint_key_scheme" },
        { "{\"name\": \"x\", \"license\": \"Beer\"}", "license" },
        { "{\"name\": \"x\", \"languages\": [\"en\", \"no such\"]}", "languages[1]" },
        { "{\"name\": \"x\", \"capabilities\": {\"models\": [\"\"]}}", "capabilities.models[0]" },
        { "{\"name\": \"x\", \"capabilities\": {\"requests_per_minute\": 0}}",
          "capabilities.requests_per_minute" },
        { "{\"name\": \"x\", \"capabilities\": {\"requests_per_minute\": 1000001}}",
          "capabilities.requests_per_minute" },
        { "{\"name\": \"x\", \"fallback_agent_id\": \"agt-xyz\"}", "fallback_agent_id" },
        { "{\"name\": \"x\", \"metadata\": []}", "metadata" },
        { "{\"name\": \"x\", \"is_public\": 1}", "is_public" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct agent_draft draft = agents_draft_defaults;
        struct err err = { 0 };

        assert_false(read_draft(*state, cases[i].body, &draft, SPEC_WHOLE, &err));
        assert_int_equal(err.code, ERR_VALIDATION_ERROR);
        assert_string_equal(err.field, cases[i].field);
    }
}

static void
a_patch_changes_what_it_names_and_null_clears(void **state)
{
    struct agent_draft draft = agents_draft_defaults;
    struct err err = { 0 };

    draft.name = "old";
    draft.license = "MIT";
    draft.version = "1";
    draft.endpoint_api_key = agent_keep_key;
    assert_true(
        read_draft(*state, "{\"license\": null, \"version\": \"2\"}", &draft, SPEC_PATCH, &err));
    assert_string_equal(draft.name, "old");
    assert_null(draft.license);
    assert_string_equal(draft.version, "2");
    assert_ptr_equal(draft.endpoint_api_key, agent_keep_key);
    assert_true(read_draft(*state, "{\"endpoint_api_key\": null}", &draft, SPEC_PATCH, &err));
    assert_null(draft.endpoint_api_key);
}

/* As the domain hands it out. */
static struct agent
sample(void)
{
    struct agent agent = {
        .id = "0b5f3f5e-6d1c-4f0e-9a57-0c1f2d3e4b5a",
        .permanent_id = "agt-0a1b2c3d",
        .org_id = "00000000-0000-0000-0000-000000000001",
        .slug = "x",
        .token_hint = "tk_0123…4567",
        .token_issued_at = 1000,
        .created_at = 1000,
        .updated_at = 2000,
        .presence = { .state = PRESENCE_OFFLINE, .becomes = PRESENCE_OFFLINE, .since = 1000 },
    };

    agent.draft = agents_draft_defaults;
    agent.draft.name = "x";
    agent.draft.endpoint_api_key = "CANARY";
    return agent;
}

static void
drop(void *value)
{
    json_decref(value);
}

static void
an_owner_sees_everything_but_the_key(void **state)
{
    struct agent agent = sample();
    json_t *drawn = arena_own(*state, spec_tree(&portal_agent_spec, &agent, VIEW_FULL), drop);

    assert_null(json_object_get(drawn, "endpoint_api_key"));
    assert_null(json_object_get(drawn, "token"));
    assert_true(json_is_null(json_object_get(drawn, "last_heartbeat")));
    assert_string_equal(json_string_value(json_object_get(drawn, "status")), "offline");
    assert_string_equal(json_string_value(json_object_get(drawn, "life")), "active");
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(drawn, "presence"), "reason")),
        "never_seen");
    assert_true(json_is_null(
        json_object_get(json_object_get(drawn, "capabilities"), "requests_per_minute")));
    for (const struct field *f = portal_agent_draft_spec.fields; f->key != NULL; f++)
        if (!(f->flags & F_IN_ONLY))
            assert_non_null(json_object_get(drawn, f->key));
}

static void
a_token_is_drawn_once_and_null_in_what_is_kept(void **state)
{
    struct agent agent = sample();

    agent.token = "tk_secret";
    json_t *full = arena_own(*state, spec_tree(&portal_agent_spec, &agent, VIEW_FULL), drop);
    json_t *kept = arena_own(*state, spec_tree(&portal_agent_spec, &agent, VIEW_KEPT), drop);

    assert_string_equal(json_string_value(json_object_get(full, "token")), "tk_secret");
    assert_true(json_is_null(json_object_get(kept, "token")));
}

static void
an_agent_sees_the_documented_members_of_itself(void **state)
{
    static const char *const members[] = { "id",          "name",           "slug",
                                           "status",      "is_public",      "is_revoked",
                                           "is_archived", "last_heartbeat", "created_at" };
    struct agent agent = sample();
    json_t *drawn = arena_own(*state, spec_tree(&portal_me_spec, &agent, VIEW_FULL), drop);

    for (size_t i = 0; i < COUNT(members); i++)
        assert_non_null(json_object_get(drawn, members[i]));
    assert_null(json_object_get(drawn, "token_hint"));
    assert_null(json_object_get(drawn, "endpoint_url"));
}

static void
every_word_of_an_enum_has_its_place(void **state)
{
    (void)state;
    assert_string_equal(portal_state_words[PRESENCE_OFFLINE], "offline");
    assert_null(portal_state_words[PRESENCE_OFFLINE + 1]);
    assert_string_equal(portal_reason_words[REASON_TOLD_OFFLINE], "told_offline");
    assert_string_equal(portal_reason_words[REASON_PROBE_FAILED], "probe_failed");
    assert_string_equal(portal_reason_words[REASON_REVOKED], "revoked");
    assert_string_equal(portal_reason_words[REASON_DISCONNECTED], "disconnected");
    assert_null(portal_reason_words[REASON_DISCONNECTED + 1]);
    assert_string_equal(portal_life_words[LIFE_REVOKED], "revoked");
    assert_string_equal(portal_life_words[LIFE_DISABLED], "disabled");
    assert_null(portal_life_words[LIFE_DISABLED + 1]);
}

#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_name_is_all_it_needs),
        T(takes_every_member),
        T(names_the_member_at_fault),
        T(a_patch_changes_what_it_names_and_null_clears),
        T(an_owner_sees_everything_but_the_key),
        T(a_token_is_drawn_once_and_null_in_what_is_kept),
        T(an_agent_sees_the_documented_members_of_itself),
        T(every_word_of_an_enum_has_its_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
