/* The public catalogue: who is in it, and what a DID is made of. */
#include "domain/market.h"

#include "domain/dids.h"
#include "domain_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

static void
only_public_active_agents_of_active_organizations_have_a_card(void **state)
{
    struct domain_fixture *fx = *state;
    struct agent *agent = domain_fixture_agent(fx, "secret name", NULL);
    static const struct {
        const char *change;
        bool shown;
    } cases[] = {
        { "is_public = true", true }, { "is_public = false", false }, { "is_public = true", true },
        { "life = 1", false },        { "life = 2", false },          { "life = 3", false },
        { "life = 0", true },
    };

    fx->u.by = NULL;
    assert_null(market_get(&fx->u, agent->id, &fx->err));
    assert_int_equal(fx->err.code, ERR_AGENT_NOT_FOUND);
    for (size_t i = 0; i < COUNT(cases); i++) {
        domain_fixture_run(fx, "UPDATE agents SET %s WHERE id = '%s'", cases[i].change, agent->id);
        struct card *card = market_get(&fx->u, agent->id, domain_fixture_again(fx));
        assert_int_equal(card != NULL, cases[i].shown);
    }
    for (int life = ORG_DELETED; life >= ORG_ACTIVE; life--) {
        domain_fixture_run(fx, "UPDATE organizations SET state = %d WHERE id = '%s'", life,
                           agent->org_id);
        struct card *card = market_get(&fx->u, agent->id, domain_fixture_again(fx));
        assert_int_equal(card != NULL, life == ORG_ACTIVE);
    }
    assert_null(market_get(&fx->u, agent->permanent_id, domain_fixture_again(fx)));
    assert_string_equal(fx->err.field, "agentId");
}

static void
searches_find_part_of_type_owner_or_capability_and_take_nothing_for_a_pattern(void **state)
{
    struct domain_fixture *fx = *state;
    const char *mark = ids_uuid(fx->u.mem);
    struct agent *agent = domain_fixture_agent(fx, "unseen", NULL);
    static const struct {
        const char *search;
        bool found;
    } cases[] = {
        { "monitor", true }, { "MONI", true },    { "100%_\\", true },
        { "log:w", true },   { "0%%_", false },   { "___", false },
        { "%%%", false },    { "unseen", false }, { "r\n1", true },
    };

    domain_fixture_run(fx,
                       "UPDATE agents SET is_public = true, agent_type = 6, owner = '100%%_\\ %s',"
                       " scopes = '{log:write}' WHERE id = '%s'",
                       mark, agent->id);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct card_filter filter = { cases[i].search, 1, 100 };
        struct numbered_page *page = market_list(&fx->u, &filter, domain_fixture_again(fx));
        bool found = false;

        assert_ok(page != NULL, &fx->err);
        assert_int_equal(page->total, page->data.n);
        for (size_t k = 0; k < page->data.n; k++)
            found = found || strcmp(((const struct card *)page->data.v[k])->id, agent->id) == 0;
        if (found != cases[i].found)
            fail_msg("%s: %d", cases[i].search, found);
    }
    struct card_filter beyond = { mark, 1000000, 100 };
    struct numbered_page *page = market_list(&fx->u, &beyond, &fx->err);
    assert_true(page != NULL && page->total == 1 && page->data.n == 0);
    beyond.page = 1;
    page = market_list(&fx->u, &beyond, &fx->err);
    const struct card *card = page->data.v[0];
    assert_int_equal(card->type, TYPE_MONITOR);
    assert_string_equal(card->version, "0.0.0");
    assert_int_equal(card->env, ENV_PRODUCTION);
    assert_string_equal(card->capabilities.v[0], "log:write");
    assert_true(card->published_at > 0);
}

static void
a_did_is_made_of_the_public_address(void **state)
{
    struct domain_fixture *fx = *state;
    struct core core = { 0 };
    static const struct {
        const char *issuer, *id, *did;
    } cases[] = {
        { "https://id.example.com", NULL, "did:web:id.example.com" },
        { "https://id.example.com", "x-1", "did:web:id.example.com:agents:x-1" },
        { "http://127.0.0.1:8080", "x-1", "did:web:127.0.0.1%3A8080:agents:x-1" },
        { "https://example.com/roster", NULL, "did:web:example.com:roster" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        core.issuer = cases[i].issuer;
        assert_string_equal(dids_name(&core, cases[i].id, fx->u.mem), cases[i].did);
    }
    core.issuer = NULL;
    assert_null(dids_name(&core, NULL, fx->u.mem));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        domain_test(only_public_active_agents_of_active_organizations_have_a_card),
        domain_test(searches_find_part_of_type_owner_or_capability_and_take_nothing_for_a_pattern),
        domain_test(a_did_is_made_of_the_public_address),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
