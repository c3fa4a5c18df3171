/* Whatever is done to the audit log behind our back shows. */
#include "domain/audit.h"

#include "audit_fixture.h"
#include "base/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

static void
a_changed_byte_in_any_column_is_noticed(void **state)
{
    static const char *const changes[] = {
        "at = at + interval '1 millisecond'",
        "agent_id = NULL",
        "agent_id = org_id",
        "action = 2",
        "failed = true",
        "ip = '192.0.2.8'",
        "user_agent = 'test/1.1'",
        "metadata = '{\"a\": 2}'",
        "metadata = '{\"a\":1}'",
        "ip = '192.0.2.7' || user_agent, user_agent = ''",
        "org_id = id",
    };
    struct domain_fixture *fx = *state;

    for (size_t i = 0; i < COUNT(changes); i++) {
        audit_fixture_fill(fx);
        const char *event = audit_fixture_at(fx, 3);

        audit_fixture_tamper(fx, "UPDATE audit_events SET %s WHERE id = '%s'", changes[i], event);
        audit_fixture_broken(fx, event, "an event or its link was changed");
    }
    audit_fixture_fill(fx);
    const char *event = audit_fixture_at(fx, 1);
    audit_fixture_tamper(fx, "UPDATE audit_events SET id = '%s' WHERE id = '%s'",
                         ids_uuid(fx->u.mem), event);
    audit_fixture_broken(fx, event, "an event is gone");
    assert_int_equal(metrics_get(METRIC_AUDIT_CHAIN_INTEGRITY), 0);
}

static void
a_deleted_row_is_noticed_wherever_it_was(void **state)
{
    struct domain_fixture *fx = *state;

    for (int position = 1; position <= AUDIT_FIXTURE_EVENTS; position++) {
        audit_fixture_fill(fx);
        const char *event = audit_fixture_at(fx, position);
        audit_fixture_tamper(fx, "DELETE FROM audit_events WHERE id = '%s'", event);
        audit_fixture_broken(fx, event, "an event is gone");

        audit_fixture_fill(fx);
        event = audit_fixture_at(fx, position);
        audit_fixture_tamper(fx, "DELETE FROM audit_chain WHERE event_id = '%s'", event);
        audit_fixture_broken(
            fx, event, position < AUDIT_FIXTURE_EVENTS ? "a link is gone" : "the end was cut off");

        audit_fixture_fill(fx);
        event = audit_fixture_at(fx, position);
        audit_fixture_tamper(fx,
                             "DELETE FROM audit_chain WHERE event_id = '%s';"
                             "DELETE FROM audit_events WHERE id = '%s'",
                             event, event);
        audit_fixture_broken(
            fx, NULL, position < AUDIT_FIXTURE_EVENTS ? "a link is gone" : "the end was cut off");
    }
}

static void
a_tail_that_was_cut_off_is_noticed_even_when_the_head_was_moved(void **state)
{
    struct domain_fixture *fx = *state;

    audit_fixture_fill(fx);
    audit_fixture_tamper(
        fx,
        "DELETE FROM audit_events USING audit_chain c WHERE event_id = id AND position > 2"
        " AND c.org_id = '%s'; DELETE FROM audit_chain WHERE position > 2 AND org_id = '%s'",
        fx->by.org_text, fx->by.org_text);
    audit_fixture_broken(fx, NULL, "the end was cut off");
    domain_fixture_run(fx,
                       "UPDATE audit_heads h SET position = 2, hash = c.hash, whole = c.whole"
                       " FROM audit_chain c WHERE c.org_id = h.org_id AND c.position = 2"
                       " AND h.org_id = '%s'",
                       fx->by.org_text);
    audit_fixture_broken(fx, NULL, "the head is not ours");
    domain_fixture_run(fx, "DELETE FROM audit_heads WHERE org_id = '%s'", fx->by.org_text);
    audit_fixture_broken(fx, NULL, "the head is gone");
}

static void
a_log_that_was_emptied_but_for_its_head_is_noticed(void **state)
{
    struct domain_fixture *fx = *state;

    audit_fixture_fill(fx);
    audit_fixture_tamper(fx,
                         "DELETE FROM audit_chain WHERE org_id = '%s'; DELETE FROM audit_events"
                         " WHERE org_id = '%s'",
                         fx->by.org_text, fx->by.org_text);
    audit_fixture_broken(fx, NULL, "the end was cut off");
}

