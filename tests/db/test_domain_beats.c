/* Batches of signs of life: they cost as their rows, and the rows stay in their pages. */
#include "domain/fleet.h"
#include "domain/presence.h"

#include "base/clock.h"
#include "domain_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

enum { AGENTS = 1000, INSTANCES_EACH = 2, INSTANCES = AGENTS * INSTANCES_EACH };
enum { SMALL = 250, TRIES = 3 };
/* Linear would be 8, quadratic 64. */
enum { AT_MOST_AS_LONG = 24 };
enum { BEATS = 30, INSTANCE_BEATS = 8, GROWTH = 3 };

struct fleet {
    struct domain_fixture *fx;
    struct db *db; /* as the writer's */
    struct unit u;
    struct beat_row agents[AGENTS];
    struct fleet_row instances[INSTANCES];
    char names[INSTANCES][INSTANCE_ID_MAX];
};

/* Agent n has the instances n, n + AGENTS, …, connected here. */
static void
make_fleet(struct fleet *f)
{
    const char *org = f->fx->by.org_text;
    char node[UUID_TEXT_SIZE];

    f->fx->core.node.id = ids_uuid_new();
    f->fx->core.node.url = "";
    assert_ok(fleet_node_lives(&f->u, 60000, domain_fixture_again(f->fx)), &f->fx->err);
    domain_fixture_run(
        f->fx,
        "INSERT INTO agents (id, org_id, permanent_id, name, mesh_type, token_hash, token_hint)"
        " SELECT md5(n || '%s')::uuid, '%s', 'agt-' || substr(md5(n || '%s'), 1, 8), 'b', 'b-' ||"
        " n, decode(md5(n || '%s') || md5('b'), 'hex'), 'hint' FROM generate_series(0, %d) n",
        org, org, org, org, AGENTS - 1);
    domain_fixture_run(
        f->fx, "INSERT INTO presence (agent_id) SELECT id FROM agents WHERE org_id = '%s'", org);
    domain_fixture_run(f->fx,
                       "INSERT INTO instances (id, org_id, agent_id, instance_id, mode)"
                       " SELECT gen_random_uuid(), '%s', md5(n %% %d || '%s')::uuid, n || '-%s', 0"
                       " FROM generate_series(0, %d) n",
                       org, AGENTS, org, org, INSTANCES - 1);
    domain_fixture_run(f->fx,
                       "INSERT INTO instance_states (instance, org_id, agent_id, mode, owner,"
                       " fence) SELECT id, org_id, agent_id, 0, '%s', 7 FROM instances"
                       " WHERE org_id = '%s'",
                       ids_uuid_text(&f->fx->core.node.id, node), org);
    domain_fixture_run(f->fx, "VACUUM ANALYZE presence, instances, instance_states");
}

static struct fleet *
open_fleet(struct domain_fixture *fx)
{
    struct fleet *f = arena_alloc(fx->u.mem, sizeof *f);
    const struct db_options options = {
        .conninfo = db_fixture_conninfo(), .name = "writer", .timeout_ms = 60000, .by_key = true
    };

    f->fx = fx;
    f->db = db_open(&options);
    f->u = fx->u;
    f->u.db = f->db;
    make_fleet(f);
    for (int i = 0; i < INSTANCES; i++)
        snprintf(f->names[i], sizeof f->names[i], "%d-%s", i, fx->by.org_text);
    return f;
}

static void
apply_instances(struct fleet *f, size_t n, bool seen, int64_t gone)
{
    for (size_t i = 0; i < n; i++)
        f->instances[i] = (struct fleet_row){
            .org = f->fx->by.org,
            .instance_id = f->names[i],
            .status = -1,
            .sessions = -1,
            .max_sessions = -1,
            .reported_failures = -1,
            .seen = seen,
            .gone = gone,
        };
    assert_ok(fleet_apply(&f->u, f->instances, n, domain_fixture_again(f->fx)), &f->fx->err);
    assert_true(f->instances[0].applied && f->instances[n - 1].applied);
}

