/* Sockets and nodes: what is lost is found, and nobody waits for another's row. */
#include "domain/fleet.h"

#include "base/clock.h"
#include "domain/instances.h"
#include "domain/sessions.h"
#include "mesh_fixture.h"
#include "store/nodes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

/* A connected instance of the type whose socket this node has had for so many seconds. */
static struct mesh_names
connected(struct domain_fixture *fx, const struct mesh_names *type, int seconds)
{
    struct mesh_names names = mesh_fixture_instance(fx, type);
    char node[UUID_TEXT_SIZE];

    domain_fixture_run(fx,
                       "UPDATE instances SET mode = 0, url_sealed = NULL WHERE instance_id = '%s'",
                       names.instance);
    domain_fixture_run(
        fx,
        "UPDATE instance_states SET mode = 0, owner = '%s', connection = 1,"
        " transport = 1, connected_since = now() - interval '%d s', last_seen = now()"
        " WHERE instance = (SELECT id FROM instances WHERE instance_id = '%s')",
        ids_uuid_text(&fx->core.node.id, node), seconds, names.instance);
    return names;
}

static void
begin_node(struct domain_fixture *fx)
{
    fx->core.node.id = ids_uuid_new();
    fx->core.node.url = "";
    assert_ok(fleet_node_lives(&fx->u, 60000, domain_fixture_again(fx)), &fx->err);
}

static bool
is_owned(const struct mesh_names *names)
{
    return domain_fixture_number("SELECT count(*) FROM instance_states s JOIN instances i"
                                 " ON i.id = s.instance WHERE i.instance_id = '%s'"
                                 " AND s.owner IS NOT NULL AND s.connection = 1",
                                 names->instance) == 1;
}

/* A row that is locked by someone else while a test runs. */
struct holder {
    struct db *db;
    struct db_tx *tx;
};

static struct holder
hold(struct domain_fixture *fx, const char *table, const char *key, const struct mesh_names *names)
{
    struct holder holder = { db_fixture_another(20000), NULL };

    holder.tx = db_begin(holder.db, domain_fixture_again(fx));
    assert_ok(holder.tx != NULL, &fx->err);
    assert_ok(db_run(holder.db,
                     arena_printf(fx->u.mem,
                                  "SELECT FROM %s WHERE %s = (SELECT id FROM instances"
                                  " WHERE instance_id = '%s') FOR UPDATE",
                                  table, key, names->instance),
                     domain_fixture_again(fx)),
              &fx->err);
    return holder;
}

static void
let_go(struct holder *holder)
{
    db_drop(holder->tx);
    db_close(holder->db);
}

static bool
has(void *arg, const struct uuid *instance)
{
    char text[UUID_TEXT_SIZE];

    return domain_fixture_number("SELECT count(*) FROM instances WHERE id = '%s'"
                                 " AND instance_id = '%s'",
                                 ids_uuid_text(instance, text), (const char *)arg) == 1;
}

static void
a_socket_that_this_node_has_not_is_free_after_a_minute(void **state)
{
    struct domain_fixture *fx = *state;
    struct mesh_names type = mesh_fixture_type(fx), here, young, lost;
    long dropped;

    begin_node(fx);
    here = connected(fx, &type, 100);
    young = connected(fx, &type, 10);
    lost = connected(fx, &type, 100);
    assert_ok(fleet_drop_lost(&fx->u, has, here.instance, &dropped, domain_fixture_again(fx)),
              &fx->err);
    assert_int_equal(dropped, 1);
    assert_true(is_owned(&here));
    assert_true(is_owned(&young));
    assert_false(is_owned(&lost));

    /* Those of another node are not ours to judge. */
    fx->core.node.id = ids_uuid_new();
    assert_ok(fleet_drop_lost(&fx->u, has, "", &dropped, domain_fixture_again(fx)), &fx->err);
    assert_int_equal(dropped, 0);
    assert_true(is_owned(&here));
}

static void
a_node_that_ends_waits_for_nobody_and_what_it_left_is_freed(void **state)
{
    struct domain_fixture *fx = *state;
    struct mesh_names type = mesh_fixture_type(fx), one, other;

    begin_node(fx);
    one = connected(fx, &type, 100);
    other = connected(fx, &type, 100);
    struct holder holder = hold(fx, "instance_states", "instance", &one);
    db_deadline(fx->u.db, clock_ms() + 2000);
    assert_ok(fleet_node_ends(&fx->u, domain_fixture_again(fx)), &fx->err);
    assert_true(is_owned(&one));
    assert_false(is_owned(&other));
    let_go(&holder);
    assert_true(store_nodes_free(db_single(fx->u.db), 100, fx->u.mem, domain_fixture_again(fx)) >=
                1);
    assert_false(is_owned(&one));
}

