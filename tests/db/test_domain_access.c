/* Access tokens as a proof of who calls: which claims are believed, and what ends a token early. */
#include "domain/access.h"

#include "base/clock.h"
#include "domain/signing.h"
#include "domain_fixture.h"
#include "model/scope.h"
#include "store/revoked_tokens.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#define ISSUER "https://registry.example"

/* The claims of a token of an agent that is in force. */
static struct access_claims
good(struct domain_fixture *fx, const char *agent)
{
    int64_t now = clock_wall_ms() / 1000;

    /* Each test has a master key of its own. */
    domain_fixture_run(fx, "DELETE FROM signing_keys");
    fx->core.issuer = ISSUER;
    return (struct access_claims){ .iss = ISSUER,
                                   .aud = ISSUER,
                                   .sub = agent,
                                   .client_id = agent,
                                   .scope = "agents:read",
                                   .jti = ids_uuid(fx->u.mem),
                                   .organization_id = fx->by.org_text,
                                   .iat = now,
                                   .exp = now + 3600 };
}

static bool
is_read(struct domain_fixture *fx, const struct access_claims *claims)
{
    const struct access_claims *read =
        access_read(&fx->u, domain_fixture_token(fx, claims), domain_fixture_again(fx));

    assert_int_equal(fx->err.code, read == NULL ? ERR_UNAUTHORIZED : ERR_NONE);
    return read != NULL;
}

static void
takes_the_claims_that_it_wrote(void **state)
{
    struct domain_fixture *fx = *state;
    const struct agent *agent = domain_fixture_agent(fx, "subject", NULL);
    struct access_claims claims = good(fx, agent->id);
    const struct access_claims *read =
        access_read(&fx->u, domain_fixture_token(fx, &claims), domain_fixture_again(fx));

    assert_ok(read != NULL, &fx->err);
    assert_string_equal(read->sub, agent->id);
    assert_string_equal(read->jti, claims.jti);
    assert_int_equal(read->exp, claims.exp);
    assert_null(read->token_use);
    claims.aud = ISSUER "/mcp";
    assert_true(is_read(fx, &claims));
    claims.nbf = claims.iat;
    assert_true(is_read(fx, &claims));
    claims.iat += 30;
    assert_true(is_read(fx, &claims));
}

static void
refuses_claims_that_are_wrong_or_missing(void **state)
{
    struct domain_fixture *fx = *state;
    const char *agent = domain_fixture_agent(fx, "subject", NULL)->id;
    const struct access_claims g = good(fx, agent);
    int64_t now = clock_wall_ms() / 1000;
    struct access_claims bad[24];
    size_t n = 0;

#define BAD(member, value)                                                                         \
    do {                                                                                           \
        bad[n] = g;                                                                                \
        bad[n++].member = (value);                                                                 \
    } while (0)
    BAD(iss, NULL);
    BAD(iss, "https://other.example");
    BAD(iss, ISSUER "/");
    BAD(aud, NULL);
    BAD(aud, "https://other.example");
    BAD(aud, ISSUER ".evil.example");
    BAD(sub, NULL);
    BAD(sub, "nobody");
    BAD(sub, ids_uuid(fx->u.mem));
    BAD(client_id, NULL);
    BAD(client_id, ids_uuid(fx->u.mem));
    BAD(scope, NULL);
    BAD(jti, NULL);
    BAD(jti, "1");
    BAD(organization_id, NULL);
    BAD(organization_id, "system");
    BAD(iat, 0);
    BAD(iat, now + 3000);
    BAD(nbf, now + 3000);
    BAD(exp, 0);
    BAD(exp, now);
    BAD(exp, now - 1);
    BAD(exp, -1);
#undef BAD
    for (size_t i = 0; i < n; i++)
        if (is_read(fx, &bad[i]))
            fail_msg("row %zu was taken", i);
}

static struct cached_access *
load(struct domain_fixture *fx, const char *token)
{
    struct digest hash = hash_sha256(token, strlen(token));

    return access_load(&fx->u, token, &hash, domain_fixture_again(fx));
}

