/* Builds the services of the domain around a database fixture. */
#include "domain_fixture.h"

#include "domain/identities.h"
#include "domain/signing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

enum { MINUTE_MS = 60000 };

struct err *
domain_fixture_again(struct domain_fixture *fx)
{
    fx->err = (struct err){ 0 };
    return &fx->err;
}

void
domain_fixture_run(struct domain_fixture *fx, const char *format, ...)
{
    char sql[2000];
    va_list args;

    va_start(args, format);
    vsnprintf(sql, sizeof sql, format, args);
    va_end(args);
    assert_ok(db_run(fx->dbf->db, sql, domain_fixture_again(fx)), &fx->err);
}

long long
domain_fixture_number(const char *format, ...)
{
    char sql[2000];
    va_list args;

    va_start(args, format);
    vsnprintf(sql, sizeof sql, format, args);
    va_end(args);
    return db_fixture_number(sql);
}

void
domain_fixture_clock(struct domain_fixture *fx, long seconds)
{
    domain_fixture_run(fx, "SET roster.clock_skew = '%ld seconds'", seconds);
}

struct caller
domain_fixture_stranger(struct domain_fixture *fx)
{
    struct caller by = { .kind = CALLER_KEY, .id = ids_uuid_new(), .org = ids_uuid_new() };

    ids_uuid_text(&by.id, by.id_text);
    ids_uuid_text(&by.org, by.org_text);
    domain_fixture_run(fx, "INSERT INTO organizations (id, slug, name) VALUES ('%s', '%s', 'Test')",
                       by.org_text, by.org_text);
    return by;
}

int
domain_fixture_open(void **state)
{
    struct domain_fixture *fx = must(calloc(1, sizeof *fx));
    void *inner = NULL;

    if (db_fixture_open(&inner) != 0)
        return -1;
    fx->dbf = inner;

    const char *line = keyring_line(fx->dbf->mem);
    fx->keys = keyring_new(line, 65, &fx->err);
    if (fx->keys == NULL || !guard_read(&fx->guard, "", false, &fx->err))
        return -1;
    fx->core.keys = fx->keys;
    fx->core.guard = &fx->guard;
    fx->core.cache = cache_new(&(struct cache_limits){ 10000, 10000, 1000, 1000 });
    fx->core.signing = signing_new(&signing_rules_defaults);
    fx->core.registrations = agents_registrations();
    fx->core.identities = identities_registrations();
    atomic_init(&fx->core.presence.window_ms, 15 * MINUTE_MS);
    atomic_init(&fx->core.audit_kept_ms, 90LL * 24 * 60 * MINUTE_MS);
    atomic_init(&fx->core.presence.offline_ms, 12 * 60 * MINUTE_MS);
    fx->by = domain_fixture_stranger(fx);
    fx->u = (struct unit){ &fx->core, fx->dbf->db, fx->dbf->mem, &fx->by, "req_test" };
    *state = fx;
    return 0;
}

int
domain_fixture_close(void **state)
{
    struct domain_fixture *fx = *state;
    void *inner = fx->dbf;

    cache_free(fx->core.cache);
    combiner_free(fx->core.identities);
    combiner_free(fx->core.registrations);
    signing_free(fx->core.signing);
    keyring_free(fx->keys);
    free(fx);
    return db_fixture_close(&inner);
}

struct agent *
domain_fixture_agent(struct domain_fixture *fx, const char *name, const char *endpoint)
{
    struct agent_draft draft = agents_draft_defaults;

    draft.name = name;
    draft.endpoint_url = endpoint;

    struct agent *agent = agents_register(&fx->u, &draft, domain_fixture_again(fx));

    assert_ok(agent != NULL, &fx->err);
    return agent;
}

struct uuid
domain_fixture_id(const struct agent *agent)
{
    struct uuid id;

    assert_true(ids_uuid_read(agent->id, &id));
    return id;
}

char *
domain_fixture_token(struct domain_fixture *fx, const struct access_claims *claims)
{
    char *token =
        signing_sign(&fx->u, JWT_RS256, ACCESS_TYPE,
                     jwt_claims_write(access_table, claims, fx->u.mem), domain_fixture_again(fx));

    assert_ok(token != NULL, &fx->err);
    return token;
}