/* The shortest of a few, in microseconds. */
static int64_t
time_of(struct fleet *f, size_t n, bool seen)
{
    int64_t best = INT64_MAX;

    for (int i = 0; i < TRIES; i++) {
        if (!seen)
            domain_fixture_run(f->fx,
                               "UPDATE instance_states SET owner = (SELECT id FROM nodes"
                               " ORDER BY started_at DESC LIMIT 1), connection = 1, fence = 7"
                               " WHERE org_id = '%s'",
                               f->fx->by.org_text);
        int64_t began = clock_us();

        apply_instances(f, n, seen, seen ? 0 : 7);
        int64_t took = clock_us() - began;
        if (took < best)
            best = took;
    }
    return best;
}

static void
a_batch_costs_as_its_rows(void **state)
{
    struct domain_fixture *fx = *state;
    struct fleet *f = open_fleet(fx);

    /* What is planned once is planned for the smallest of batches. */
    for (int i = 0; i < 10; i++)
        apply_instances(f, 1, true, 0);
    for (int seen = 0; seen <= 1; seen++) {
        int64_t small = time_of(f, SMALL, seen == 1), large = time_of(f, INSTANCES, seen == 1);

        print_message("%s: %d in %lld us, %d in %lld us\n", seen ? "seen" : "gone", SMALL,
                      (long long)small, INSTANCES, (long long)large);
        assert_true(large < AT_MOST_AS_LONG * small);
    }
    db_close(f->db);
}

struct pages {
    long long updated, in_page, bytes;
};

static struct pages
pages_of(struct fleet *f, const char *table)
{
    struct pages pages;

    /* A connection may hold back what it counted. */
    assert_ok(db_run(f->db, "DO $$ BEGIN PERFORM pg_stat_force_next_flush(); END $$",
                     domain_fixture_again(f->fx)),
              &f->fx->err);
    domain_fixture_run(f->fx, "DO $$ BEGIN PERFORM pg_stat_force_next_flush(); END $$");
    pages.updated = domain_fixture_number("SELECT n_tup_upd FROM pg_stat_user_tables"
                                          " WHERE relname = '%s'",
                                          table);
    pages.in_page = domain_fixture_number("SELECT n_tup_hot_upd FROM pg_stat_user_tables"
                                          " WHERE relname = '%s'",
                                          table);
    pages.bytes = domain_fixture_number("SELECT pg_total_relation_size('%s')", table);
    return pages;
}

/* All but one in a hundred: another connection may look at the table for a moment, and an old
 * version that it could still see keeps its place. */
static void
check_in_page(const struct pages *before, const struct pages *now, long long beats)
{
    long long updated = now->updated - before->updated, in_page = now->in_page - before->in_page;

    assert_int_equal(updated, beats);
    assert_in_range(in_page, updated - updated / 100, updated);
    assert_in_range(now->bytes, 1, GROWTH * before->bytes);
}

static void
heartbeats_leave_rows_in_their_pages(void **state)
{
    struct domain_fixture *fx = *state;
    struct fleet *f = open_fleet(fx);

    /* A row grows by its first sign of life. Of one instance of each agent: now their ids are
     * known.
     */
    apply_instances(f, INSTANCES, true, 0);
    apply_instances(f, AGENTS, true, 0);
    for (size_t i = 0; i < AGENTS; i++)
        f->agents[i] = (struct beat_row){ .agent = f->instances[i].agent, .latency_ms = -1 };

    const struct pages presence = pages_of(f, "presence"), states = pages_of(f, "instance_states");
    for (int round = 0; round < BEATS; round++)
        assert_ok(presence_apply(&f->u, f->agents, AGENTS, domain_fixture_again(fx)), &fx->err);
    for (int round = 0; round < INSTANCE_BEATS; round++)
        apply_instances(f, INSTANCES, true, 0);

    const struct pages presence_now = pages_of(f, "presence");
    const struct pages states_now = pages_of(f, "instance_states");
    check_in_page(&presence, &presence_now, (BEATS + INSTANCE_BEATS) * AGENTS);
    check_in_page(&states, &states_now, INSTANCE_BEATS * INSTANCES);
    db_close(f->db);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        domain_test(heartbeats_leave_rows_in_their_pages),
        domain_test(a_batch_costs_as_its_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
