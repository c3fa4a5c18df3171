/* How many agents an organization has: told without counting, exact through every change. */
#include "domain/identities.h"

#include "domain_fixture.h"
#include "store/identities.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

static long long
told(struct domain_fixture *fx, const char *org)
{
    long long n = store_identities_count_living(db_single(fx->u.db), org, fx->u.mem,
                                                domain_fixture_again(fx));

    assert_ok(n >= 0, &fx->err);
    return n;
}

/* Fails unless the count that is told is the true one, which is wanted. */
static void
assert_count(struct domain_fixture *fx, long long wanted)
{
    const char *org = fx->by.org_text;

    assert_int_equal(domain_fixture_number("SELECT count(*) FROM agents WHERE org_id = '%s'"
                                           " AND life <> 2",
                                           org),
                     wanted);
    assert_int_equal(told(fx, org), wanted);
}

static bool
count_up(struct domain_fixture *fx)
{
    bool more = false;

    assert_ok(identities_count_up(&fx->u, &more, domain_fixture_again(fx)), &fx->err);
    return more;
}

static void
fold_all(struct domain_fixture *fx)
{
    while (count_up(fx))
        continue;
}

static struct identity *
new_identity(struct domain_fixture *fx)
{
    const char *capabilities[] = { "a:b" };
    const struct identity_draft draft = {
        .email = arena_printf(fx->u.mem, "%s@counts.example", ids_uuid(fx->u.mem)),
        .type = TYPE_CUSTOM,
        .version = "1.0.0",
        .capabilities = { capabilities, 1 },
        .owner = "counts",
        .env = ENV_STAGING,
    };

    return identities_register(&fx->u, &draft, domain_fixture_again(fx));
}

static void
the_count_follows_an_agent_through_every_change_of_its_life(void **state)
{
    struct domain_fixture *fx = *state;
    const struct agent *agent = domain_fixture_agent(fx, "counted", NULL);
    static const struct {
        int life;
        long long living;
    } edges[] = {
        { 1, 1 }, { 0, 1 }, { 3, 1 }, { 1, 1 }, { 2, 0 }, { 2, 0 },
        { 0, 1 }, { 2, 0 }, { 1, 1 }, { 2, 0 }, { 3, 1 }, { 0, 1 },
    };

    assert_count(fx, 1);
    for (size_t i = 0; i < COUNT(edges); i++) {
        domain_fixture_run(fx, "UPDATE agents SET life = %d WHERE id = '%s'", edges[i].life,
                           agent->id);
        assert_count(fx, edges[i].living);
        if (i % 2 == 0)
            fold_all(fx);
        assert_count(fx, edges[i].living);
    }
    domain_fixture_run(fx, "UPDATE agents SET name = 'other' WHERE id = '%s'", agent->id);
    assert_count(fx, 1);
    domain_fixture_run(fx, "DELETE FROM agents WHERE id = '%s'", agent->id);
    assert_count(fx, 0);
    agent = domain_fixture_agent(fx, "revoked before it goes", NULL);
    domain_fixture_run(fx, "UPDATE agents SET life = 2 WHERE id = '%s'", agent->id);
    domain_fixture_run(fx, "DELETE FROM agents WHERE id = '%s'", agent->id);
    assert_count(fx, 0);
}

static void
both_dialects_count_and_an_agent_that_moves_takes_its_count_along(void **state)
{
    struct domain_fixture *fx = *state;
    struct caller stranger = domain_fixture_stranger(fx);
    const struct agent *agent = domain_fixture_agent(fx, "moves", NULL);

    assert_ok(new_identity(fx) != NULL, &fx->err);
    assert_count(fx, 2);
    domain_fixture_run(fx, "UPDATE agents SET org_id = '%s' WHERE id = '%s'", stranger.org_text,
                       agent->id);
    assert_count(fx, 1);
    assert_int_equal(told(fx, stranger.org_text), 1);
    fold_all(fx);
    assert_count(fx, 1);
    assert_int_equal(told(fx, stranger.org_text), 1);
}

