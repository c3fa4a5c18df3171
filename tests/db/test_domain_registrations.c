/* Agents that register at the same time: together in the database, each with its own answer. */
#include "domain/identities.h"

#include "domain_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { N = 6, ROUNDS = 20, GONE = 3 };

struct comer {
    struct domain_fixture *fx;
    struct caller by;
    int timeout_ms;
    pthread_t thread;
    struct err err;
    bool by_mail; /* by identities_register */
    char name[64], drawn[64], permanent_id[32];
};

static void
draw(struct comer *comer, const char *name, const char *permanent_id)
{
    snprintf(comer->drawn, sizeof comer->drawn, "%s", name);
    snprintf(comer->permanent_id, sizeof comer->permanent_id, "%s", permanent_id);
}

static void *
come(void *arg)
{
    struct comer *comer = arg;
    struct arena *mem = arena_new();
    struct unit u = { &comer->fx->core, db_fixture_another(comer->timeout_ms), mem, &comer->by,
                      "req" };
    struct agent_draft draft = { .name = comer->name };
    struct identity_draft by_mail = { .email = comer->name, .version = "1.0.0", .owner = "o" };

    if (comer->by_mail) {
        const struct identity *identity = identities_register(&u, &by_mail, &comer->err);

        if (identity != NULL)
            draw(comer, identity->email, identity->permanent_id);
    } else {
        const struct agent *agent = agents_register(&u, &draft, &comer->err);

        if (agent != NULL)
            draw(comer, agent->draft.name, agent->permanent_id);
    }
    db_close(u.db);
    arena_free(mem);
    return NULL;
}

/* All come while the organization is locked: the first waits for the lock, the others for it. */
static void
come_all(struct domain_fixture *fx, struct comer *comers)
{
    enum { ALL_ARE_THERE_US = 50000 };
    struct db_tx *tx = db_begin(fx->u.db, domain_fixture_again(fx));

    assert_ok(tx != NULL, &fx->err);
    domain_fixture_run(fx, "SELECT FROM organizations WHERE id = '%s' FOR UPDATE", fx->by.org_text);
    for (int i = 0; i < N; i++)
        assert_int_equal(pthread_create(&comers[i].thread, NULL, come, &comers[i]), 0);
    usleep(ALL_ARE_THERE_US);
    if (comers[0].timeout_ms >= 1000) {
        assert_ok(db_commit(tx, &fx->err), &fx->err);
        tx = NULL;
    }
    for (int i = 0; i < N; i++)
        pthread_join(comers[i].thread, NULL);
    db_drop(tx);
}

static void
expect(struct domain_fixture *fx, struct comer *comers, bool by_mail, int timeout_ms)
{
    memset(comers, 0, N * sizeof *comers);
    for (int i = 0; i < N; i++) {
        comers[i].fx = fx;
        comers[i].by = fx->by;
        comers[i].by_mail = by_mail;
        comers[i].timeout_ms = timeout_ms;
        snprintf(comers[i].name, sizeof comers[i].name, "comer-%d@%s", i, ids_uuid(fx->u.mem));
    }
}

static long long
stored(struct domain_fixture *fx, const char *what, const char *name)
{
    return domain_fixture_number("SELECT count(%s) FROM agents a JOIN presence p ON"
                                 " p.agent_id = a.id JOIN audit_events e ON e.agent_id = a.id"
                                 " WHERE a.org_id = '%s' AND a.name LIKE '%s'",
                                 what, fx->by.org_text, name);
}

static void
share(struct domain_fixture *fx, bool by_mail)
{
    struct comer comers[N];
    long long before = 0, shared = 0;

    /* A slow thread may come late and be inserted alone: not each time. */
    for (int round = 0; round < ROUNDS && shared == 0; round++) {
        expect(fx, comers, by_mail, 10000);
        come_all(fx, comers);
        for (int i = 0; i < N; i++) {
            assert_ok(comers[i].err.code == ERR_NONE, &comers[i].err);
            assert_string_equal(comers[i].drawn, comers[i].name);
            assert_int_equal(domain_fixture_number("SELECT count(*) FROM agents WHERE name = '%s'"
                                                   " AND permanent_id = '%s'",
                                                   comers[i].name, comers[i].permanent_id),
                             1);
        }
        assert_int_equal(stored(fx, "*", "%"), before + N);
        before += N;
        shared = before - stored(fx, "DISTINCT a.xmin::text", "%");
    }
    assert_true(shared > 0);
}

static void
those_that_come_together_share_a_transaction_and_each_gets_its_own(void **state)
{
    share(*state, false);
}

static void
identities_that_come_together_share_a_transaction_and_each_gets_its_own(void **state)
{
    share(*state, true);
}

static void
refuse_one(struct domain_fixture *fx, bool by_mail)
{
    struct comer comers[N];
    struct caller gone = domain_fixture_stranger(fx);

    domain_fixture_run(fx, "UPDATE organizations SET state = 2 WHERE id = '%s'", gone.org_text);
    expect(fx, comers, by_mail, 10000);
    comers[GONE].by = gone;
    come_all(fx, comers);
    for (int i = 0; i < N; i++)
        if (i == GONE)
            assert_int_equal(comers[i].err.code, by_mail ? ERR_VALIDATION_ERROR : ERR_UNAUTHORIZED);
        else
            assert_ok(comers[i].err.code == ERR_NONE, &comers[i].err);
    assert_int_equal(stored(fx, "*", "comer-%"), N - 1);
    assert_int_equal(
        domain_fixture_number("SELECT count(*) FROM agents WHERE org_id = '%s'", gone.org_text), 0);
}

static void
one_that_is_refused_refuses_nobody_else(void **state)
{
    refuse_one(*state, false);
}

static void
one_identity_that_is_refused_refuses_nobody_else(void **state)
{
    refuse_one(*state, true);
}

static void
of_several_with_one_email_one_is_registered(void **state)
{
    struct domain_fixture *fx = *state;
    struct comer comers[N];
    int registered = 0;

    expect(fx, comers, true, 10000);
    for (int i = 1; i < N; i++)
        memcpy(comers[i].name, comers[0].name, sizeof comers[i].name);
    come_all(fx, comers);
    for (int i = 0; i < N; i++) {
        registered += comers[i].err.code == ERR_NONE;
        if (comers[i].err.code != ERR_NONE)
            assert_int_equal(comers[i].err.code, ERR_AGENT_ALREADY_EXISTS);
    }
    assert_int_equal(registered, 1);
    assert_int_equal(stored(fx, "*", "comer-%"), 1);
}

static void
refuse_all(struct domain_fixture *fx, bool by_mail)
{
    struct comer comers[N];

    expect(fx, comers, by_mail, 300);
    come_all(fx, comers);
    for (int i = 0; i < N; i++) {
        assert_int_equal(comers[i].err.code, ERR_DATABASE_UNAVAILABLE);
        assert_string_equal(comers[i].drawn, "");
    }
    assert_int_equal(stored(fx, "*", "%"), 0);
}

static void
what_the_database_did_not_do_in_time_is_refused_to_all_of_them(void **state)
{
    refuse_all(*state, false);
    refuse_all(*state, true);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        domain_test(those_that_come_together_share_a_transaction_and_each_gets_its_own),
        domain_test(identities_that_come_together_share_a_transaction_and_each_gets_its_own),
        domain_test(one_that_is_refused_refuses_nobody_else),
        domain_test(one_identity_that_is_refused_refuses_nobody_else),
        domain_test(of_several_with_one_email_one_is_registered),
        domain_test(what_the_database_did_not_do_in_time_is_refused_to_all_of_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
