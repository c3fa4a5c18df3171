/* Organizations: what is kept of them, their life, and what others must forget of it. */
#include "domain/orgs.h"

#include "domain/callers.h"
#include "domain/keys.h"
#include "domain_fixture.h"
#include "model/scope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

static struct org *
make_org(struct domain_fixture *fx)
{
    struct org_draft draft = orgs_draft_defaults;

    draft.name = "Acme";
    draft.slug = ids_uuid(fx->u.mem);
    struct org *org = orgs_create(&fx->u, &draft, domain_fixture_again(fx));
    assert_ok(org != NULL, &fx->err);
    return org;
}

/* The unit is a caller of this organization from here on. */
static void
enter(struct domain_fixture *fx, const struct org *org)
{
    assert_true(ids_uuid_read(org->id, &fx->by.org));
    memcpy(fx->by.org_text, org->id, sizeof fx->by.org_text);
}

static bool
set_state(void *arg, struct org_draft *draft, struct err *err)
{
    (void)err;
    draft->state = *(const int *)arg;
    return true;
}

static bool
refuse(void *arg, struct org_draft *draft, struct err *err)
{
    (void)arg;
    draft->name = "never stored";
    return err_set(err, ERR_VALIDATION_ERROR, "name", NULL);
}

static void
a_draft_comes_back_as_it_was_given(void **state)
{
    struct domain_fixture *fx = *state;
    struct org_draft draft = { "Acme", ids_uuid(fx->u.mem), PLAN_ENTERPRISE, 7, 999999999, 0 };
    struct org *made = orgs_create(&fx->u, &draft, &fx->err);

    assert_ok(made != NULL, &fx->err);
    struct org *read = orgs_get(&fx->u, made->id, &fx->err);
    assert_ok(read != NULL, &fx->err);
    assert_string_equal(read->draft.name, "Acme");
    assert_string_equal(read->draft.slug, draft.slug);
    assert_int_equal(read->draft.plan, PLAN_ENTERPRISE);
    assert_int_equal(read->draft.max_agents, 7);
    assert_int_equal(read->draft.max_tokens_per_month, 999999999);
    assert_int_equal(read->draft.state, ORG_ACTIVE);
    assert_true(read->created_at > 0 && read->created_at == read->updated_at);

    assert_null(orgs_create(&fx->u, &draft, &fx->err));
    assert_int_equal(fx->err.code, ERR_VALIDATION_ERROR);
    assert_string_equal(fx->err.field, "slug");
    assert_null(orgs_edit(&fx->u, made->id, refuse, NULL, domain_fixture_again(fx)));
    assert_string_equal(orgs_get(&fx->u, made->id, domain_fixture_again(fx))->draft.name, "Acme");
}

static void
a_suspended_organizations_keys_are_refused_and_forgotten_by_other_nodes(void **state)
{
    struct domain_fixture *fx = *state;
    struct org *org = make_org(fx);
    struct api_key *key = keys_create(&fx->u, org->id, "k", SCOPE_AGENTS_READ, &fx->err);
    struct caller caller;
    struct digest hash;
    int suspended = ORG_SUSPENDED, active = ORG_ACTIVE;

    assert_ok(key != NULL, &fx->err);
    assert_int_equal(token_read(key->token, strlen(key->token), &hash), TOKEN_KEY);
    cache_done_key(keys_load(&fx->u, &hash, &fx->err));
    struct org *changed = orgs_edit(&fx->u, org->id, set_state, &suspended, &fx->err);
    assert_ok(changed != NULL && changed->draft.state == ORG_SUSPENDED, &fx->err);
    assert_null(cache_key(fx->core.cache, &hash));
    assert_int_equal(domain_fixture_number("SELECT count(*) FROM cache_hints WHERE kind = 2"
                                           " AND id = '%s'",
                                           key->id),
                     1);
    assert_int_equal(domain_fixture_number("SELECT count(*) FROM cache_hints WHERE kind = 4"
                                           " AND id = '%s'",
                                           org->id),
                     1);
    struct cached_key *cached = keys_load(&fx->u, &hash, &fx->err);
    assert_false(callers_from_key(cached, SCOPE_AGENTS_READ, &caller, &fx->err));
    assert_int_equal(fx->err.code, ERR_FORBIDDEN);
    cache_done_key(cached);

    assert_non_null(orgs_edit(&fx->u, org->id, set_state, &active, domain_fixture_again(fx)));
    assert_null(cache_key(fx->core.cache, &hash));
    cached = keys_load(&fx->u, &hash, &fx->err);
    assert_ok(callers_from_key(cached, SCOPE_AGENTS_READ, &caller, &fx->err), &fx->err);
    cache_done_key(cached);
    /* What changes no state has nothing to tell. */
    assert_non_null(orgs_edit(&fx->u, org->id, set_state, &active, domain_fixture_again(fx)));
    assert_non_null(cached = cache_key(fx->core.cache, &hash));
    cache_done_key(cached);
}