static void
what_is_rolled_back_was_never_counted(void **state)
{
    struct domain_fixture *fx = *state;

    domain_fixture_agent(fx, "stays", NULL);
    domain_fixture_run(fx, "BEGIN");
    domain_fixture_run(fx, "UPDATE agents SET life = 2 WHERE org_id = '%s'", fx->by.org_text);
    domain_fixture_run(fx, "ROLLBACK");
    assert_count(fx, 1);
}

static void
adding_up_is_bounded_and_leaves_nothing_over(void **state)
{
    struct domain_fixture *fx = *state;

    fold_all(fx);
    domain_fixture_run(
        fx,
        "INSERT INTO agent_deltas SELECT '%s', -n, CASE WHEN n %% 2 = 0 THEN -1 ELSE 1"
        " END FROM generate_series(1, 5001) n",
        fx->by.org_text);
    assert_true(count_up(fx));
    assert_int_equal(domain_fixture_number("SELECT count(*) FROM agent_deltas"), 1);
    assert_int_equal(told(fx, fx->by.org_text), 1);
    assert_false(count_up(fx));
    assert_int_equal(domain_fixture_number("SELECT count(*) FROM agent_deltas"), 0);
    assert_int_equal(domain_fixture_number("SELECT living FROM agent_counts WHERE org_id = '%s'",
                                           fx->by.org_text),
                     1);
}

struct folder {
    struct core *core;
    pthread_t thread;
    atomic_bool *end;
    bool good;
};

static void *
fold_until_the_end(void *arg)
{
    struct folder *folder = arg;
    struct db *db = db_fixture_another(5000);

    folder->good = true;
    while (!atomic_load(folder->end) && folder->good) {
        struct arena *mem = arena_new();
        struct unit u = { folder->core, db, mem, NULL, "fold" };
        struct err err = { 0 };
        bool more = false;

        folder->good = identities_count_up(&u, &more, &err);
        arena_free(mem);
    }
    db_close(db);
    return NULL;
}

static void
several_nodes_may_add_up_while_agents_come_and_go(void **state)
{
    enum { FOLDERS = 3, ROUNDS = 60 };
    struct domain_fixture *fx = *state;
    struct folder folders[FOLDERS];
    atomic_bool end = false;

    for (int i = 0; i < FOLDERS; i++) {
        folders[i] = (struct folder){ .core = &fx->core, .end = &end };
        assert_int_equal(pthread_create(&folders[i].thread, NULL, fold_until_the_end, &folders[i]),
                         0);
    }
    for (int i = 0; i < ROUNDS; i++) {
        const struct agent *agent = domain_fixture_agent(fx, "comes", NULL);

        assert_count(fx, i / 2 + 1);
        if (i % 2 == 0)
            domain_fixture_run(fx, "UPDATE agents SET life = 2 WHERE id = '%s'", agent->id);
        assert_count(fx, (i + 1) / 2);
    }
    atomic_store(&end, true);
    for (int i = 0; i < FOLDERS; i++) {
        pthread_join(folders[i].thread, NULL);
        assert_true(folders[i].good);
    }
    fold_all(fx);
    assert_count(fx, ROUNDS / 2);
}

/* ---- the cap ---- */

static void
fill(struct domain_fixture *fx, long long n)
{
    domain_fixture_run(fx,
                       "INSERT INTO agents (id, org_id, permanent_id, name, token_hash, token_hint)"
                       " SELECT gen_random_uuid(), '%s', 'agt-' || left(md5(random()::text), 8)"
                       " || n, 'filler', sha256((random()::text || n)::bytea), 'none'"
                       " FROM generate_series(1, %lld) n",
                       fx->by.org_text, n);
}

static void
set_cap(struct domain_fixture *fx, long long most)
{
    domain_fixture_run(fx, "UPDATE organizations SET max_agents = %lld WHERE id = '%s'", most,
                       fx->by.org_text);
}

