/* The audit log: written with each change, added to and never changed, chained, purged. */
#include "domain/audit.h"

#include "base/clock.h"
#include "base/metrics.h"
#include "audit_fixture.h"
#include "model/scope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
each_change_by_an_owner_has_its_event(void **state)
{
    static const enum audit_action want[] = {
        AUDIT_AGENT_DECOMMISSIONED, AUDIT_AGENT_DECOMMISSIONED, AUDIT_AGENT_REACTIVATED,
        AUDIT_AGENT_SUSPENDED,      AUDIT_AGENT_UPDATED,        AUDIT_AGENT_CREATED,
    };
    struct domain_fixture *fx = *state;
    fx->u.client_ip = "2001:db8::1";
    fx->u.user_agent = "t\xc3\xa9st\x01/1";
    const char *id = domain_fixture_agent(fx, "x", NULL)->id;

    assert_ok(agents_rotate_token(&fx->u, id, -1, &fx->err) != NULL, &fx->err);
    assert_ok(agents_archive(&fx->u, id, -1, &fx->err) != NULL, &fx->err);
    assert_ok(agents_archive(&fx->u, id, -1, &fx->err) != NULL, &fx->err); /* changes nothing */
    assert_ok(agents_restore(&fx->u, id, -1, &fx->err) != NULL, &fx->err);
    assert_ok(agents_revoke(&fx->u, id, -1, &fx->err) != NULL, &fx->err);
    assert_ok(agents_delete(&fx->u, id, -1, &fx->err), &fx->err);

    const struct numbered_page *page = audit_query(&fx->u, &audit_fixture_all, &fx->err);
    assert_ok(page != NULL, &fx->err);
    assert_int_equal(page->total, COUNT(want));
    assert_int_equal(page->data.n, COUNT(want));
    for (size_t i = 0; i < COUNT(want); i++) {
        const struct audit_event *event = page->data.v[i];

        assert_int_equal(event->action, want[i]);
        assert_string_equal(event->agent_id, id);
        assert_string_equal(event->org_id, fx->by.org_text);
        assert_string_equal(event->ip, "2001:db8::1");
        assert_string_equal(event->user_agent, "t??st?/1");
        assert_int_equal(event->outcome, OUTCOME_SUCCESS);
        assert_null(event->hash);
    }
    assert_string_equal(((const struct audit_event *)page->data.v[4])->metadata,
                        "{\"change\":\"token\"}");
    assert_string_equal(((const struct audit_event *)page->data.v[5])->metadata,
                        "{\"origin\":\"portal\"}");
}

static void
a_registration_that_is_rolled_back_leaves_no_event(void **state)
{
    struct domain_fixture *fx = *state;
    struct db_tx *tx = db_begin(fx->u.db, &fx->err);

    domain_fixture_agent(fx, "x", NULL);
    db_drop(tx);
    assert_int_equal(audit_query(&fx->u, &audit_fixture_all, &fx->err)->total, 0);
    assert_int_equal(audit_fixture_verify(fx)->checked, 0);
}

static void
assert_forbidden(struct db *db, const char *sql, const char *note)
{
    struct err err = { 0 };

    assert_false(db_run(db, sql, &err));
    if (strstr(err.note, note) == NULL)
        fail_msg("%s: %s", sql, err.note);
}

static void
nobody_updates_deletes_or_truncates(void **state)
{
    static const char *const statements[] = {
        "UPDATE audit_events SET failed = true",
        "DELETE FROM audit_events",
        "DELETE FROM audit_events WHERE id IS NULL",
        "TRUNCATE audit_events",
        "UPDATE audit_chain SET hash = ''",
        "DELETE FROM audit_chain",
        "TRUNCATE audit_chain",
        "SET LOCAL ROLE roster_audit_keeper; UPDATE audit_events SET failed = true",
    };
    struct domain_fixture *fx = *state;
    const char *conninfo = arena_printf(fx->u.mem, "%s user=postgres", db_fixture_conninfo());
    struct db_options options = { .conninfo = conninfo, .name = "super", .timeout_ms = 10000 };
    struct db *super = db_open(&options);

    audit_fixture_fill(fx);
    for (size_t i = 0; i < COUNT(statements); i++) {
        const char *want =
            i + 1 < COUNT(statements) ? "is only ever added to" : "permission denied";

        assert_forbidden(fx->u.db, statements[i], want);
        assert_forbidden(super, statements[i], want);
    }
    assert_true(audit_fixture_verify(fx)->verified);
    db_close(super);
}