static void
an_instance_that_is_being_registered_again_is_not_removed_nor_waited_for(void **state)
{
    struct domain_fixture *fx = *state;
    struct mesh_names names = mesh_fixture_type(fx);
    const struct fleet_sweep rules = { 0, 0, 1000, 10 };

    domain_fixture_run(fx,
                       "UPDATE instance_states SET failures = 100 WHERE instance ="
                       " (SELECT id FROM instances WHERE instance_id = '%s')",
                       names.instance);
    domain_fixture_run(fx,
                       "UPDATE instances SET updated_at = now() - interval '1 hour'"
                       " WHERE instance_id = '%s'",
                       names.instance);
    struct holder holder = hold(fx, "instances", "id", &names);
    db_deadline(fx->u.db, clock_ms() + 2000);
    const struct list *gone = store_nodes_remove(db_single(fx->u.db), 0, &rules, 100, fx->u.mem,
                                                 domain_fixture_again(fx));
    assert_ok(gone != NULL, &fx->err);
    assert_int_equal(gone->n, 0);
    let_go(&holder);
    gone = store_nodes_remove(db_single(fx->u.db), 0, &rules, 100, fx->u.mem,
                              domain_fixture_again(fx));
    assert_ok(gone != NULL, &fx->err);
    assert_int_equal(gone->n, 1);
}

/* Who removes an instance has it, and then wants its state; so must who wants to bind it. */
static void
a_session_takes_an_instance_before_its_state(void **state)
{
    struct domain_fixture *fx = *state;
    struct mesh_names names = mesh_fixture_type(fx);
    const struct session_draft draft = { .instance_id = names.instance };
    struct holder holder = hold(fx, "instances", "id", &names);

    db_deadline(fx->u.db, clock_ms() + 1000);
    assert_null(sessions_open(&fx->u, &draft, domain_fixture_again(fx)));
    assert_int_equal(fx->err.code, ERR_DATABASE_UNAVAILABLE);
    assert_non_null(strstr(fx->err.note, "sessions_hold"));
    let_go(&holder);
    db_deadline(fx->u.db, clock_ms() + 10000);
    assert_ok(sessions_open(&fx->u, &draft, domain_fixture_again(fx)) != NULL, &fx->err);
}

/* A writer that has the state of one instance waits for nothing that disallowing has: it takes each
 * state with its instance, in the order of the ids. */
static void
disallowing_a_type_takes_states_in_the_order_of_signs_of_life(void **state)
{
    struct domain_fixture *fx = *state;
    struct mesh_names type = mesh_fixture_type(fx), last;
    bool changed;
    int64_t gone;

    for (int i = 0; i < 20; i++)
        last = mesh_fixture_instance(fx, &type);
    struct holder holder = hold(fx, "instance_states", "instance", &last);

    db_deadline(fx->u.db, clock_ms() + 1000);
    assert_false(instances_disallow(&fx->u, fx->by.org_text, type.type, &changed, &gone,
                                    domain_fixture_again(fx)));
    assert_non_null(strstr(fx->err.note, "instances_lock_all"));
    let_go(&holder);
    db_deadline(fx->u.db, clock_ms() + 10000);
    assert_ok(instances_disallow(&fx->u, fx->by.org_text, type.type, &changed, &gone,
                                 domain_fixture_again(fx)),
              &fx->err);
    assert_int_equal(gone, 21);
}

static struct fleet_row
row_of(const struct domain_fixture *fx, const struct mesh_names *names)
{
    return (struct fleet_row){ .org = fx->by.org,
                               .instance_id = names->instance,
                               .status = -1,
                               .sessions = -1,
                               .max_sessions = -1,
                               .reported_failures = -1 };
}

static long long
agents_in(const struct mesh_names *type, int state)
{
    return domain_fixture_number("SELECT count(*) FROM presence p JOIN agents a"
                                 " ON a.id = p.agent_id WHERE a.mesh_type = '%s' AND p.state = %d",
                                 type->type, state);
}

