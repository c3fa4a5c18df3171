/* Tokens: what they cost of the month, what is told of them, and how long a revocation is kept. */
#include "domain/tokens.h"

#include "base/clock.h"
#include "domain/access.h"
#include "domain/credentials.h"
#include "domain/keys.h"
#include "domain/signing.h"
#include "domain_fixture.h"
#include "model/scope.h"
#include "store/token_counts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#define ISSUER "https://registry.example"

/* A client that can prove itself. */
static struct token_request
prepare(struct domain_fixture *fx)
{
    static const struct credential_terms for_ever = { 0 };
    struct agent *agent = domain_fixture_agent(fx, "client", NULL);
    struct credential *made =
        credentials_create(&fx->u, agent->id, &for_ever, domain_fixture_again(fx));

    assert_ok(made != NULL, &fx->err);
    /* Each test has a master key of its own. */
    domain_fixture_run(fx, "DELETE FROM signing_keys");
    fx->core.issuer = ISSUER;
    fx->by.scopes = SCOPE_TOKENS_READ;
    return (struct token_request){ .grant_type = "client_credentials",
                                   .proof = { agent->id, made->secret } };
}

static enum err_code
issue(struct domain_fixture *fx, const struct token_request *want)
{
    const struct token_grant *grant = tokens_issue(&fx->u, want, domain_fixture_again(fx));

    assert_int_equal(grant == NULL, fx->err.code != ERR_NONE);
    return fx->err.code;
}

static bool
is_active(struct domain_fixture *fx, const char *token)
{
    const struct token_facts *facts = tokens_introspect(&fx->u, token, domain_fixture_again(fx));

    assert_ok(facts != NULL, &fx->err);
    assert_int_equal(facts->active, facts->sub != NULL);
    return facts->active;
}

static void
requests_are_judged_in_a_fixed_order(void **state)
{
    struct domain_fixture *fx = *state;
    const struct token_request good = prepare(fx);
    const struct {
        struct token_request want;
        enum err_code code;
    } cases[] = {
        { { .proof = good.proof }, ERR_VALIDATION_ERROR },
        { { .grant_type = "x" }, ERR_VALIDATION_ERROR },
        { { .grant_type = "x", .proof = { good.proof.id, NULL } }, ERR_VALIDATION_ERROR },
        { { .grant_type = "x", .proof = good.proof, .scope = "x" }, ERR_UNSUPPORTED_GRANT_TYPE },
        { { .grant_type = good.grant_type, .proof = { "x", "x" }, .scope = "x", .resource = "x" },
          ERR_INVALID_SCOPE },
        { { .grant_type = good.grant_type, .proof = { "x", "x" }, .resource = "x" },
          ERR_INVALID_TARGET },
        { { .grant_type = good.grant_type, .proof = { "x", "x" }, .scope = "admin:orgs" },
          ERR_INVALID_CLIENT },
        { { .grant_type = good.grant_type, .proof = good.proof, .scope = "admin:orgs" },
          ERR_INVALID_SCOPE },
        { good, ERR_NONE },
    };

    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(issue(fx, &cases[i].want), cases[i].code);
}

static void
the_month_has_a_cap_and_begins_anew_in_utc(void **state)
{
    struct domain_fixture *fx = *state;
    const struct token_request want = prepare(fx);

    domain_fixture_run(fx, "UPDATE organizations SET max_tokens_per_month = 2 WHERE id = '%s'",
                       fx->by.org_text);
    assert_int_equal(issue(fx, &want), ERR_NONE);
    assert_int_equal(issue(fx, &want), ERR_NONE);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(issue(fx, &want), ERR_TIER_LIMIT_EXCEEDED);
        assert_string_equal(fx->err.facts[0].key, "limit");
        assert_int_equal(fx->err.facts[0].number, 2);
        assert_string_equal(fx->err.facts[1].key, "current");
        assert_int_equal(fx->err.facts[1].number, 2);
    }
    assert_int_equal(domain_fixture_number("SELECT count(*) FROM audit_events WHERE agent_id = '%s'"
                                           " AND action = 5",
                                           want.proof.id),
                     2);
    domain_fixture_clock(fx, 32 * 86400L);
    assert_int_equal(issue(fx, &want), ERR_NONE);
    assert_int_equal(domain_fixture_number("SELECT count(*) FROM token_counts WHERE agent_id = '%s'"
                                           " AND month = date_trunc('month', month)::date",
                                           want.proof.id),
                     2);
}

