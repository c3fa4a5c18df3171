/* Sessions: how they open, who joins, how they end. */
#include "domain/sessions.h"

#include "domain/messages.h"
#include "mesh_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

static struct session_opened *
open_with(struct domain_fixture *fx, const char *instance)
{
    const struct session_draft draft = { .instance_id = instance };
    struct session_opened *opened = sessions_open(&fx->u, &draft, domain_fixture_again(fx));

    assert_ok(opened != NULL, &fx->err);
    return opened;
}

static struct session_opened *
open_own(struct domain_fixture *fx)
{
    const struct session_draft draft = { .session_id = ids_uuid(fx->u.mem) };
    struct session_opened *opened = sessions_open(&fx->u, &draft, domain_fixture_again(fx));

    assert_ok(opened != NULL, &fx->err);
    return opened;
}

static long long
bound(const char *session)
{
    return domain_fixture_number("SELECT count(*) FROM session_agents WHERE session_id = '%s'",
                                 session);
}

static void
a_session_opens_with_the_instance_that_it_names(void **state)
{
    struct domain_fixture *fx = *state;
    struct mesh_names names = mesh_fixture_type(fx);
    const struct session_opened *opened = open_with(fx, names.instance);

    assert_string_equal(opened->instance_id, names.instance);
    assert_string_equal(opened->agent_type, names.type);
    assert_int_equal(opened->session.status, SESSION_ACTIVE);
    assert_string_equal(opened->session.user_id, fx->by.id_text);
    assert_string_equal(opened->session.tenant_id, fx->by.org_text);
    assert_int_equal(opened->agents.n, 1);
    const struct session_agent *agent = opened->agents.v[0];
    assert_int_equal(agent->join_reason, JOIN_SELF);
    assert_string_equal(agent->instance_id, names.instance);
}

static void
a_session_of_ones_own_id_opens_once_and_is_told_of_again(void **state)
{
    struct domain_fixture *fx = *state;
    const struct session_draft draft = { .session_id = ids_uuid(fx->u.mem), .user_id = "ann" };
    const struct session_opened *first = sessions_open(&fx->u, &draft, &fx->err);

    assert_ok(first != NULL, &fx->err);
    assert_string_equal(first->session.id, draft.session_id);
    assert_int_equal(first->session.status, SESSION_OPENING);
    assert_int_equal(first->agents.n, 0);
    assert_null(first->instance_id);
    const struct session_opened *again = sessions_open(&fx->u, &draft, &fx->err);
    assert_ok(again != NULL, &fx->err);
    assert_int_equal(again->session.created_at, first->session.created_at);

    assert_ok(sessions_close(&fx->u, draft.session_id, &fx->err), &fx->err);
    assert_null(sessions_open(&fx->u, &draft, domain_fixture_again(fx)));
    assert_int_equal(fx->err.code, ERR_SESSION_CLOSED);

    struct caller stranger = domain_fixture_stranger(fx);
    fx->u.by = &stranger;
    assert_null(sessions_open(&fx->u, &draft, domain_fixture_again(fx)));
    assert_int_equal(fx->err.code, ERR_VALIDATION_ERROR);
    assert_string_equal(fx->err.field, "session_id");
}

