/* Client secrets: who may have how many, and when they stop working. */
#include "domain/credentials.h"

#include "domain/clients.h"
#include "domain_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <string.h>

static const struct credential_terms for_ever = { 0 };
static const struct credential_terms as_before = { -1 };

static struct credential *
make(struct domain_fixture *fx, const struct agent *agent)
{
    struct credential *made =
        credentials_create(&fx->u, agent->id, &for_ever, domain_fixture_again(fx));

    assert_ok(made != NULL, &fx->err);
    return made;
}

static enum err_code
prove(struct domain_fixture *fx, const char *agent, const char *secret)
{
    const struct client_proof proof = { agent, secret };
    const struct client_row *client = clients_prove(&fx->u, &proof, domain_fixture_again(fx));

    assert_int_equal(client == NULL, fx->err.code != ERR_NONE);
    return fx->err.code;
}

static void
a_secret_proves_its_agent_until_it_is_replaced_or_revoked(void **state)
{
    struct domain_fixture *fx = *state;
    struct agent *agent = domain_fixture_agent(fx, "a", NULL);
    struct agent *other = domain_fixture_agent(fx, "b", NULL);
    struct credential *one = make(fx, agent), *two = make(fx, agent);
    struct credential_ref ref = { agent->id, one->id };

    assert_int_equal(prove(fx, agent->id, one->secret), ERR_NONE);
    assert_int_equal(prove(fx, agent->id, two->secret), ERR_NONE);
    assert_int_equal(prove(fx, other->id, one->secret), ERR_INVALID_CLIENT);
    assert_int_equal(prove(fx, agent->permanent_id, one->secret), ERR_INVALID_CLIENT);
    assert_int_equal(prove(fx, agent->id, ""), ERR_INVALID_CLIENT);
    assert_int_equal(prove(fx, agent->id, NULL), ERR_INVALID_CLIENT);
    assert_int_equal(prove(fx, NULL, one->secret), ERR_INVALID_CLIENT);

    struct credential *fresh =
        credentials_rotate(&fx->u, &ref, &as_before, domain_fixture_again(fx));
    assert_ok(fresh != NULL, &fx->err);
    assert_string_equal(fresh->id, one->id);
    assert_int_equal(prove(fx, agent->id, one->secret), ERR_INVALID_CLIENT);
    assert_int_equal(prove(fx, agent->id, fresh->secret), ERR_NONE);
    assert_ok(credentials_revoke(&fx->u, &ref, domain_fixture_again(fx)), &fx->err);
    assert_int_equal(prove(fx, agent->id, fresh->secret), ERR_INVALID_CLIENT);
    assert_int_equal(prove(fx, agent->id, two->secret), ERR_NONE);
}

static void
a_secret_that_has_expired_proves_nothing_and_takes_no_place(void **state)
{
    struct domain_fixture *fx = *state;
    struct agent *agent = domain_fixture_agent(fx, "a", NULL);
    struct credential *first = make(fx, agent);

    for (int i = 1; i < CREDENTIALS_MAX; i++)
        make(fx, agent);
    assert_null(credentials_create(&fx->u, agent->id, &for_ever, domain_fixture_again(fx)));
    assert_int_equal(fx->err.code, ERR_CREDENTIAL_LIMIT);
    domain_fixture_run(fx,
                       "UPDATE credentials SET expires_at = now() + interval '1 hour'"
                       " WHERE id = '%s'",
                       first->id);
    assert_int_equal(prove(fx, agent->id, first->secret), ERR_NONE);
    domain_fixture_clock(fx, 3601);
    assert_int_equal(prove(fx, agent->id, first->secret), ERR_INVALID_CLIENT);
    make(fx, agent);
    assert_null(credentials_create(&fx->u, agent->id, &for_ever, domain_fixture_again(fx)));
    assert_int_equal(fx->err.code, ERR_CREDENTIAL_LIMIT);
}