static void
the_writer_can_insert_and_nothing_else(void **state)
{
    struct domain_fixture *fx = *state;

    audit_fixture_fill(fx);
    assert_int_equal(
        db_fixture_number("SELECT count(*) FROM pg_class c, unnest('{SELECT,INSERT,UPDATE,DELETE,"
                          "TRUNCATE,REFERENCES,TRIGGER}'::text[]) AS p WHERE c.relkind = 'r'"
                          " AND c.relnamespace = 'public'::regnamespace"
                          " AND has_table_privilege('roster_audit_writer', c.oid, p)"),
        1);
    assert_int_equal(db_fixture_number("SELECT has_table_privilege('roster_audit_writer',"
                                       " 'audit_events', 'INSERT')::integer"),
                     1);
    assert_int_equal(db_fixture_number("SELECT count(*) FROM pg_proc WHERE prosecdef"
                                       " AND proname LIKE 'audit_%' AND proconfig[1]"
                                       " = 'search_path=public, pg_temp'"),
                     3);
    assert_int_equal(
        db_fixture_number("SELECT count(*) FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner"
                          " WHERE (proname, rolname) IN (('audit_append', 'roster_audit_writer'),"
                          " ('audit_purge', 'roster_audit_keeper')) AND NOT rolcanlogin"
                          " AND NOT has_schema_privilege(r.oid, 'public', 'CREATE')"),
        2);
    assert_forbidden(fx->u.db,
                     "SET LOCAL ROLE roster_audit_writer; DELETE FROM audit_events WHERE false",
                     "permission denied");
}

static void
events_are_chained_in_order_by_the_documented_hash(void **state)
{
    struct domain_fixture *fx = *state;
    char previous[65] = "";

    audit_fixture_fill(fx);
    for (int64_t position = 1; position <= AUDIT_FIXTURE_EVENTS; position++) {
        struct audit_event *event = audit_get(&fx->u, audit_fixture_at(fx, position), &fx->err);

        assert_ok(event != NULL, &fx->err);
        struct digest hash = audit_hash(event, previous);
        assert_string_equal(event->hash, ids_hex(hash.b, sizeof hash.b, previous));
    }
    assert_int_equal(
        domain_fixture_number("SELECT count(*) FROM audit_heads h JOIN audit_chain c ON"
                              " (c.org_id, c.position, c.hash) = (h.org_id, h.position, h.hash)"
                              " WHERE h.org_id = '%s' AND h.position = %d",
                              fx->by.org_text, AUDIT_FIXTURE_EVENTS),
        1);
    assert_int_equal(domain_fixture_number("SELECT count(*) FROM audit_pending WHERE org_id = '%s'",
                                           fx->by.org_text),
                     0);
}

static void
a_range_restricts_what_is_recomputed(void **state)
{
    struct domain_fixture *fx = *state;
    struct audit_filter range = audit_fixture_all;

    audit_fixture_fill(fx);
    const struct audit_event *second = audit_get(&fx->u, audit_fixture_at(fx, 2), &fx->err);
    range.from = second->at + 3600000;
    struct audit_verdict *verdict = audit_verify(&fx->u, &range, &fx->err);
    assert_true(verdict->verified);
    assert_int_equal(verdict->checked, 0);
    assert_true(verdict->from == range.from && verdict->to == 0);

    /* Apart in time, so that a range can tell them from each other. */
    for (int i = 1; i <= 3; i++)
        domain_fixture_run(fx,
                           "INSERT INTO audit_events (id, at, org_id, action, failed, ip,"
                           " user_agent, metadata) VALUES (gen_random_uuid(),"
                           " '2030-01-0%dT00:00:00Z', '%s', 0, false, '', '', '{}')",
                           i, fx->by.org_text);
    assert_int_equal(audit_fixture_verify(fx)->checked, AUDIT_FIXTURE_EVENTS + 3);
    int64_t day[4] = { 0 };
    assert_true(clock_read("2030-01-01T00:00:00Z", &day[1]));
    day[2] = day[1] + 86400000;
    day[3] = day[2] + 86400000;
    range = (struct audit_filter){ .from = day[2], .to = day[3] };
    verdict = audit_verify(&fx->u, &range, &fx->err);
    assert_true(verdict->verified);
    assert_int_equal(verdict->checked, 2);
    range = (struct audit_filter){ .to = day[2] };
    assert_int_equal(audit_verify(&fx->u, &range, &fx->err)->checked, AUDIT_FIXTURE_EVENTS + 2);

    const char *last = audit_fixture_at(fx, AUDIT_FIXTURE_EVENTS + 3);
    audit_fixture_tamper(fx, "UPDATE audit_events SET failed = true WHERE id = '%s'", last);
    assert_true(audit_verify(&fx->u, &range, &fx->err)->verified);
    range = (struct audit_filter){ .from = day[3] };
    verdict = audit_verify(&fx->u, &range, &fx->err);
    assert_false(verdict->verified);
    assert_string_equal(verdict->broken_at, last);

    range = (struct audit_filter){ .from = day[3], .to = day[2] };
    assert_null(audit_verify(&fx->u, &range, &fx->err));
    assert_int_equal(fx->err.code, ERR_VALIDATION_ERROR);
    assert_string_equal(fx->err.field, "toDate");
}

