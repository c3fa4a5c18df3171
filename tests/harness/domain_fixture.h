/* What a test of the domain needs: services, an organization of its own, a caller and a unit. */
#ifndef HARNESS_DOMAIN_FIXTURE_H
#define HARNESS_DOMAIN_FIXTURE_H

#include "db_fixture.h"
#include "domain/agents.h"
#include "domain/access.h"
#include "domain/core.h"

struct domain_fixture {
    struct db_fixture *dbf;
    struct keyring *keys;
    struct guard guard; /* as the operator's default: https to public addresses */
    struct core core;
    struct caller by; /* an API key of a fresh organization                   */
    struct unit u;
    struct err err; /* wiped by domain_fixture_again                        */
};

/* For cmocka: *state is a struct domain_fixture. */
int domain_fixture_open(void **state);
int domain_fixture_close(void **state);

#define domain_test(test)                                                                          \
    cmocka_unit_test_setup_teardown(test, domain_fixture_open, domain_fixture_close)

/* &fx->err, unset. */
struct err *domain_fixture_again(struct domain_fixture *fx);

/* A caller of another, fresh organization. */
struct caller domain_fixture_stranger(struct domain_fixture *fx);

/* Registers an agent with this name and, if not NULL, endpoint; fails the test if it cannot. */
struct agent *domain_fixture_agent(struct domain_fixture *fx, const char *name,
                                   const char *endpoint);

/* The UUID of an agent as bytes. */
struct uuid domain_fixture_id(const struct agent *agent);

/* Runs SQL on the unit's connection (printf); fails the test if it cannot. */
void domain_fixture_run(struct domain_fixture *fx, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* db_fixture_number of a printf. */
long long domain_fixture_number(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* An access token with these claims, signed; fails the test if it cannot be. */
char *domain_fixture_token(struct domain_fixture *fx, const struct access_claims *claims);

/* Moves the clock of the unit's connection, in seconds from the true time. */
void domain_fixture_clock(struct domain_fixture *fx, long seconds);

#endif
