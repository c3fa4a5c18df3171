/* The registry of instances: what a registration may change, and counts that are always right. */
#include "domain/instances.h"

#include "domain_fixture.h"
#include "store/nodes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

static enum err_code
add(struct domain_fixture *fx, const char *type, const char *name)
{
    const struct instance_draft draft = {
        .instance_id = name, .agent_type = type, .auth_required = true, .max_sessions = -1
    };
    const struct instance_registered *done =
        instances_register(&fx->u, &draft, NULL, domain_fixture_again(fx));

    assert_int_equal(done == NULL, fx->err.code != ERR_NONE);
    return fx->err.code;
}

static void
put(struct domain_fixture *fx, const char *name, int connection, int transport)
{
    domain_fixture_run(fx,
                       "UPDATE instance_states SET connection = %d, transport = %d WHERE instance ="
                       " (SELECT id FROM instances WHERE instance_id = '%s')",
                       connection, transport, name);
}

/* What is told agrees with the rows, kind by kind. */
static void
check(struct domain_fixture *fx, const char *type)
{
    const char *org;
    const struct instance_stats *stats =
        instances_stats(&fx->u, type, NULL, &org, domain_fixture_again(fx));
    const char *of = type == NULL ? "%" : type;
    int64_t total = 0;

    assert_ok(stats != NULL, &fx->err);
    assert_string_equal(org, fx->by.org_text);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(
            stats->by_connection[i],
            domain_fixture_number("SELECT count(*) FROM instance_states s JOIN agents a"
                                  " ON a.id = s.agent_id WHERE s.org_id = '%s'"
                                  " AND a.mesh_type LIKE '%s' AND s.connection = %d",
                                  org, of, i));
        total += stats->by_connection[i];
    }
    assert_int_equal(stats->total, total);
    assert_int_equal(stats->by_mode[0] + stats->by_mode[1], total);
    assert_int_equal(stats->by_transport[0] + stats->by_transport[1] + stats->by_transport[2],
                     total);
}

static void
check_all(struct domain_fixture *fx)
{
    check(fx, NULL);
    check(fx, "one");
    check(fx, "two");
}

static void
counts_are_exact_after_any_change_folded_or_not(void **state)
{
    struct domain_fixture *fx = *state;
    bool changed;
    int64_t gone;

    fx->core.issuer = "https://registry.example";
    for (int i = 0; i < 6; i++) {
        char name[32];

        snprintf(name, sizeof name, "count-%d", i);
        assert_int_equal(add(fx, i % 2 == 0 ? "one" : "two", name), ERR_NONE);
    }
    check_all(fx);
    for (int round = 0; round < 3; round++) {
        put(fx, "count-0", round, 1);
        put(fx, "count-1", 4 - round, 0);
        domain_fixture_run(fx, "UPDATE instance_states SET sessions = sessions + 1");
        assert_int_equal(add(fx, "one", "count-2"), ERR_NONE);
        check_all(fx);
        assert_true(store_nodes_fold(db_single(fx->u.db), 3, fx->u.mem, domain_fixture_again(fx)) >=
                    0);
        check_all(fx);
    }
    assert_true(instances_deregister(&fx->u, "count-0", NULL, domain_fixture_again(fx)));
    check_all(fx);
    assert_true(instances_disallow(&fx->u, fx->by.org_text, "two", &changed, &gone,
                                   domain_fixture_again(fx)));
    assert_true(changed);
    assert_int_equal(gone, 3);
    check_all(fx);
    while (store_nodes_fold(db_single(fx->u.db), 2, fx->u.mem, domain_fixture_again(fx)) > 0)
        check_all(fx);
    check_all(fx);
}

static void
a_name_is_one_for_all_organizations(void **state)
{
    struct domain_fixture *fx = *state;

    fx->core.issuer = "https://registry.example";
    assert_int_equal(add(fx, "mine", "shared"), ERR_NONE);
    fx->by = domain_fixture_stranger(fx);
    assert_int_equal(add(fx, "mine", "shared"), ERR_TENANT_MISMATCH);
    assert_int_equal(add(fx, "mine", "shared-2"), ERR_NONE);
    assert_false(instances_deregister(&fx->u, "shared", NULL, domain_fixture_again(fx)));
    assert_int_equal(fx->err.code, ERR_INSTANCE_NOT_FOUND);
    assert_int_equal(domain_fixture_number("SELECT count(*) FROM agents WHERE mesh_type = 'mine'"),
                     2);
}

static void
only_types_on_the_list_are_admitted_when_it_counts(void **state)
{
    struct domain_fixture *fx = *state;
    bool changed = false;

    fx->core.issuer = "https://registry.example";
    assert_true(
        instances_set_policy(&fx->u, fx->by.org_text, POLICY_ALLOW_LIST, domain_fixture_again(fx)));
    assert_int_equal(add(fx, "listed", "a"), ERR_AGENT_TYPE_NOT_ALLOWED);
    assert_true(
        instances_allow(&fx->u, fx->by.org_text, "listed", &changed, domain_fixture_again(fx)));
    assert_true(changed);
    assert_int_equal(add(fx, "listed", "a"), ERR_NONE);
    assert_int_equal(add(fx, "other", "b"), ERR_AGENT_TYPE_NOT_ALLOWED);
    assert_true(
        instances_set_policy(&fx->u, fx->by.org_text, POLICY_AUDIT, domain_fixture_again(fx)));
    assert_int_equal(add(fx, "other", "b"), ERR_NONE);
    assert_int_equal(domain_fixture_number("SELECT count(*) FROM audit_events WHERE action = 14"
                                           " AND org_id = '%s'",
                                           fx->by.org_text),
                     1);
    assert_true(
        instances_set_policy(&fx->u, fx->by.org_text, POLICY_OPEN, domain_fixture_again(fx)));
    assert_int_equal(add(fx, "free", "c"), ERR_NONE);
    assert_int_equal(domain_fixture_number("SELECT count(*) FROM allowed_types WHERE org_id = '%s'"
                                           " AND agent_type IN ('listed', 'free')",
                                           fx->by.org_text),
                     2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        domain_test(counts_are_exact_after_any_change_folded_or_not),
        domain_test(a_name_is_one_for_all_organizations),
        domain_test(only_types_on_the_list_are_admitted_when_it_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
