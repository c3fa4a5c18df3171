/* What is asked for each call, each heartbeat and each second, and each page of a list, does not
 * read whole tables: a fleet of 20,000, most of one type and away; 8,000 agents, most of one
 * organization. The same lists with a million: tests/bench/lists.py. */
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

/* Fails when the plan has such a line: that for all arguments, or that for these. */
static void
check_plan(struct domain_fixture *fx, const char *name, const char *args, bool for_all,
           const char *never)
{
    struct arena *mem = fx->u.mem;

    assert_ok(db_run(fx->u.db,
                     arena_printf(mem, "PREPARE planned AS %s; SET plan_cache_mode = force_%s_plan",
                                  find(name)->sql, for_all ? "generic" : "custom"),
                     domain_fixture_again(fx)),
              &fx->err);
    bool good = db_run(fx->u.db,
                       arena_printf(mem,
                                    "DO $do$ DECLARE line text; BEGIN FOR line IN EXECUTE"
                                    " $x$EXPLAIN EXECUTE planned (%s)$x$ LOOP IF line ~ '%s' THEN"
                                    " RAISE EXCEPTION '%%', line; END IF; END LOOP; END $do$",
                                    args, never),
                       domain_fixture_again(fx));

    if (!good)
        fail_msg("%s (%s): %s", name, args, fx->err.note);
    assert_ok(
        db_run(fx->u.db, "DEALLOCATE planned; RESET plan_cache_mode", domain_fixture_again(fx)),
        &fx->err);
}

static void
check(struct domain_fixture *fx, const char *name, int nparams, const char *never)
{
    char nulls[128] = "NULL";

    for (int i = 1; i < nparams; i++)
        strcat(nulls, ", NULL");
    check_plan(fx, name, nulls, true, never);
}

/* 8,000 of the organization, and 8 of another. */
static void
make_agents(struct domain_fixture *fx)
{
    const char *org = fx->by.org_text;
    struct caller other = domain_fixture_stranger(fx);

    for (int from = 0; from < 8008; from += 2002)
        domain_fixture_run(
            fx,
            "INSERT INTO agents (id, org_id, permanent_id, name, token_hash, token_hint, "
            "created_at,"
            " life, task_categories, agent_type, owner, is_public) SELECT gen_random_uuid(),"
            " CASE WHEN n %% 1000 = 0 THEN '%s' ELSE '%s' END::uuid,"
            " 'agt-' || substr(md5(n || '%s'), 1, 8), CASE WHEN n %% 2 = 0 THEN 'billing '"
            " ELSE 'support ' END || n || CASE WHEN n %% 2000 = 7 THEN ' walrus' ELSE '' END,"
            " sha256((n || '%s')::bytea), 'hint', now() - n * interval '1 second',"
            " CASE WHEN n %% 997 = 0 THEN 1 ELSE 0 END,"
            " CASE WHEN n %% 2000 = 7 THEN '{rare}' ELSE '{code}' END::text[], n %% 8,"
            " 'team ' || n %% 50, n %% 4 = 0 FROM generate_series(%d, %d) n",
            other.org_text, org, org, org, from + 1, from + 2002);
    domain_fixture_run(fx, "INSERT INTO presence (agent_id) SELECT id FROM agents"
                           " ON CONFLICT DO NOTHING");
    domain_fixture_run(fx, "ANALYZE agents, presence, organizations");
}

