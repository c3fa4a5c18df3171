/* Messages: recorded, ended once, canceled, kept for a while. */
#include "domain/messages.h"

#include "domain/sessions.h"
#include "mesh_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

static struct message *
begin(struct domain_fixture *fx, const char *type, const char *session)
{
    const struct message_new fresh = { .session_id = session,
                                       .agent_type = type,
                                       .request = "{\"messageId\":\"m\"}" };
    struct message *message = messages_begin(&fx->u, &fresh, domain_fixture_again(fx));

    assert_ok(message != NULL, &fx->err);
    return message;
}

static bool
end(struct domain_fixture *fx, const struct message *message, int how)
{
    const struct message_end with = { .state = how, .instance_id = "i-1", .result = "[1]" };
    bool late;

    assert_ok(messages_end(&fx->u, message->id, &with, &late, domain_fixture_again(fx)), &fx->err);
    return !late;
}

static const char *
open_session(struct domain_fixture *fx)
{
    const struct session_draft draft = { .session_id = ids_uuid(fx->u.mem) };
    const struct session_opened *opened = sessions_open(&fx->u, &draft, domain_fixture_again(fx));

    assert_ok(opened != NULL, &fx->err);
    return opened->session.id;
}

static void
a_message_is_recorded_and_ends_once(void **state)
{
    struct domain_fixture *fx = *state;
    struct mesh_names names = mesh_fixture_type(fx);
    const char *session = open_session(fx);
    struct message *message = begin(fx, names.type, session);

    assert_int_equal(message->state, MESSAGE_WORKING);
    assert_string_equal(message->agent_type, names.type);
    assert_string_equal(message->session_id, session);
    assert_null(message->result);
    assert_true(end(fx, message, MESSAGE_COMPLETED));
    assert_false(end(fx, message, MESSAGE_FAILED));
    message = messages_get(&fx->u, message->id, &fx->err);
    assert_ok(message != NULL, &fx->err);
    assert_int_equal(message->state, MESSAGE_COMPLETED);
    assert_string_equal(message->request, "{\"messageId\":\"m\"}");
    assert_string_equal(message->result, "[1]");
    assert_string_equal(message->instance_id, "i-1");
    const struct session_detail *detail = sessions_get(&fx->u, session, true, true, &fx->err);
    assert_ok(detail != NULL, &fx->err);
    assert_int_equal(detail->session.status, SESSION_ACTIVE);
    assert_int_equal(detail->turns.n, 1);
    assert_null(((struct message *)detail->turns.v[0])->request);
}

static void
a_message_needs_an_agent_and_an_open_session_of_the_organization(void **state)
{
    struct domain_fixture *fx = *state;
    struct mesh_names names = mesh_fixture_type(fx);
    const char *session = open_session(fx), *closed = open_session(fx);
    struct caller stranger = domain_fixture_stranger(fx);
    const struct {
        const struct caller *by;
        const char *type, *session;
        enum err_code code;
    } cases[] = {
        { &fx->by, "no such type", NULL, ERR_AGENT_NOT_FOUND },
        { &fx->by, names.type, "x", ERR_SESSION_NOT_FOUND },
        { &fx->by, names.type, "00000000-0000-4000-8000-00000000aaaa", ERR_SESSION_NOT_FOUND },
        { &fx->by, names.type, closed, ERR_SESSION_CLOSED },
        { &stranger, names.type, NULL, ERR_AGENT_NOT_FOUND },
        { &stranger, names.type, session, ERR_SESSION_NOT_FOUND },
    };

    assert_ok(sessions_close(&fx->u, closed, &fx->err), &fx->err);
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct message_new fresh = { .session_id = cases[i].session,
                                           .agent_type = cases[i].type,
                                           .request = "{}" };

        fx->u.by = cases[i].by;
        assert_null(messages_begin(&fx->u, &fresh, domain_fixture_again(fx)));
        assert_int_equal(fx->err.code, cases[i].code);
    }
    assert_int_equal(domain_fixture_number("SELECT count(*) FROM messages WHERE org_id IN"
                                           " ('%s', '%s')",
                                           fx->by.org_text, stranger.org_text),
                     0);
}