static void
a_deleted_organization_is_gone_with_its_keys_and_memberships(void **state)
{
    struct domain_fixture *fx = *state;
    struct agent *agent = domain_fixture_agent(fx, "elsewhere", NULL);
    struct org *org = make_org(fx);
    struct api_key *key = keys_create(&fx->u, org->id, "k", SCOPE_AGENTS_READ, &fx->err);
    struct member_draft draft = { agent->id, ROLE_ADMIN };
    struct digest hash;

    assert_int_equal(token_read(key->token, strlen(key->token), &hash), TOKEN_KEY);
    cache_done_key(keys_load(&fx->u, &hash, &fx->err));
    assert_ok(orgs_join(&fx->u, org->id, &draft, &fx->err) != NULL, &fx->err);
    assert_ok(orgs_delete(&fx->u, org->id, &fx->err), &fx->err);
    assert_null(cache_key(fx->core.cache, &hash));
    assert_null(keys_load(&fx->u, &hash, &fx->err));
    assert_int_equal(domain_fixture_number("SELECT count(*) FROM organization_members"
                                           " WHERE org_id = '%s'",
                                           org->id),
                     0);
    assert_null(orgs_get(&fx->u, org->id, &fx->err));
    assert_int_equal(fx->err.code, ERR_ORG_NOT_FOUND);
    assert_false(orgs_delete(&fx->u, org->id, domain_fixture_again(fx)));
    assert_int_equal(fx->err.code, ERR_ORG_NOT_FOUND);
    assert_null(orgs_join(&fx->u, org->id, &draft, domain_fixture_again(fx)));
    assert_int_equal(fx->err.code, ERR_ORG_NOT_FOUND);
    assert_null(keys_create(&fx->u, org->id, "k", 1, domain_fixture_again(fx)));
    assert_int_equal(fx->err.code, ERR_NOT_FOUND);
    assert_null(keys_create(&fx->u, org->draft.slug, "k", 1, domain_fixture_again(fx)));
}

static void
only_decommissioned_agents_may_be_left_behind(void **state)
{
    struct domain_fixture *fx = *state;
    struct org *org = make_org(fx);
    static const int lives[] = { LIFE_ACTIVE, LIFE_ARCHIVED, LIFE_DISABLED };

    enter(fx, org);
    struct agent *agent = domain_fixture_agent(fx, "a", NULL);
    for (size_t i = 0; i < COUNT(lives); i++) {
        domain_fixture_run(fx, "UPDATE agents SET life = %d WHERE id = '%s'", lives[i], agent->id);
        assert_false(orgs_delete(&fx->u, org->id, domain_fixture_again(fx)));
        assert_int_equal(fx->err.code, ERR_ORG_HAS_ACTIVE_AGENTS);
        assert_int_equal(fx->err.facts[0].number, 1);
    }
    domain_fixture_run(fx, "UPDATE agents SET life = 2 WHERE id = '%s'", agent->id);
    assert_ok(orgs_delete(&fx->u, org->id, domain_fixture_again(fx)), &fx->err);
    assert_null(agents_register(&fx->u, &(struct agent_draft){ .name = "late" }, &fx->err));
    assert_int_equal(fx->err.code, ERR_UNAUTHORIZED);
}

static void
the_built_in_organization_stays(void **state)
{
    struct domain_fixture *fx = *state;
    static const char *const names[] = { ORGS_SYSTEM, ORG_SYSTEM_ID };
    int suspended = ORG_SUSPENDED;

    for (size_t i = 0; i < COUNT(names); i++) {
        assert_string_equal(orgs_get(&fx->u, names[i], domain_fixture_again(fx))->draft.slug,
                            "system");
        assert_false(orgs_delete(&fx->u, names[i], domain_fixture_again(fx)));
        assert_int_equal(fx->err.code, ERR_FORBIDDEN);
        assert_null(orgs_edit(&fx->u, names[i], set_state, &suspended, domain_fixture_again(fx)));
        assert_int_equal(fx->err.code, ERR_FORBIDDEN);
    }
    assert_null(orgs_get(&fx->u, "system", domain_fixture_again(fx)));
    assert_string_equal(fx->err.field, "orgId");
}

static void
lists_are_counted_and_leave_out_what_is_deleted(void **state)
{
    struct domain_fixture *fx = *state;
    struct org_filter filter = { -1, 1, 2 };
    struct org *first = make_org(fx), *second = make_org(fx);
    int suspended = ORG_SUSPENDED;
    struct numbered_page *page = orgs_list(&fx->u, &filter, &fx->err);

    assert_ok(page != NULL, &fx->err);
    int64_t total = page->total;
    assert_int_equal(page->data.n, 2);
    assert_string_equal(((const struct org *)page->data.v[0])->id, second->id);
    assert_string_equal(((const struct org *)page->data.v[1])->id, first->id);
    assert_ok(orgs_delete(&fx->u, first->id, &fx->err), &fx->err);
    assert_non_null(orgs_edit(&fx->u, second->id, set_state, &suspended, &fx->err));
    assert_int_equal(orgs_list(&fx->u, &filter, &fx->err)->total, total - 1);
    filter.state = ORG_SUSPENDED;
    page = orgs_list(&fx->u, &filter, &fx->err);
    assert_string_equal(((const struct org *)page->data.v[0])->id, second->id);
    filter.state = ORG_DELETED;
    page = orgs_list(&fx->u, &filter, &fx->err);
    assert_string_equal(((const struct org *)page->data.v[0])->id, first->id);
    filter.page = 1000000;
    page = orgs_list(&fx->u, &filter, &fx->err);
    assert_true(page->data.n == 0 && page->total > 0 && page->page == 1000000);
}