static void
any_change_of_a_head_is_noticed_and_it_is_not_built_upon(void **state)
{
    static const char *const changes[] = {
        "position = position + 1", "hash = sha256(hash)",
        "whole = sha256(whole)",   "anchor_position = 1",
        "anchor_hash = hash",      "anchor_whole = hash",
        "mac = sha256(mac)",       "mac = ''",
        "hash = '', whole = ''",
    };
    struct domain_fixture *fx = *state;

    for (size_t i = 0; i < COUNT(changes); i++) {
        audit_fixture_fill(fx);
        domain_fixture_run(fx, "UPDATE audit_heads SET %s WHERE org_id = '%s'", changes[i],
                           fx->by.org_text);
        audit_fixture_broken(fx, NULL, "the head is not ours");
        audit_fixture_write(fx, AUDIT_AGENT_CREATED, NULL);
        assert_ok(audit_seal(&fx->u, domain_fixture_again(fx)), &fx->err);
        audit_fixture_broken(fx, NULL, "the head is not ours");
        assert_int_equal(
            domain_fixture_number("SELECT count(*) FROM audit_chain WHERE org_id = '%s'",
                                  fx->by.org_text),
            AUDIT_FIXTURE_EVENTS);
    }
}

/* Somebody who can write the database and knows our program, but not the master key. */
static void
a_chain_that_was_recomputed_without_the_key_is_noticed(void **state)
{
    struct domain_fixture *fx = *state;
    const char *line = keyring_line(fx->u.mem);
    struct keyring *ours = fx->keys, *theirs = keyring_new(line, 65, &fx->err);

    audit_fixture_fill(fx);
    audit_fixture_tamper(
        fx,
        "UPDATE audit_events SET failed = true WHERE org_id = '%s';"
        "DELETE FROM audit_chain WHERE org_id = '%s';"
        "DELETE FROM audit_heads WHERE org_id = '%s';"
        "INSERT INTO audit_pending SELECT org_id, seq, id FROM audit_events WHERE org_id = '%s'",
        fx->by.org_text, fx->by.org_text, fx->by.org_text, fx->by.org_text);
    fx->core.keys = theirs;
    assert_true(audit_fixture_verify(fx)->verified);
    fx->core.keys = ours;
    audit_fixture_broken(fx, NULL, "the head is not ours");
    keyring_free(theirs);
}

static void
a_new_master_key_takes_over_and_the_old_one_is_still_believed(void **state)
{
    struct domain_fixture *fx = *state;
    const char *lines = arena_printf(fx->u.mem, "%s", keyring_line(fx->u.mem));
    struct keyring *newer;

    audit_fixture_fill(fx);
    /* The ring of the fixture is of one line that is not kept: both are made here. */
    const char *old = keyring_line(fx->u.mem);
    struct keyring *first = keyring_new(old, strlen(old), &fx->err);
    const char *both = arena_printf(fx->u.mem, "%s%s", lines, old);
    newer = keyring_new(both, strlen(both), &fx->err);
    fx->by = domain_fixture_stranger(fx);
    fx->core.keys = first;
    audit_fixture_write(fx, AUDIT_AGENT_CREATED, NULL);
    assert_true(audit_fixture_verify(fx)->verified);
    fx->core.keys = newer;
    assert_true(audit_fixture_verify(fx)->verified);
    audit_fixture_write(fx, AUDIT_AGENT_CREATED, NULL);
    assert_true(audit_fixture_verify(fx)->verified);
    fx->core.keys = first;
    audit_fixture_broken(fx, NULL, "the head is not ours");
    fx->core.keys = fx->keys;
    keyring_free(first);
    keyring_free(newer);
}

static void
an_event_that_was_slipped_past_the_queue_or_lost_from_it_is_noticed(void **state)
{
    struct domain_fixture *fx = *state;
    const char *id = ids_uuid(fx->u.mem);

    audit_fixture_fill(fx);
    audit_fixture_tamper(
        fx,
        "INSERT INTO audit_events (id, at, org_id, action, failed, ip, user_agent, metadata)"
        " VALUES ('%s', now(), '%s', 0, false, '', '', '{}')",
        id, fx->by.org_text);
    audit_fixture_broken(fx, id, "an event is not chained, or its place in the queue is empty");
    audit_fixture_fill(fx);
    audit_fixture_tamper(fx, "INSERT INTO audit_pending VALUES ('%s', 9223372036854775807, '%s')",
                         fx->by.org_text, id);
    audit_fixture_broken(fx, id, "an event is not chained, or its place in the queue is empty");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        domain_test(a_changed_byte_in_any_column_is_noticed),
        domain_test(a_deleted_row_is_noticed_wherever_it_was),
        domain_test(a_tail_that_was_cut_off_is_noticed_even_when_the_head_was_moved),
        domain_test(a_log_that_was_emptied_but_for_its_head_is_noticed),
        domain_test(any_change_of_a_head_is_noticed_and_it_is_not_built_upon),
        domain_test(a_chain_that_was_recomputed_without_the_key_is_noticed),
        domain_test(a_new_master_key_takes_over_and_the_old_one_is_still_believed),
        domain_test(an_event_that_was_slipped_past_the_queue_or_lost_from_it_is_noticed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