static void
no_page_of_a_list_reads_all_agents(void **state)
{
    struct domain_fixture *fx = *state;
    static const char all[] = "Seq Scan on (agents|presence)";
    static const char sorted[] = "Seq Scan on (agents|presence)|Sort";
    static const char counted[] = "Seq Scan on agents|Index Scan using agents";
    static const char deep[] = "1700000000000000, '80000000-0000-4000-8000-000000000000'";
    static const char *const filters[] = {
        "-1, NULL, NULL, NULL, NULL, -1",    "1, NULL, NULL, NULL, NULL, -1",
        "3, NULL, NULL, NULL, NULL, -1",     "-1, NULL, NULL, NULL, NULL, 0",
        "-1, 'code', NULL, NULL, NULL, -1",  "-1, 'none', NULL, NULL, NULL, -1",
        "-1, NULL, '%bill%', 'b', NULL, -1", "-1, NULL, '%walrus%', 'w', NULL, -1",
        "-1, NULL, '%zq%', 'zq', NULL, -1",  "0, 'code', '%bill%', 'b', NULL, 2",
    };
    static const char *const found[] = { "-1, 'rare', NULL, NULL, NULL",
                                         "-1, NULL, '%walrus%', 'w', NULL",
                                         "-1, 'none', '%nothing%', 'n', NULL" };
    static const char *const numbered[] = { "NULL, -1, -1", "'team 7', -1, -1", "NULL, 3, -1",
                                            "NULL, -1, 0",  "NULL, -1, 2",      "'none', 3, 0" };
    struct arena *mem = fx->u.mem;

    make_agents(fx);
    const char *orgs[] = { fx->by.org_text, domain_fixture_stranger(fx).org_text };
    for (size_t o = 0; o < COUNT(orgs); o++) {
        const char *first = arena_printf(mem, "'%s', 0, NULL", orgs[o]);
        const char *later = arena_printf(mem, "'%s', %s", orgs[o], deep);

        check_plan(fx, "agents_list", arena_printf(mem, "%s, 51", first), true, sorted);
        check_plan(fx, "agents_list", arena_printf(mem, "%s, 51", later), true, sorted);
        for (size_t i = 0; i < COUNT(filters); i++) {
            check_plan(fx, "agents_walk",
                       arena_printf(mem, "%s, %s, 50, '{%%bill%%}'", first, filters[i]), false,
                       all);
            check_plan(fx, "agents_walk", arena_printf(mem, "%s, %s, 50, '{}'", later, filters[i]),
                       false, all);
        }
        for (size_t i = 0; i < COUNT(found); i++)
            check_plan(fx, "agents_found", arena_printf(mem, "%s, %s, -1, 50", first, found[i]),
                       false, all);
        check_plan(fx, "agents_rows", arena_printf(mem, "'%s', '{%s}'", orgs[o], orgs[o]), true,
                   all);
        for (size_t i = 0; i < COUNT(numbered); i++)
            check_plan(fx, "identities_list",
                       arena_printf(mem, "'%s', %s, 20, 20", orgs[o], numbered[i]), false, all);
        check_plan(fx, "identities_count", arena_printf(mem, "'%s'", orgs[o]), false, all);
    }
    check_plan(fx, "market_find_all", "20, 9980", true, counted);
    check_plan(fx, "market_find_rare", "20, 0, '%walrus%'", false, all);
    check_plan(fx, "market_find_late", "20, 0, '%custom%'", false, all);
    check_plan(fx, "market_rows", "'{}'", true, all);
}

static void
rare_events_are_found_without_reading_the_audit_log(void **state)
{
    struct domain_fixture *fx = *state;
    const char *org = fx->by.org_text;
    static const char all[] = "Seq Scan on audit_events|audit_events_page|Sort";
    char *of_action = arena_printf(fx->u.mem, "'%s', NULL, NULL, 86400000, 2, -1", org);
    char *of_failures = arena_printf(fx->u.mem, "'%s', NULL, NULL, 86400000, -1, 1", org);

    domain_fixture_run(fx,
                       "INSERT INTO audit_events (id, at, org_id, action, failed, ip, user_agent,"
                       " metadata) SELECT gen_random_uuid(), now() - n * interval '1 second', '%s',"
                       " CASE WHEN n %% 997 = 0 THEN 2 ELSE 5 END, n %% 991 = 0, '', '', '{}'"
                       " FROM generate_series(1, 8000) n",
                       org);
    domain_fixture_run(fx, "ANALYZE audit_events");
    check_plan(fx, "audit_list_of_action", arena_printf(fx->u.mem, "%s, 50, 0", of_action), true,
               all);
    check_plan(fx, "audit_count_of_action", of_action, true, all);
    check_plan(fx, "audit_list_of_failures", arena_printf(fx->u.mem, "%s, 50, 0", of_failures),
               true, all);
    check_plan(fx, "audit_count_of_failures", of_failures, true, all);
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
        domain_test(rare_events_are_found_without_reading_the_audit_log),
        domain_test(a_large_fleet_is_not_read_to_find_a_few),
        domain_test(no_page_of_a_list_reads_all_agents),
        domain_test(a_heartbeat_leaves_the_row_in_its_page),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