/* Events of a hundred days ago, in front of what fill writes. */
static void
write_old(struct domain_fixture *fx, int n)
{
    for (int i = 0; i < n; i++)
        domain_fixture_run(fx,
                           "INSERT INTO audit_events (id, at, org_id, action, failed, ip,"
                           " user_agent, metadata) VALUES (gen_random_uuid(), date_trunc("
                           "'milliseconds', now() - interval '100 days'), '%s', 0, false, '', '',"
                           " '{}')",
                           fx->by.org_text);
}

static void
old_events_are_invisible_at_once_and_purged_behind_an_anchor(void **state)
{
    struct domain_fixture *fx = *state;
    struct audit_filter filter = audit_fixture_all;

    write_old(fx, 3);
    audit_fixture_write(fx, AUDIT_AGENT_CREATED, NULL);
    write_old(fx, 1); /* not in a prefix: it stays, unseen */
    audit_fixture_write(fx, AUDIT_AGENT_UPDATED, NULL);
    assert_int_equal(audit_fixture_verify(fx)->checked, 6);
    assert_int_equal(audit_query(&fx->u, &filter, &fx->err)->total, 2);
    const char *old = audit_fixture_at(fx, 3);
    assert_null(audit_get(&fx->u, old, &fx->err));
    assert_int_equal(fx->err.code, ERR_AUDIT_EVENT_NOT_FOUND);

    assert_ok(audit_purge(&fx->u, domain_fixture_again(fx)), &fx->err);
    const struct audit_verdict *verdict = audit_fixture_verify(fx);
    assert_true(verdict->verified);
    assert_int_equal(verdict->checked, 3);
    assert_int_equal(domain_fixture_number("SELECT count(*) FROM audit_events WHERE org_id = '%s'",
                                           fx->by.org_text),
                     3);
    assert_int_equal(
        domain_fixture_number("SELECT anchor_position FROM audit_heads WHERE org_id = '%s'",
                              fx->by.org_text),
        3);
    audit_fixture_write(fx, AUDIT_AGENT_UPDATED, NULL);
    assert_int_equal(audit_fixture_verify(fx)->checked, 4);

    /* Everything goes, and the log goes on. */
    domain_fixture_clock(fx, 91 * 86400);
    assert_ok(audit_purge(&fx->u, &fx->err), &fx->err);
    assert_int_equal(audit_fixture_verify(fx)->checked, 0);
    audit_fixture_write(fx, AUDIT_AGENT_UPDATED, NULL);
    verdict = audit_fixture_verify(fx);
    assert_true(verdict->verified);
    assert_int_equal(verdict->checked, 1);

    domain_fixture_run(fx, "UPDATE audit_heads SET anchor_position = 0 WHERE org_id = '%s'",
                       fx->by.org_text);
    audit_fixture_broken(fx, NULL, "the head is not ours");
}

static void
what_does_not_fit_its_chain_is_not_purged(void **state)
{
    struct domain_fixture *fx = *state;

    write_old(fx, 4);
    assert_true(audit_fixture_verify(fx)->verified);
    const char *event = audit_fixture_at(fx, 3);
    audit_fixture_tamper(fx, "UPDATE audit_events SET failed = true WHERE id = '%s'", event);
    for (int i = 0; i < 2; i++)
        assert_ok(audit_purge(&fx->u, &fx->err), &fx->err);
    assert_int_equal(domain_fixture_number("SELECT count(*) FROM audit_events WHERE org_id = '%s'",
                                           fx->by.org_text),
                     2);
    audit_fixture_broken(fx, event, "an event or its link was changed");
}

struct sealer {
    struct domain_fixture *fx;
    bool good;
};

static void *
write_and_seal(void *arg)
{
    struct sealer *sealer = arg;
    struct unit u = sealer->fx->u;
    struct err err = { 0 };

    u.db = db_fixture_another(20000);
    u.mem = arena_new();
    sealer->good = true;
    for (int i = 0; i < 40 && sealer->good; i++) {
        const struct audit_entry entry = { AUDIT_TOKEN_ISSUED, false, u.by->org_text, NULL, NULL };
        struct db_tx *tx = db_begin(u.db, &err);

        sealer->good = tx != NULL && audit_write(&u, tx, &entry, &err) && db_commit(tx, &err) &&
                       (i % 2 == 0 ? audit_seal(&u, &err)
                                   : audit_verify(&u, &audit_fixture_all, &err) != NULL);
    }
    if (!sealer->good)
        print_error("%s %s\n", err_name(err.code), err.note);
    db_close(u.db);
    arena_free(u.mem);
    return NULL;
}