static void
a_cap_that_was_far_away_is_met_exactly(void **state)
{
    enum { CAP = 100 };
    struct domain_fixture *fx = *state;

    set_cap(fx, CAP);
    for (int i = 1; i <= 5; i++) {
        assert_ok(new_identity(fx) != NULL, &fx->err);
        assert_count(fx, i);
    }
    fill(fx, CAP - 6);
    assert_ok(new_identity(fx) != NULL, &fx->err);
    assert_count(fx, CAP);
    assert_null(new_identity(fx));
    assert_int_equal(fx->err.code, ERR_TIER_LIMIT_EXCEEDED);
    assert_int_equal(fx->err.facts[0].number, CAP);
    assert_int_equal(fx->err.facts[1].number, CAP);
    domain_fixture_run(fx,
                       "UPDATE agents SET life = 2 WHERE id ="
                       " (SELECT id FROM agents WHERE org_id = '%s' LIMIT 1)",
                       fx->by.org_text);
    assert_ok(new_identity(fx) != NULL, &fx->err);
    assert_null(new_identity(fx));
}

struct registrar {
    struct domain_fixture fx; /* a unit of its own */
    pthread_t thread;
    pthread_barrier_t *start;
    int tries, made, refused;
};

static void *
register_some(void *arg)
{
    struct registrar *r = arg;

    pthread_barrier_wait(r->start);
    for (int i = 0; i < r->tries; i++) {
        r->made += new_identity(&r->fx) != NULL;
        r->refused += r->fx.err.code == ERR_TIER_LIMIT_EXCEEDED;
    }
    return NULL;
}

/* Half of them share a daemon and so their statements, the others are daemons of their own. */
static void
those_who_come_together_meet_the_cap_exactly(void **state)
{
    enum { REGISTRARS = 12, ROOM = 120, TRIES = ROOM / REGISTRARS + 2 };
    struct domain_fixture *fx = *state;
    struct registrar *all = calloc(REGISTRARS, sizeof *all);
    int made = 0, refused = 0;
    pthread_barrier_t start;

    set_cap(fx, ROOM + 40);
    fill(fx, 40);
    pthread_barrier_init(&start, NULL, REGISTRARS);
    for (int i = 0; i < REGISTRARS; i++) {
        all[i].fx = *fx;
        if (i % 2 != 0) {
            all[i].fx.core.identities = identities_registrations();
            all[i].fx.u.core = &all[i].fx.core;
        }
        all[i].fx.u.db = db_fixture_another(20000);
        all[i].fx.u.mem = arena_new();
        all[i].start = &start;
        all[i].tries = TRIES;
        assert_int_equal(pthread_create(&all[i].thread, NULL, register_some, &all[i]), 0);
    }
    for (int i = 0; i < REGISTRARS; i++) {
        pthread_join(all[i].thread, NULL);
        made += all[i].made;
        refused += all[i].refused;
        db_close(all[i].fx.u.db);
        arena_free(all[i].fx.u.mem);
        if (i % 2 != 0)
            combiner_free(all[i].fx.core.identities);
    }
    pthread_barrier_destroy(&start);
    free(all);
    assert_int_equal(made, ROOM);
    assert_int_equal(refused, REGISTRARS * TRIES - ROOM);
    assert_count(fx, ROOM + 40);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        domain_test(the_count_follows_an_agent_through_every_change_of_its_life),
        domain_test(both_dialects_count_and_an_agent_that_moves_takes_its_count_along),
        domain_test(what_is_rolled_back_was_never_counted),
        domain_test(adding_up_is_bounded_and_leaves_nothing_over),
        domain_test(several_nodes_may_add_up_while_agents_come_and_go),
        domain_test(a_cap_that_was_far_away_is_met_exactly),
        domain_test(those_who_come_together_meet_the_cap_exactly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