static void
agents_out_of_service_are_not_proved_even_by_the_right_secret(void **state)
{
    struct domain_fixture *fx = *state;
    struct agent *agent = domain_fixture_agent(fx, "a", NULL);
    struct credential *made = make(fx, agent);

    for (int life = LIFE_ARCHIVED; life <= LIFE_DISABLED; life++) {
        domain_fixture_run(fx, "UPDATE agents SET life = %d WHERE id = '%s'", life, agent->id);
        assert_int_equal(prove(fx, agent->id, made->secret), ERR_UNAUTHORIZED_CLIENT);
        assert_int_equal(prove(fx, agent->id, "x"), ERR_INVALID_CLIENT);
    }
}

/* One of several that ask at once. */
struct asker {
    struct domain_fixture *fx;
    const char *agent;
    int given, refused;
};

static void *
ask(void *arg)
{
    struct asker *asker = arg;
    struct unit u = asker->fx->u;

    u.db = db_fixture_another(10000);
    u.mem = arena_new();
    for (int i = 0; i < CREDENTIALS_MAX; i++) {
        struct err err = { 0 };

        if (credentials_create(&u, asker->agent, &for_ever, &err) != NULL)
            asker->given++;
        else if (err.code == ERR_CREDENTIAL_LIMIT)
            asker->refused++;
    }
    arena_free(u.mem);
    db_close(u.db);
    return NULL;
}

static void
the_cap_holds_when_several_ask_at_once(void **state)
{
    enum { N = 4 };
    struct domain_fixture *fx = *state;
    struct agent *agent = domain_fixture_agent(fx, "a", NULL);
    struct asker askers[N];
    pthread_t threads[N];
    int given = 0, refused = 0;

    for (int i = 0; i < N; i++) {
        askers[i] = (struct asker){ fx, agent->id, 0, 0 };
        assert_int_equal(pthread_create(&threads[i], NULL, ask, &askers[i]), 0);
    }
    for (int i = 0; i < N; i++) {
        pthread_join(threads[i], NULL);
        given += askers[i].given;
        refused += askers[i].refused;
    }
    assert_int_equal(given, CREDENTIALS_MAX);
    assert_int_equal(refused, (N - 1) * CREDENTIALS_MAX);
    assert_int_equal(domain_fixture_number("SELECT count(*) FROM audit_events WHERE agent_id = '%s'"
                                           " AND action = 8",
                                           agent->id),
                     CREDENTIALS_MAX);
}

static void
failures_are_written_but_never_more_than_so_many(void **state)
{
    struct domain_fixture *fx = *state;
    struct agent *agent = domain_fixture_agent(fx, "a", NULL);
    static const char count[] = "SELECT count(*) FROM audit_events WHERE action = 11 AND failed"
                                " AND agent_id %s %s%s%s AND metadata ->> 'reason' = '%s'";

    for (int i = 0; i < 15; i++) {
        fx->u.client_ip = arena_printf(fx->u.mem, "192.0.2.%d", i);
        for (int k = 0; k < 3; k++) {
            assert_int_equal(prove(fx, agent->id, "x"), ERR_INVALID_CLIENT);
            assert_int_equal(prove(fx, ids_uuid(fx->u.mem), "x"), ERR_INVALID_CLIENT);
        }
        if (i == 3)
            assert_int_equal(domain_fixture_number(count, "=", "'", agent->id, "'", "bad_secret"),
                             4);
    }
    assert_int_equal(domain_fixture_number(count, "=", "'", agent->id, "'", "bad_secret"), 10);
    assert_int_equal(domain_fixture_number(count, "IS", "", "NULL", "", "unknown_client"), 10);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        domain_test(a_secret_proves_its_agent_until_it_is_replaced_or_revoked),
        domain_test(a_secret_that_has_expired_proves_nothing_and_takes_no_place),
        domain_test(agents_out_of_service_are_not_proved_even_by_the_right_secret),
        domain_test(the_cap_holds_when_several_ask_at_once),
        domain_test(failures_are_written_but_never_more_than_so_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