static void
several_nodes_may_write_and_chain_at_once(void **state)
{
    struct domain_fixture *fx = *state;
    pthread_t threads[4];
    struct sealer sealers[4];

    for (int i = 0; i < 4; i++) {
        sealers[i] = (struct sealer){ .fx = fx };
        assert_int_equal(pthread_create(&threads[i], NULL, write_and_seal, &sealers[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_true(sealers[i].good);
    }
    const struct audit_verdict *verdict = audit_fixture_verify(fx);
    assert_true(verdict->verified);
    assert_int_equal(verdict->checked, 160);
}

static void
a_log_is_for_its_organization_and_for_operators(void **state)
{
    struct domain_fixture *fx = *state;
    struct audit_filter filter = audit_fixture_all;

    audit_fixture_fill(fx);
    const char *event = audit_fixture_at(fx, 1);
    struct caller owner = fx->by;
    fx->by = domain_fixture_stranger(fx);
    assert_int_equal(audit_query(&fx->u, &filter, &fx->err)->total, 0);
    assert_null(audit_get(&fx->u, event, &fx->err));
    assert_int_equal(fx->err.code, ERR_AUDIT_EVENT_NOT_FOUND);
    filter.org_id = owner.org_text;
    assert_null(audit_query(&fx->u, &filter, domain_fixture_again(fx)));
    assert_int_equal(fx->err.code, ERR_INSUFFICIENT_SCOPE);
    assert_null(audit_verify(&fx->u, &filter, domain_fixture_again(fx)));
    assert_int_equal(fx->err.code, ERR_INSUFFICIENT_SCOPE);
    fx->by.scopes = SCOPE_ADMIN_ORGS;
    assert_int_equal(audit_query(&fx->u, &filter, domain_fixture_again(fx))->total,
                     AUDIT_FIXTURE_EVENTS);
    assert_int_equal(audit_verify(&fx->u, &filter, &fx->err)->checked, AUDIT_FIXTURE_EVENTS);
    assert_non_null(audit_get(&fx->u, event, &fx->err));
}

static void
check_all(struct domain_fixture *fx, struct audit_check *check)
{
    do
        assert_ok(audit_check_on(&fx->u, check, 3600000, domain_fixture_again(fx)), &fx->err);
    while (check->under_way);
}

static void
the_self_check_sets_the_gauge_and_rests_for_an_hour(void **state)
{
    struct domain_fixture *fx = *state;
    struct audit_check check = { 0 };

    /* The logs of other tests were tampered with, or are under keys that are gone. */
    audit_fixture_tamper(fx, "TRUNCATE audit_events, audit_chain, audit_heads, audit_pending");
    audit_fixture_fill(fx);
    audit_fixture_fill(fx);
    metrics_set(METRIC_AUDIT_CHAIN_INTEGRITY, 0);
    check_all(fx, &check);
    assert_int_equal(metrics_get(METRIC_AUDIT_CHAIN_INTEGRITY), 1);
    audit_fixture_tamper(fx, "DELETE FROM audit_events WHERE id = '%s'", audit_fixture_at(fx, 2));
    check_all(fx, &check);
    assert_int_equal(metrics_get(METRIC_AUDIT_CHAIN_INTEGRITY), 1);
    check.begun_ms -= 3600001;
    check_all(fx, &check);
    assert_int_equal(metrics_get(METRIC_AUDIT_CHAIN_INTEGRITY), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        domain_test(each_change_by_an_owner_has_its_event),
        domain_test(a_registration_that_is_rolled_back_leaves_no_event),
        domain_test(nobody_updates_deletes_or_truncates),
        domain_test(the_writer_can_insert_and_nothing_else),
        domain_test(events_are_chained_in_order_by_the_documented_hash),
        domain_test(a_range_restricts_what_is_recomputed),
        domain_test(old_events_are_invisible_at_once_and_purged_behind_an_anchor),
        domain_test(what_does_not_fit_its_chain_is_not_purged),
        domain_test(several_nodes_may_write_and_chain_at_once),
        domain_test(a_log_is_for_its_organization_and_for_operators),
        domain_test(the_self_check_sets_the_gauge_and_rests_for_an_hour),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