static void
an_agent_is_offline_when_all_its_sockets_end_at_once(void **state)
{
    struct domain_fixture *fx = *state;
    struct mesh_names type = mesh_fixture_type(fx), names[3];
    struct fleet_row rows[3];

    begin_node(fx);
    domain_fixture_run(fx, "DELETE FROM instances WHERE instance_id = '%s'", type.instance);
    for (int i = 0; i < 3; i++) {
        names[i] = connected(fx, &type, 1);
        rows[i] = row_of(fx, &names[i]);
        rows[i].seen = true;
    }
    domain_fixture_run(fx, "UPDATE instance_states SET fence = 7 WHERE owner IS NOT NULL");
    assert_ok(fleet_apply(&fx->u, rows, 3, domain_fixture_again(fx)), &fx->err);
    assert_int_equal(agents_in(&type, 0), 1);

    /* Two of three: there is one left. */
    for (int i = 0; i < 3; i++) {
        rows[i] = row_of(fx, &names[i]);
        rows[i].gone = 7;
        rows[i].left = true;
    }
    assert_ok(fleet_apply(&fx->u, rows, 2, domain_fixture_again(fx)), &fx->err);
    assert_int_equal(agents_in(&type, 0), 1);
    assert_ok(fleet_apply(&fx->u, rows + 2, 1, domain_fixture_again(fx)), &fx->err);
    assert_int_equal(agents_in(&type, 2), 1);

    /* All at once. */
    for (int i = 0; i < 3; i++) {
        domain_fixture_run(fx,
                           "UPDATE instance_states SET owner = (SELECT id FROM nodes"
                           " ORDER BY started_at DESC LIMIT 1), fence = 8 WHERE instance ="
                           " (SELECT id FROM instances WHERE instance_id = '%s')",
                           names[i].instance);
        rows[i] = row_of(fx, &names[i]);
        rows[i].seen = true;
    }
    assert_ok(fleet_apply(&fx->u, rows, 3, domain_fixture_again(fx)), &fx->err);
    assert_int_equal(agents_in(&type, 0), 1);
    for (int i = 0; i < 3; i++) {
        rows[i] = row_of(fx, &names[i]);
        rows[i].gone = 8;
        rows[i].left = true;
    }
    assert_ok(fleet_apply(&fx->u, rows, 3, domain_fixture_again(fx)), &fx->err);
    assert_int_equal(agents_in(&type, 2), 1);
}

static void
a_dispatch_that_is_told_of_after_the_end_of_its_socket_leaves_it_offline(void **state)
{
    struct domain_fixture *fx = *state;
    struct mesh_names type = mesh_fixture_type(fx), names;
    struct fleet_row row;

    begin_node(fx);
    names = connected(fx, &type, 1);
    domain_fixture_run(fx, "UPDATE instance_states SET fence = 9 WHERE owner IS NOT NULL");
    row = row_of(fx, &names);
    row.gone = 9;
    assert_ok(fleet_apply(&fx->u, &row, 1, domain_fixture_again(fx)), &fx->err);
    for (int good = 0; good <= 1; good++) {
        row = row_of(fx, &names);
        row.succeeded = good;
        row.failed = !good;
        row.error = good ? NULL : "AGENT_DISCONNECTED";
        assert_ok(fleet_apply(&fx->u, &row, 1, domain_fixture_again(fx)), &fx->err);
        assert_int_equal(domain_fixture_number("SELECT s.connection FROM instance_states s"
                                               " JOIN instances i ON i.id = s.instance"
                                               " WHERE i.instance_id = '%s'",
                                               names.instance),
                         CONNECTION_OFFLINE);
    }
}

static void
a_name_that_two_organizations_speak_of_is_its_owners(void **state)
{
    struct domain_fixture *fx = *state;
    struct mesh_names names = mesh_fixture_type(fx);

    for (int last = 0; last <= 0xff; last += 0xff) {
        struct fleet_row rows[2] = { row_of(fx, &names), row_of(fx, &names) };

        rows[0].seen = rows[1].seen = true;
        memset(&rows[0].org, last, sizeof rows[0].org);
        assert_ok(fleet_apply(&fx->u, rows, 2, domain_fixture_again(fx)), &fx->err);
        for (int i = 0; i < 2; i++)
            assert_int_equal(rows[i].applied,
                             memcmp(&rows[i].org, &fx->by.org, sizeof fx->by.org) == 0);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        domain_test(a_socket_that_this_node_has_not_is_free_after_a_minute),
        domain_test(a_node_that_ends_waits_for_nobody_and_what_it_left_is_freed),
        domain_test(an_instance_that_is_being_registered_again_is_not_removed_nor_waited_for),
        domain_test(an_agent_is_offline_when_all_its_sockets_end_at_once),
        domain_test(a_dispatch_that_is_told_of_after_the_end_of_its_socket_leaves_it_offline),
        domain_test(a_name_that_two_organizations_speak_of_is_its_owners),
        domain_test(a_session_takes_an_instance_before_its_state),
        domain_test(disallowing_a_type_takes_states_in_the_order_of_signs_of_life),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
