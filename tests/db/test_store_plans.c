/* What is asked for each call, each heartbeat and each second does not read whole tables: a fleet
 * of 20,000, most of one type and away. */
#include "store/statements.h"

#include "domain_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

static void
make_fleet(struct domain_fixture *fx)
{
    const char *org = fx->by.org_text;

    domain_fixture_run(
        fx,
        "INSERT INTO agents (id, org_id, permanent_id, name, mesh_type, token_hash,"
        " token_hint) SELECT gen_random_uuid(), '%s', 'agt-' || substr(md5(n || '%s'),"
        " 1, 8), 't', 't-' || n, decode(md5(n || '%s') || md5('x'), 'hex'), 'hint'"
        " FROM generate_series(1, 20) n",
        org, org, org);
    domain_fixture_run(fx,
                       "INSERT INTO instances (id, org_id, agent_id, instance_id, mode, card)"
                       " SELECT gen_random_uuid(), a.org_id, a.id, 'i-' || n || a.org_id, 0, '{}'"
                       " FROM generate_series(1, 20000) n JOIN agents a ON a.org_id = '%s'"
                       " AND a.mesh_type = 't-' || CASE WHEN n < 20 THEN n ELSE 20 END",
                       org);
    domain_fixture_run(fx, "INSERT INTO nodes (id, url, lease_until) SELECT gen_random_uuid(), '',"
                           " now() + interval '1 hour' FROM generate_series(1, 2)");
    domain_fixture_run(
        fx,
        "INSERT INTO instance_states (instance, org_id, agent_id, mode, owner,"
        " last_seen) SELECT id, org_id, agent_id, 0, CASE WHEN instance_id ~ '0' THEN"
        " (SELECT id FROM nodes LIMIT 1) END, now() FROM instances"
        " WHERE org_id = '%s'",
        org);
    domain_fixture_run(fx, "ANALYZE instances, instance_states, agents, nodes");
}

static const struct stmt *
find(const char *name)
{
    for (const struct stmt *const *table = store_statements; *table != NULL; table++)
        for (const struct stmt *stmt = *table; stmt->name != NULL; stmt++)
            if (strcmp(stmt->name, name) == 0)
                return stmt;
    fail_msg("%s: no such statement", name);
    return NULL;
}

/* Fails when the plan has such a line. */
static void
check(struct domain_fixture *fx, const char *name, int nparams, const char *never)
{
    struct arena *mem = fx->u.mem;
    char nulls[128] = "NULL";

    for (int i = 1; i < nparams; i++)
        strcat(nulls, ", NULL");
    assert_ok(db_run(fx->u.db,
                     arena_printf(mem,
                                  "PREPARE planned AS %s; SET plan_cache_mode ="
                                  " force_generic_plan",
                                  find(name)->sql),
                     domain_fixture_again(fx)),
              &fx->err);
    bool good = db_run(fx->u.db,
                       arena_printf(mem,
                                    "DO $do$ DECLARE line text; BEGIN FOR line IN EXECUTE"
                                    " 'EXPLAIN EXECUTE planned (%s)' LOOP IF line ~ '%s' THEN"
                                    " RAISE EXCEPTION '%%', line; END IF; END LOOP; END $do$",
                                    nulls, never),
                       domain_fixture_again(fx));

    if (!good)
        fail_msg("%s: %s", name, fx->err.note);
    assert_ok(
        db_run(fx->u.db, "DEALLOCATE planned; RESET plan_cache_mode", domain_fixture_again(fx)),
        &fx->err);
}

static void
a_large_fleet_is_not_read_to_find_a_few(void **state)
{
    struct domain_fixture *fx = *state;
    static const char states[] = "Seq Scan on instance", *both = states;
    static const char of_states[] = "(Seq|_pkey|_agent).* on instance_states";

    make_fleet(fx);
    check(fx, "fleet_apply", 17, both);
    check(fx, "fleet_routable", 2, of_states);
    check(fx, "fleet_find", 3, both);
    check(fx, "fleet_seat", 1, both);
    check(fx, "sessions_places", 4, of_states);
    check(fx, "sessions_place", 3, both);
    check(fx, "cards_of_org", 2, both);
    check(fx, "cards_find", 1, both);
    check(fx, "nodes_free", 1, both);
    check(fx, "nodes_fold", 1, both);
    /* These read all states now and then, but never the instances, which are wide. */
    check(fx, "nodes_remove", 5, "Seq Scan on instances ");
    check(fx, "nodes_silent", 3, "Seq Scan on instances |Sort|pkey on instance_states inst");
}

static void
a_heartbeat_leaves_the_row_in_its_page(void **state)
{
    (void)state;
    /* What a heartbeat changes is in no index, not even in the condition of one. */
    assert_int_equal(
        domain_fixture_number(
            "SELECT count(*) FROM pg_index x JOIN pg_attribute a ON a.attrelid = x.indrelid"
            " WHERE x.indrelid = 'instance_states'::regclass AND a.attnum > 0"
            " AND a.attname NOT IN ('instance', 'org_id', 'agent_id', 'mode', 'owner')"
            " AND (a.attnum = ANY (x.indkey)"
            "  OR pg_get_expr(x.indpred, x.indrelid) ~ ('\\m' || a.attname || '\\M'))"),
        0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        domain_test(a_large_fleet_is_not_read_to_find_a_few),
        domain_test(a_heartbeat_leaves_the_row_in_its_page),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