static void
a_session_needs_either_an_instance_or_an_id(void **state)
{
    struct domain_fixture *fx = *state;
    struct mesh_names names = mesh_fixture_type(fx);
    const struct {
        struct session_draft draft;
        enum err_code code;
        const char *field;
    } cases[] = {
        { { NULL, NULL, NULL }, ERR_VALIDATION_ERROR, "instance_id" },
        { { "00000000-0000-4000-8000-00000000aaaa", names.instance, NULL },
          ERR_VALIDATION_ERROR,
          "instance_id" },
        { { "mine", NULL, NULL }, ERR_VALIDATION_ERROR, "session_id" },
        { { NULL, "nobody", NULL }, ERR_INSTANCE_NOT_FOUND, "instance_id" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_null(sessions_open(&fx->u, &cases[i].draft, domain_fixture_again(fx)));
        assert_int_equal(fx->err.code, cases[i].code);
        assert_string_equal(fx->err.field, cases[i].field);
    }
    struct caller stranger = domain_fixture_stranger(fx);
    const struct session_draft theirs = { .instance_id = names.instance };
    fx->u.by = &stranger;
    assert_null(sessions_open(&fx->u, &theirs, domain_fixture_again(fx)));
    assert_int_equal(fx->err.code, ERR_INSTANCE_NOT_FOUND);
    assert_int_equal(domain_fixture_number("SELECT count(*) FROM sessions WHERE org_id IN"
                                           " ('%s', '%s')",
                                           fx->by.org_text, stranger.org_text),
                     0);
}

static void
an_instance_that_is_full_or_draining_takes_no_session(void **state)
{
    struct domain_fixture *fx = *state;
    struct mesh_names names = mesh_fixture_type(fx);
    const char *const states[] = { "status = 2", "status = 3", "status = 4",
                                   "status = 0, max_sessions = 3, sessions = 3",
                                   "status = 0, max_sessions = 1, sessions = 0" };
    const struct session_draft draft = { .instance_id = names.instance };

    open_with(fx, names.instance);
    for (size_t i = 0; i < COUNT(states); i++) {
        domain_fixture_run(fx,
                           "UPDATE instance_states SET %s WHERE instance ="
                           " (SELECT id FROM instances WHERE instance_id = '%s')",
                           states[i], names.instance);
        assert_null(sessions_open(&fx->u, &draft, domain_fixture_again(fx)));
        assert_int_equal(fx->err.code, ERR_NO_AVAILABLE_INSTANCE);
    }
    domain_fixture_run(fx, "UPDATE instance_states SET max_sessions = 2 WHERE org_id = '%s'",
                       fx->by.org_text);
    open_with(fx, names.instance);
}

static void
an_invitation_goes_to_the_least_loaded_and_stays_there(void **state)
{
    struct domain_fixture *fx = *state;
    struct mesh_names one = mesh_fixture_type(fx), two = mesh_fixture_instance(fx, &one);
    const struct session_opened *mine = open_own(fx), *other = open_own(fx);
    struct session_invitation invitation = { mine->session.id, one.type, NULL };

    open_with(fx, one.instance);
    const struct session_agent *agent = sessions_invite(&fx->u, &invitation, &fx->err);
    assert_ok(agent != NULL, &fx->err);
    assert_string_equal(agent->instance_id, two.instance);
    assert_int_equal(agent->join_reason, JOIN_INVITED);
    open_with(fx, two.instance);
    agent = sessions_invite(&fx->u, &invitation, &fx->err);
    assert_ok(agent != NULL, &fx->err);
    assert_string_equal(agent->instance_id, two.instance);
    assert_int_equal(bound(mine->session.id), 1);

    /* Two are bound to the second now, one to the first; the first says that it has five. */
    domain_fixture_run(fx,
                       "UPDATE instance_states SET sessions = 5 WHERE instance ="
                       " (SELECT id FROM instances WHERE instance_id = '%s')",
                       one.instance);
    invitation.session_id = other->session.id;
    agent = sessions_invite(&fx->u, &invitation, &fx->err);
    assert_ok(agent != NULL, &fx->err);
    assert_string_equal(agent->instance_id, two.instance);
    invitation.instance_id = one.instance;
    agent = sessions_invite(&fx->u, &invitation, &fx->err);
    assert_ok(agent != NULL, &fx->err);
    assert_string_equal(agent->instance_id, one.instance);
    assert_int_equal(bound(other->session.id), 1);
    const struct session_detail *detail =
        sessions_get(&fx->u, other->session.id, false, false, &fx->err);
    assert_ok(detail != NULL, &fx->err);
    assert_int_equal(detail->session.status, SESSION_ACTIVE);
}

static void
an_invitation_says_what_is_missing(void **state)
{
    struct domain_fixture *fx = *state;
    struct mesh_names one = mesh_fixture_type(fx), other = mesh_fixture_type(fx);
    const char *mine = open_own(fx)->session.id, *closed = open_own(fx)->session.id;
    const struct {
        struct session_invitation invitation;
        enum err_code code;
    } cases[] = {
        { { "x", one.type, NULL }, ERR_SESSION_NOT_FOUND },
        { { "00000000-0000-4000-8000-00000000aaaa", one.type, NULL }, ERR_SESSION_NOT_FOUND },
        { { closed, one.type, NULL }, ERR_SESSION_CLOSED },
        { { mine, "no such type", NULL }, ERR_AGENT_NOT_FOUND },
        { { mine, one.type, "nobody" }, ERR_INSTANCE_NOT_FOUND },
        { { mine, one.type, other.instance }, ERR_INSTANCE_NOT_FOUND },
        { { mine, other.type, NULL }, ERR_NO_AVAILABLE_INSTANCE },
    };

    assert_ok(sessions_close(&fx->u, closed, &fx->err), &fx->err);
    /* Connected, and without a socket: it can be named, but nobody picks it. */
    domain_fixture_run(fx,
                       "UPDATE instance_states SET mode = 0 WHERE instance ="
                       " (SELECT id FROM instances WHERE instance_id = '%s')",
                       other.instance);
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_null(sessions_invite(&fx->u, &cases[i].invitation, domain_fixture_again(fx)));
        assert_int_equal(fx->err.code, cases[i].code);
    }
    assert_int_equal(bound(mine), 0);
}