static void
a_revoked_token_is_not_loaded(void **state)
{
    struct domain_fixture *fx = *state;
    struct access_claims claims = good(fx, domain_fixture_agent(fx, "subject", NULL)->id);
    const char *token = domain_fixture_token(fx, &claims);
    struct cached_access *access = load(fx, token);

    assert_ok(access != NULL, &fx->err);
    cache_done_access(access);
    assert_int_equal(store_revoked_tokens_insert(db_single(fx->u.db), claims.jti, claims.exp * 1000,
                                                 fx->u.mem, domain_fixture_again(fx)),
                     1);
    assert_null(load(fx, token));
    assert_int_equal(fx->err.code, ERR_UNAUTHORIZED);
}

static void
a_loaded_token_is_found_by_its_hash_until_it_is_forgotten(void **state)
{
    struct domain_fixture *fx = *state;
    struct access_claims claims = good(fx, domain_fixture_agent(fx, "subject", NULL)->id);
    const char *token = domain_fixture_token(fx, &claims);
    struct digest hash = hash_sha256(token, strlen(token)), other = hash_sha256("other", 5);

    assert_null(cache_access(fx->core.cache, &hash));
    struct cached_access *access = load(fx, token);
    assert_ok(access != NULL, &fx->err);
    struct cached_access *again = cache_access(fx->core.cache, &hash);
    assert_ptr_equal(again, access);
    assert_null(cache_access(fx->core.cache, &other));
    cache_forget(fx->core.cache, HINT_TOKEN, &access->jti);
    assert_null(cache_access(fx->core.cache, &hash));
    cache_done_access(again);
    cache_done_access(access);
}

static enum err_code
checked(struct domain_fixture *fx, const struct cached_access *access, int life, unsigned need)
{
    struct cached_agent agent = { .life = life, .permanent_id = "agt-00000001" };
    struct caller caller;
    bool good =
        access_check(access, life < 0 ? NULL : &agent, need, &caller, domain_fixture_again(fx));

    if (good) {
        assert_int_equal(caller.kind, CALLER_TOKEN);
        assert_string_equal(caller.org_text, fx->by.org_text);
    }
    return fx->err.code;
}

static void
set_org_state(struct domain_fixture *fx, int state)
{
    domain_fixture_run(fx, "UPDATE organizations SET state = %d WHERE id = '%s'", state,
                       fx->by.org_text);
}

static void
a_token_stands_and_falls_with_its_organization(void **state)
{
    struct domain_fixture *fx = *state;
    struct access_claims claims = good(fx, domain_fixture_agent(fx, "subject", NULL)->id);
    const char *token = domain_fixture_token(fx, &claims);

    set_org_state(fx, 1);
    struct cached_access *access = load(fx, token);
    assert_ok(access != NULL, &fx->err);
    assert_int_equal(checked(fx, access, LIFE_ACTIVE, SCOPE_AGENTS_READ), ERR_FORBIDDEN);
    cache_done_access(access);
    set_org_state(fx, 2);
    assert_null(load(fx, token));
    assert_int_equal(fx->err.code, ERR_UNAUTHORIZED);
    set_org_state(fx, 0);
    access = load(fx, token);
    assert_ok(access != NULL, &fx->err);
    assert_int_equal(checked(fx, access, LIFE_ACTIVE, SCOPE_AGENTS_READ), ERR_NONE);
    /* A change of another organization is none of its business. */
    struct digest hash = hash_sha256(token, strlen(token));
    cache_forget(fx->core.cache, HINT_ORG, &access->caller.id);
    struct cached_access *again = cache_access(fx->core.cache, &hash);
    assert_ptr_equal(again, access);
    cache_done_access(again);
    unsigned long long ticket = cache_ticket(fx->core.cache);
    cache_forget(fx->core.cache, HINT_ORG, &access->caller.org);
    assert_null(cache_access(fx->core.cache, &hash));
    /* Whoever read it before that does not put it back. */
    access = cache_put_access(fx->core.cache, access, ticket);
    assert_null(cache_access(fx->core.cache, &hash));
    cache_done_access(access);
}

