/* Beats of the same agents from several writers at the same time. */
#include "domain/presence.h"

#include "domain_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

/* A writer with one beat, on a thread of its own. */
struct late {
    struct domain_fixture *fx;
    struct beat_row row;
    bool good;
};

static struct db *
open_as_writer(void)
{
    const struct db_options options = {
        .conninfo = db_fixture_conninfo(), .name = "writer", .timeout_ms = 20000, .by_key = true
    };

    return db_open(&options);
}

static void *
beat_late(void *arg)
{
    struct late *late = arg;
    struct db *db = open_as_writer();
    struct arena *mem = arena_new();
    struct unit u = { &late->fx->core, db, mem, NULL, "req_late" };
    struct err err = { 0 };

    late->good = presence_apply(&u, &late->row, 1, &err);
    arena_free(mem);
    db_close(db);
    return NULL;
}

/* The beat of an agent that is online waits for a change of its row, and is judged after it. */
static struct beat_row
beat_behind(struct domain_fixture *fx, const struct agent *agent, const char *change)
{
    struct late late = { fx, { .agent = domain_fixture_id(agent), .latency_ms = -1 }, false };
    struct db *other = db_fixture_another(20000);
    struct err err = { 0 };
    pthread_t thread;

    assert_ok(db_run(other, "BEGIN", &err), &err);
    assert_ok(db_run(other,
                     arena_printf(fx->u.mem, "UPDATE presence SET %s WHERE agent_id = '%s'", change,
                                  agent->id),
                     &err),
              &err);
    assert_int_equal(pthread_create(&thread, NULL, beat_late, &late), 0);
    for (int i = 0; i < 500 && domain_fixture_number("SELECT count(*) FROM pg_stat_activity WHERE"
                                                     " wait_event_type = 'Lock'") == 0;
         i++)
        usleep(20000);
    assert_int_equal(domain_fixture_number("SELECT count(*) FROM pg_stat_activity WHERE"
                                           " wait_event_type = 'Lock'"),
                     1);
    assert_ok(db_run(other, "COMMIT", &err), &err);
    pthread_join(thread, NULL);
    db_close(other);
    assert_true(late.good);
    return late.row;
}

static void
say_online(struct domain_fixture *fx, const struct agent *agent)
{
    struct beat_row row = { .agent = domain_fixture_id(agent), .kind = BEAT_ONLINE };

    assert_ok(presence_apply(&fx->u, &row, 1, &fx->err), &fx->err);
}

static void
a_beat_that_waited_for_a_change_is_judged_after_it(void **state)
{
    struct domain_fixture *fx = *state;
    struct agent *left = domain_fixture_agent(fx, "left", NULL);
    struct agent *silent = domain_fixture_agent(fx, "silent", NULL);

    say_online(fx, left);
    say_online(fx, silent);
    assert_false(beat_behind(fx, left, "open = false, state = 2, reason = 7").applied);
    assert_int_equal(
        domain_fixture_number("SELECT state FROM presence WHERE agent_id = '%s'", left->id),
        PRESENCE_OFFLINE);
    const struct beat_row back = beat_behind(fx, silent, "state = 2, reason = 4");
    assert_true(back.applied);
    assert_int_equal(back.state, PRESENCE_ONLINE);
    assert_int_equal(domain_fixture_number("SELECT count(*) FROM status_transitions"
                                           " WHERE agent_id = '%s' AND old_state = 2",
                                           silent->id),
                     2);
}

enum { THREADS = 4, AGENTS = 60, ROUNDS = 25 };

struct crowd {
    struct domain_fixture *fx;
    struct uuid ids[AGENTS];
    _Atomic int failures;
};

static void *
beat_them_all(void *arg)
{
    struct crowd *crowd = arg;
    struct db *db = open_as_writer();
    unsigned seed = (unsigned)(uintptr_t)&seed;

    for (int round = 0; round < ROUNDS; round++) {
        struct arena *mem = arena_new();
        struct unit u = { &crowd->fx->core, db, mem, NULL, "req_crowd" };
        struct beat_row rows[AGENTS];
        struct err err = { 0 };

        for (int i = 0; i < AGENTS; i++)
            rows[i] = (struct beat_row){ .agent = crowd->ids[i],
                                         .kind = rand_r(&seed) % 2 ? BEAT_ONLINE : BEAT_OFFLINE };
        for (int i = AGENTS - 1; i > 0; i--) {
            int k = rand_r(&seed) % (i + 1);
            struct beat_row row = rows[i];

            rows[i] = rows[k];
            rows[k] = row;
        }
        if (!presence_apply(&u, rows, AGENTS, &err)) {
            print_error("%s\n", err.note);
            crowd->failures++;
        }
        arena_free(mem);
    }
    db_close(db);
    return NULL;
}

static void
writers_of_the_same_agents_neither_deadlock_nor_lose_a_transition(void **state)
{
    struct domain_fixture *fx = *state;
    struct crowd crowd = { .fx = fx };
    pthread_t threads[THREADS];

    for (int i = 0; i < AGENTS; i++)
        crowd.ids[i] = domain_fixture_id(domain_fixture_agent(fx, "x", NULL));
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, beat_them_all, &crowd), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(crowd.failures, 0);
    /* In order of their ids, the transitions of each agent form one chain that ends where it is. */
    assert_int_equal(
        domain_fixture_number(
            "SELECT count(*) FROM (SELECT t.old_state, lag(t.new_state, 1, 2::smallint)"
            " OVER (PARTITION BY t.agent_id ORDER BY t.id) AS was FROM status_transitions t"
            " WHERE t.org_id = '%s') c WHERE c.was <> c.old_state",
            fx->by.org_text),
        0);
    assert_int_equal(
        domain_fixture_number(
            "SELECT count(*) FROM presence p JOIN agents a ON a.id = p.agent_id"
            " JOIN LATERAL (SELECT new_state FROM status_transitions t WHERE t.agent_id = a.id"
            " ORDER BY t.id DESC LIMIT 1) t ON true"
            " WHERE a.org_id = '%s' AND t.new_state <> p.state",
            fx->by.org_text),
        0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        domain_test(a_beat_that_waited_for_a_change_is_judged_after_it),
        domain_test(writers_of_the_same_agents_neither_deadlock_nor_lose_a_transition),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