static void
a_canceled_message_takes_no_late_answer(void **state)
{
    struct domain_fixture *fx = *state;
    struct mesh_names names = mesh_fixture_type(fx);
    struct message *message = begin(fx, names.type, NULL);

    assert_ok(messages_cancel(&fx->u, message->id, &fx->err) != NULL, &fx->err);
    assert_false(end(fx, message, MESSAGE_COMPLETED));
    message = messages_get(&fx->u, message->id, &fx->err);
    assert_ok(message != NULL, &fx->err);
    assert_int_equal(message->state, MESSAGE_CANCELED);
    assert_null(message->result);
    assert_null(messages_cancel(&fx->u, message->id, &fx->err));
    assert_int_equal(fx->err.code, ERR_MESSAGE_ENDED);
    assert_null(messages_cancel(&fx->u, "x", domain_fixture_again(fx)));
    assert_int_equal(fx->err.code, ERR_MESSAGE_NOT_FOUND);

    struct message *ours = begin(fx, names.type, NULL);
    struct caller stranger = domain_fixture_stranger(fx);
    fx->u.by = &stranger;
    assert_null(messages_cancel(&fx->u, ours->id, domain_fixture_again(fx)));
    assert_int_equal(fx->err.code, ERR_MESSAGE_NOT_FOUND);
    assert_null(messages_get(&fx->u, ours->id, domain_fixture_again(fx)));
    assert_int_equal(fx->err.code, ERR_MESSAGE_NOT_FOUND);
}

static long long
listed(struct domain_fixture *fx, int how, const char *session, size_t *n)
{
    const struct message_filter filter = { 1, 2, how, session };
    const struct mesh_page *page = messages_list(&fx->u, &filter, domain_fixture_again(fx));

    assert_ok(page != NULL, &fx->err);
    *n = page->data.n;
    return page->count;
}

static void
messages_are_listed_by_state_and_by_session(void **state)
{
    struct domain_fixture *fx = *state;
    struct mesh_names names = mesh_fixture_type(fx);
    const char *session = open_session(fx);
    const struct message *waits = begin(fx, names.type, session);
    size_t n;

    begin(fx, names.type, NULL);
    begin(fx, names.type, session);
    assert_true(end(fx, begin(fx, names.type, session), MESSAGE_FAILED));
    domain_fixture_run(fx, "UPDATE messages SET state = 2 WHERE id = '%s'", waits->id);
    assert_int_equal(listed(fx, -1, NULL, &n), 4);
    assert_int_equal(n, 2);
    assert_int_equal(listed(fx, -1, session, &n), 3);
    assert_int_equal(listed(fx, MESSAGE_FAILED, session, &n), 1);
    assert_int_equal(listed(fx, MESSAGE_WORKING, NULL, &n), 2);
    assert_int_equal(listed(fx, MESSAGE_INPUT_REQUIRED, NULL, &n), 1);
    assert_int_equal(listed(fx, MESSAGE_INPUT_REQUIRED, session, &n), 1);
    assert_int_equal(n, 1);
    assert_int_equal(listed(fx, MESSAGE_INPUT_REQUIRED, ids_uuid(fx->u.mem), &n), 0);
}

static void
old_messages_and_ended_sessions_are_deleted_and_lost_ones_fail(void **state)
{
    struct domain_fixture *fx = *state;
    struct mesh_names names = mesh_fixture_type(fx);
    const char *session = open_session(fx), *ended = open_session(fx);
    struct message *done = begin(fx, names.type, session), *lost = begin(fx, names.type, NULL);
    bool more = true;

    assert_true(end(fx, done, MESSAGE_COMPLETED));
    assert_ok(sessions_close(&fx->u, ended, &fx->err), &fx->err);
    assert_ok(messages_clean(&fx->u, 3600 * 1000, 7200 * 1000, &more, &fx->err), &fx->err);
    assert_false(more);
    assert_non_null(messages_get(&fx->u, done->id, &fx->err));
    domain_fixture_clock(fx, 3 * 3600);
    struct message *young = begin(fx, names.type, NULL);
    assert_ok(messages_clean(&fx->u, 3600LL * 1000 * 24, 7200 * 1000, &more, &fx->err), &fx->err);
    lost = messages_get(&fx->u, lost->id, &fx->err);
    assert_ok(lost != NULL, &fx->err);
    assert_int_equal(lost->state, MESSAGE_FAILED);
    assert_string_equal(lost->error, "AGENT_DISCONNECTED");
    assert_ok(messages_clean(&fx->u, 3600 * 1000, 7200 * 1000, &more, &fx->err), &fx->err);
    assert_null(messages_get(&fx->u, done->id, &fx->err));
    assert_null(sessions_get(&fx->u, ended, false, false, domain_fixture_again(fx)));
    assert_non_null(sessions_get(&fx->u, session, false, false, domain_fixture_again(fx)));
    assert_non_null(messages_get(&fx->u, young->id, &fx->err));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        domain_test(a_message_is_recorded_and_ends_once),
        domain_test(a_message_needs_an_agent_and_an_open_session_of_the_organization),
        domain_test(a_canceled_message_takes_no_late_answer),
        domain_test(messages_are_listed_by_state_and_by_session),
        domain_test(old_messages_and_ended_sessions_are_deleted_and_lost_ones_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
