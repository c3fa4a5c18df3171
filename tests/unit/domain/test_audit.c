/* The documented hash of an event. */
#include "domain/audit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#define ORG "33333333-3333-4333-8333-333333333333"

static void
assert_hash(const struct audit_event *event, const char *previous, const char *want)
{
    struct digest hash = audit_hash(event, previous);
    char hex[65];

    assert_string_equal(ids_hex(hash.b, sizeof hash.b, hex), want);
}

/* printf %s 11111111-1111-4111-8111-1111111111112026-11-22T01:02:03.004Zagent.createdsuccess\
 * 22222222-2222-4222-8222-22222222222233333333-3333-4333-8333-333333333333 | sha256sum */
#define FIRST "938dcd027a1c4ef972445915f02059aadd66cfe5d8232406a27483e979423b7a"

static void
the_first_event_has_nothing_before_it(void **state)
{
    const struct audit_event event = { .id = "11111111-1111-4111-8111-111111111111",
                                       .org_id = ORG,
                                       .agent_id = "22222222-2222-4222-8222-222222222222",
                                       .action = AUDIT_AGENT_CREATED,
                                       .at = 1795309323004,
                                       .metadata = "{}" };

    (void)state;
    assert_hash(&event, "", FIRST);
}

/* printf %s 44444444-4444-4444-8444-4444444444442026-11-22T01:02:03.005Zauth.failedfailure\
 * 33333333-3333-4333-8333-333333333333938dcd…423b7a (FIRST) | sha256sum */
static void
a_later_one_has_the_hash_before_it_and_nobody_is_an_empty_text(void **state)
{
    const struct audit_event event = { .id = "44444444-4444-4444-8444-444444444444",
                                       .org_id = ORG,
                                       .action = AUDIT_AUTH_FAILED,
                                       .failed = true,
                                       .at = 1795309323005,
                                       .metadata = "{}" };

    (void)state;
    assert_hash(&event, FIRST, "06e6dc657efad6cf2744a61cbb3da61a77455010dd76561c926086ae9b999927");
}

static void
every_action_and_outcome_has_a_word(void **state)
{
    (void)state;
    assert_string_equal(audit_action_names[AUDIT_AGENT_CREATED], "agent.created");
    assert_string_equal(audit_action_names[AUDIT_AGENT_REACTIVATED], "agent.reactivated");
    assert_string_equal(audit_action_names[AUDIT_CREDENTIAL_ROTATED], "credential.rotated");
    assert_string_equal(audit_action_names[AUDIT_AUTH_FAILED], "auth.failed");
    assert_string_equal(audit_action_names[AUDIT_SECRET_ROTATED], "dispatch_secret.rotated");
    assert_null(audit_action_names[AUDIT_SECRET_ROTATED + 1]);
    assert_string_equal(audit_outcome_names[OUTCOME_FAILURE], "failure");
    assert_null(audit_outcome_names[OUTCOME_FAILURE + 1]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_event_has_nothing_before_it),
        cmocka_unit_test(a_later_one_has_the_hash_before_it_and_nobody_is_an_empty_text),
        cmocka_unit_test(every_action_and_outcome_has_a_word),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