static void
an_agent_joins_once(void **state)
{
    struct domain_fixture *fx = *state;
    struct agent *agent = domain_fixture_agent(fx, "a", NULL);
    struct org *org = make_org(fx);
    struct member_draft draft = { agent->id, ROLE_ADMIN };
    struct member *member = orgs_join(&fx->u, org->id, &draft, &fx->err);

    assert_ok(member != NULL, &fx->err);
    assert_string_equal(member->org_id, org->id);
    assert_string_equal(member->agent_id, agent->id);
    assert_int_equal(member->role, ROLE_ADMIN);
    assert_true(member->joined_at > 0);
    assert_null(orgs_join(&fx->u, org->id, &draft, &fx->err));
    assert_int_equal(fx->err.code, ERR_ALREADY_MEMBER);
    domain_fixture_run(fx, "DELETE FROM organization_members WHERE org_id = '%s'", org->id);
    domain_fixture_run(fx, "UPDATE agents SET life = 2 WHERE id = '%s'", agent->id);
    assert_null(orgs_join(&fx->u, org->id, &draft, domain_fixture_again(fx)));
    assert_int_equal(fx->err.code, ERR_AGENT_NOT_FOUND);
    draft.agent_id = ids_uuid(fx->u.mem);
    assert_null(orgs_join(&fx->u, org->id, &draft, domain_fixture_again(fx)));
    assert_int_equal(fx->err.code, ERR_AGENT_NOT_FOUND);
}

static void
usage_counts_living_agents_and_the_tokens_of_this_month(void **state)
{
    struct domain_fixture *fx = *state;
    struct org *org = make_org(fx);

    enter(fx, org);
    struct agent *living = domain_fixture_agent(fx, "a", NULL);
    struct agent *ended = domain_fixture_agent(fx, "b", NULL);
    domain_fixture_run(fx, "UPDATE agents SET life = 2 WHERE id = '%s'", ended->id);
    domain_fixture_run(fx,
                       "INSERT INTO token_counts VALUES ('%s', '2031-03-01', 5),"
                       " ('%s', '2031-03-01', 6), ('%s', '2031-02-01', 100)",
                       living->id, ended->id, living->id);
    domain_fixture_run(fx, "SELECT set_config('roster.clock_skew',"
                           " ('2031-03-31T23:59:00Z'::timestamptz - now())::text, false)");
    const struct org_usage *usage = orgs_usage(&fx->u, &fx->err);
    assert_ok(usage != NULL, &fx->err);
    assert_int_equal(usage->agents, 1);
    assert_int_equal(usage->tokens, 11);
    assert_int_equal(usage->max_agents, 100);
    assert_int_equal(usage->max_tokens_per_month, 10000);
    domain_fixture_run(fx, "SELECT set_config('roster.clock_skew',"
                           " ('2031-04-01T00:01:00Z'::timestamptz - now())::text, false)");
    assert_int_equal(orgs_usage(&fx->u, &fx->err)->tokens, 0);
}

static void
a_slug_is_made_of_a_name(void **state)
{
    struct domain_fixture *fx = *state;
    char long_name[101] = "";
    static const struct {
        const char *name, *slug;
    } cases[] = {
        { "Acme Labs", "acme-labs" },
        { "  --Acme!! & Co. ", "acme-co" },
        { "7", "7" },
        { "B\xc3\xbcro", "b-ro" },
        { "\xe5\x90\x8d", "" },
        { "", "" },
    };

    for (size_t i = 0; i < COUNT(cases); i++)
        assert_string_equal(orgs_slug_of(cases[i].name, fx->u.mem), cases[i].slug);
    memset(long_name, 'x', 100);
    long_name[49] = ' ';
    assert_int_equal(strlen(orgs_slug_of(long_name, fx->u.mem)), 49);
    long_name[49] = 'x';
    assert_int_equal(strlen(orgs_slug_of(long_name, fx->u.mem)), 50);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        domain_test(a_draft_comes_back_as_it_was_given),
        domain_test(a_suspended_organizations_keys_are_refused_and_forgotten_by_other_nodes),
        domain_test(a_deleted_organization_is_gone_with_its_keys_and_memberships),
        domain_test(only_decommissioned_agents_may_be_left_behind),
        domain_test(the_built_in_organization_stays),
        domain_test(lists_are_counted_and_leave_out_what_is_deleted),
        domain_test(an_agent_joins_once),
        domain_test(usage_counts_living_agents_and_the_tokens_of_this_month),
        domain_test(a_slug_is_made_of_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