static void
a_token_that_could_not_be_signed_is_not_counted(void **state)
{
    struct domain_fixture *fx = *state;
    const struct token_request want = prepare(fx);

    assert_int_equal(issue(fx, &want), ERR_NONE);
    domain_fixture_run(fx, "ALTER TABLE audit_events RENAME TO audit_events_away");
    assert_int_equal(issue(fx, &want), ERR_INTERNAL_ERROR);
    domain_fixture_run(fx, "ALTER TABLE audit_events_away RENAME TO audit_events");
    assert_int_equal(store_token_counts_get(db_single(fx->u.db), want.proof.id, fx->u.mem,
                                            domain_fixture_again(fx)),
                     1);
}

static void
only_tokens_in_force_are_told_about(void **state)
{
    struct domain_fixture *fx = *state;
    const struct token_request want = prepare(fx);
    int64_t now = clock_wall_ms() / 1000;
    const struct access_claims good = { .iss = ISSUER,
                                        .aud = ISSUER,
                                        .sub = want.proof.id,
                                        .client_id = want.proof.id,
                                        .scope = "agents:read",
                                        .jti = ids_uuid(fx->u.mem),
                                        .organization_id = fx->by.org_text,
                                        .iat = now,
                                        .exp = now + 3600 };
    struct access_claims expired = good, foreign = good, nobodys = good;

    expired.iat = now - 3601;
    expired.exp = now - 1;
    foreign.organization_id = ids_uuid(fx->u.mem);
    nobodys.sub = nobodys.client_id = ids_uuid(fx->u.mem);
    assert_true(is_active(fx, domain_fixture_token(fx, &good)));
    assert_false(is_active(fx, domain_fixture_token(fx, &expired)));
    assert_false(is_active(fx, domain_fixture_token(fx, &foreign)));
    assert_false(is_active(fx, domain_fixture_token(fx, &nobodys)));
    nobodys.token_use = ACCESS_BOOTSTRAP;
    assert_true(is_active(fx, domain_fixture_token(fx, &nobodys)));
    fx->by.scopes |= SCOPE_ADMIN_ORGS;
    assert_false(is_active(fx, domain_fixture_token(fx, &foreign)));
    domain_fixture_run(fx, "INSERT INTO organizations (id, slug, name) VALUES ('%s', '%s', 'o')",
                       foreign.organization_id, foreign.organization_id);
    assert_true(is_active(fx, domain_fixture_token(fx, &foreign)));
    domain_fixture_run(fx, "UPDATE organizations SET state = 1 WHERE id = '%s'",
                       foreign.organization_id);
    assert_false(is_active(fx, domain_fixture_token(fx, &foreign)));
    domain_fixture_run(fx, "UPDATE agents SET life = 1 WHERE id = '%s'", want.proof.id);
    assert_false(is_active(fx, domain_fixture_token(fx, &good)));
    domain_fixture_run(fx, "DELETE FROM agents WHERE id = '%s'", want.proof.id);
    assert_false(is_active(fx, domain_fixture_token(fx, &good)));
}

static void
a_revocation_is_kept_until_the_token_has_ended_anyway(void **state)
{
    struct domain_fixture *fx = *state;
    const struct token_request want = prepare(fx);
    const struct token_grant *grant = tokens_issue(&fx->u, &want, domain_fixture_again(fx));
    const struct retention keep = { 86400000, 86400000 };
    static const char count[] = "SELECT count(*) FROM revoked_tokens";
    bool more;

    assert_ok(grant != NULL, &fx->err);
    domain_fixture_run(fx, "DELETE FROM revoked_tokens");
    assert_ok(tokens_revoke(&fx->u, grant->access_token, &fx->err), &fx->err);
    assert_false(is_active(fx, grant->access_token));
    assert_ok(tokens_revoke(&fx->u, grant->access_token, &fx->err), &fx->err);
    assert_int_equal(domain_fixture_number(count), 1);
    assert_ok(keys_clean(&fx->u, &keep, &more, &fx->err), &fx->err);
    assert_int_equal(domain_fixture_number(count), 1);
    domain_fixture_clock(fx, 3600);
    assert_ok(keys_clean(&fx->u, &keep, &more, &fx->err), &fx->err);
    assert_int_equal(domain_fixture_number(count), 1);
    domain_fixture_clock(fx, 3700);
    assert_ok(keys_clean(&fx->u, &keep, &more, &fx->err), &fx->err);
    assert_int_equal(domain_fixture_number(count), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        domain_test(requests_are_judged_in_a_fixed_order),
        domain_test(the_month_has_a_cap_and_begins_anew_in_utc),
        domain_test(a_token_that_could_not_be_signed_is_not_counted),
        domain_test(only_tokens_in_force_are_told_about),
        domain_test(a_revocation_is_kept_until_the_token_has_ended_anyway),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
