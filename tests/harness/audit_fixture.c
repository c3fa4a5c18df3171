/* Fills logs, tampers with them, and asks what verifying says. */
#include "audit_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

const struct audit_filter audit_fixture_all = {
    .action = -1, .outcome = -1, .page = 1, .limit = 200
};

struct text {
    const char *value;
};

static const struct db_col text_columns[] = { { TEXT_AT(struct text, value) } };
static const struct db_shape text_row = DB_SHAPE(struct text, text_columns);

void
audit_fixture_tamper(struct domain_fixture *fx, const char *format, ...)
{
    char sql[1500];
    va_list args;

    va_start(args, format);
    vsnprintf(sql, sizeof sql, format, args);
    va_end(args);
    domain_fixture_run(fx,
                       "ALTER TABLE audit_events DISABLE TRIGGER USER;"
                       "ALTER TABLE audit_chain DISABLE TRIGGER USER; %s;"
                       "ALTER TABLE audit_events ENABLE TRIGGER USER;"
                       "ALTER TABLE audit_chain ENABLE TRIGGER USER",
                       sql);
}

void
audit_fixture_write(struct domain_fixture *fx, enum audit_action action, const char *metadata)
{
    const struct audit_entry entry = { action, false, fx->by.org_text, fx->by.id_text, metadata };
    struct db_tx *tx = db_begin(fx->u.db, &fx->err);

    assert_ok(tx != NULL && audit_write(&fx->u, tx, &entry, &fx->err) && db_commit(tx, &fx->err),
              &fx->err);
}

struct audit_verdict *
audit_fixture_verify(struct domain_fixture *fx)
{
    struct audit_verdict *verdict =
        audit_verify(&fx->u, &audit_fixture_all, domain_fixture_again(fx));

    assert_ok(verdict != NULL, &fx->err);
    return verdict;
}

void
audit_fixture_fill(struct domain_fixture *fx)
{
    fx->by = domain_fixture_stranger(fx);
    fx->u.client_ip = "192.0.2.7";
    fx->u.user_agent = "test/1.0";
    for (int i = 0; i < AUDIT_FIXTURE_EVENTS; i++)
        audit_fixture_write(fx, AUDIT_AGENT_UPDATED, "{\"a\": 1}");

    const struct audit_verdict *verdict = audit_fixture_verify(fx);

    assert_true(verdict->verified);
    assert_int_equal(verdict->checked, AUDIT_FIXTURE_EVENTS);
    assert_null(verdict->broken_at);
}

const char *
audit_fixture_at(struct domain_fixture *fx, int64_t position)
{
    static const struct stmt find = {
        "test_event_at",
        "SELECT event_id FROM audit_chain WHERE org_id = $1::uuid AND position = $2::bigint",
        &text_row,
    };
    const struct text *found =
        db_one(db_single(fx->u.db), &find, DB_ARGS(DB_TEXT(fx->by.org_text), DB_INT(position)),
               fx->u.mem, &fx->err);

    assert_ok(found != NULL, &fx->err);
    return found->value;
}

void
audit_fixture_broken(struct domain_fixture *fx, const char *event, const char *note)
{
    const struct audit_verdict *verdict = audit_fixture_verify(fx);

    assert_false(verdict->verified);
    if (event == NULL)
        assert_null(verdict->broken_at);
    else
        assert_string_equal(verdict->broken_at, event);
    assert_string_equal(verdict->note, note);
}