static void
a_closed_session_frees_its_instances_and_stays_readable(void **state)
{
    struct domain_fixture *fx = *state;
    struct mesh_names names = mesh_fixture_type(fx);
    const char *id = open_with(fx, names.instance)->session.id;

    assert_ok(sessions_close(&fx->u, id, &fx->err), &fx->err);
    assert_int_equal(bound(id), 0);
    assert_false(sessions_close(&fx->u, id, &fx->err));
    assert_int_equal(fx->err.code, ERR_SESSION_CLOSED);
    const struct session_detail *detail =
        sessions_get(&fx->u, id, true, true, domain_fixture_again(fx));
    assert_ok(detail != NULL, &fx->err);
    assert_int_equal(detail->session.status, SESSION_COMPLETED);
    assert_true(detail->session.ended_at > 0);
    assert_non_null(detail->agents.v);
    assert_int_equal(detail->agents.n, 0);

    struct caller stranger = domain_fixture_stranger(fx);
    fx->u.by = &stranger;
    assert_null(sessions_get(&fx->u, id, false, false, &fx->err));
    assert_int_equal(fx->err.code, ERR_SESSION_NOT_FOUND);
    assert_false(sessions_close(&fx->u, id, domain_fixture_again(fx)));
    assert_int_equal(fx->err.code, ERR_SESSION_NOT_FOUND);
}

static void
sessions_are_listed_newest_first_page_by_page(void **state)
{
    struct domain_fixture *fx = *state;
    const char *last = NULL;

    for (int i = 0; i < 5; i++) {
        last = open_own(fx)->session.id;
        domain_fixture_run(fx,
                           "UPDATE sessions SET created_at = created_at + %d * interval '1 s'"
                           " WHERE id = '%s'",
                           i, last);
    }
    assert_ok(sessions_close(&fx->u, last, &fx->err), &fx->err);
    struct session_filter filter = { .page = 1, .page_size = 2, .status = -1 };
    const struct mesh_page *page = sessions_list(&fx->u, &filter, &fx->err);
    assert_ok(page != NULL, &fx->err);
    assert_int_equal(page->count, 5);
    assert_int_equal(page->total_pages, 3);
    assert_int_equal(page->data.n, 2);
    assert_string_equal(((struct session *)page->data.v[0])->id, last);
    filter.page = 3;
    page = sessions_list(&fx->u, &filter, &fx->err);
    assert_int_equal(page->data.n, 1);
    filter = (struct session_filter){ .page = 1, .page_size = 25, .status = SESSION_COMPLETED };
    page = sessions_list(&fx->u, &filter, &fx->err);
    assert_int_equal(page->count, 1);
    struct caller stranger = domain_fixture_stranger(fx);
    fx->u.by = &stranger;
    page = sessions_list(&fx->u, &filter, &fx->err);
    assert_int_equal(page->count + page->total_pages, 0);
}

static void
a_session_without_activity_ends_and_one_with_activity_does_not(void **state)
{
    struct domain_fixture *fx = *state;
    struct mesh_names names = mesh_fixture_type(fx);
    const char *idle = open_with(fx, names.instance)->session.id, *busy = open_own(fx)->session.id;
    bool more = true;

    domain_fixture_clock(fx, 1200);
    const struct message_new fresh = { .session_id = busy,
                                       .agent_type = names.type,
                                       .request = "{}" };
    assert_ok(messages_begin(&fx->u, &fresh, &fx->err) != NULL, &fx->err);
    domain_fixture_clock(fx, 1900);
    assert_ok(sessions_sweep(&fx->u, 0, &more, &fx->err), &fx->err);
    assert_int_equal(bound(idle), 1);
    assert_ok(sessions_sweep(&fx->u, 1800 * 1000, &more, &fx->err), &fx->err);
    assert_false(more);
    assert_int_equal(bound(idle), 0);
    assert_int_equal(domain_fixture_number("SELECT status FROM sessions WHERE id = '%s'", idle), 3);
    assert_int_equal(
        domain_fixture_number("SELECT count(*) FROM sessions WHERE id = '%s' AND ended_at IS NULL",
                              busy),
        1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        domain_test(a_session_opens_with_the_instance_that_it_names),
        domain_test(a_session_of_ones_own_id_opens_once_and_is_told_of_again),
        domain_test(a_session_needs_either_an_instance_or_an_id),
        domain_test(an_instance_that_is_full_or_draining_takes_no_session),
        domain_test(an_invitation_goes_to_the_least_loaded_and_stays_there),
        domain_test(an_invitation_says_what_is_missing),
        domain_test(a_closed_session_frees_its_instances_and_stays_readable),
        domain_test(sessions_are_listed_newest_first_page_by_page),
        domain_test(a_session_without_activity_ends_and_one_with_activity_does_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