static void
only_an_active_agent_acts_and_only_within_its_scopes(void **state)
{
    struct domain_fixture *fx = *state;
    struct access_claims claims = good(fx, domain_fixture_agent(fx, "subject", NULL)->id);
    struct cached_access *access = load(fx, domain_fixture_token(fx, &claims));

    assert_ok(access != NULL, &fx->err);
    assert_int_equal(checked(fx, access, LIFE_ACTIVE, SCOPE_AGENTS_READ), ERR_NONE);
    assert_int_equal(checked(fx, access, LIFE_ACTIVE, SCOPE_AGENTS_WRITE), ERR_INSUFFICIENT_SCOPE);
    assert_int_equal(checked(fx, access, LIFE_ARCHIVED, SCOPE_AGENTS_READ), ERR_UNAUTHORIZED);
    assert_int_equal(checked(fx, access, LIFE_REVOKED, SCOPE_AGENTS_READ), ERR_UNAUTHORIZED);
    assert_int_equal(checked(fx, access, LIFE_DISABLED, SCOPE_AGENTS_READ), ERR_UNAUTHORIZED);
    assert_int_equal(checked(fx, access, -1, SCOPE_AGENTS_READ), ERR_UNAUTHORIZED);
    access->expires_ms = clock_wall_ms();
    assert_int_equal(checked(fx, access, LIFE_ACTIVE, SCOPE_AGENTS_READ), ERR_UNAUTHORIZED);
    cache_done_access(access);
}

static void
the_operators_first_token_is_of_no_agent(void **state)
{
    struct domain_fixture *fx = *state;
    struct access_claims claims = good(fx, ids_uuid(fx->u.mem));

    claims.token_use = ACCESS_BOOTSTRAP;
    claims.scope = "agents:read admin:orgs";
    struct cached_access *access = load(fx, domain_fixture_token(fx, &claims));
    assert_ok(access != NULL, &fx->err);
    assert_int_equal(checked(fx, access, -1, SCOPE_ADMIN_ORGS), ERR_NONE);
    cache_done_access(access);
    claims.token_use = "other";
    claims.jti = ids_uuid(fx->u.mem);
    access = load(fx, domain_fixture_token(fx, &claims));
    assert_ok(access != NULL, &fx->err);
    assert_int_equal(checked(fx, access, -1, SCOPE_ADMIN_ORGS), ERR_UNAUTHORIZED);
    cache_done_access(access);
}

static void
a_token_with_an_unknown_scope_is_refused_and_one_without_any_proves_who_calls(void **state)
{
    struct domain_fixture *fx = *state;
    struct access_claims claims = good(fx, domain_fixture_agent(fx, "subject", NULL)->id);

    claims.scope = "agents:read agents:everything";
    assert_null(load(fx, domain_fixture_token(fx, &claims)));
    assert_int_equal(fx->err.code, ERR_UNAUTHORIZED);
    claims.scope = "";
    struct cached_access *access = load(fx, domain_fixture_token(fx, &claims));
    assert_ok(access != NULL, &fx->err);
    assert_int_equal(checked(fx, access, LIFE_ACTIVE, SCOPE_NONE), ERR_NONE);
    cache_done_access(access);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        domain_test(takes_the_claims_that_it_wrote),
        domain_test(refuses_claims_that_are_wrong_or_missing),
        domain_test(a_revoked_token_is_not_loaded),
        domain_test(a_loaded_token_is_found_by_its_hash_until_it_is_forgotten),
        domain_test(a_token_stands_and_falls_with_its_organization),
        domain_test(only_an_active_agent_acts_and_only_within_its_scopes),
        domain_test(the_operators_first_token_is_of_no_agent),
        domain_test(a_token_with_an_unknown_scope_is_refused_and_one_without_any_proves_who_calls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
