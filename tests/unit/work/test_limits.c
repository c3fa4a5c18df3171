/* Which requests share a limit, and how an organization's grows with its agents. */
#include "work/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

static struct service service;

static int
make_service(void **state)
{
    (void)state;
    memset(&service, 0, sizeof service);
    service.limiter = limiter_new(1024);
    service.orgs = org_counts_new();
    service.limits.enabled = true;
    service.limits.runtime = 3;
    service.limits.account_least = 5;
    service.limits.account_per_agent = 4;
    service.limits.heartbeat = 2;
    service.limits.self = 1;
    service.limits.owner = 4;
    service.limits.verify = 3;
    service.limits.bad_token = 2;
    service.limits.client = 2;
    service.limits.public = 3;
    return 0;
}

static int
drop_service(void **state)
{
    (void)state;
    limiter_free(service.limiter);
    org_counts_free(service.orgs);
    return 0;
}

static const struct route runtime = { .limit = LIMIT_RUNTIME };
static const struct route heartbeat = { .limit = LIMIT_HEARTBEAT };
static const struct route self = { .limit = LIMIT_SELF };
static const struct route owner = { .limit = LIMIT_OWNER };
static const struct route verify = { .limit = LIMIT_VERIFY };
static const struct route public = { .limit = LIMIT_PUBLIC };
static const struct route unlimited = { .limit = LIMIT_NONE };

/* How many of n requests are let through. */
static int
let_through(const struct route *route, unsigned char caller, const char *address, int n)
{
    struct request rq = { .route = route };
    int through = 0;

    rq.caller.id.b[0] = caller;
    rq.caller.org.b[0] = 7;
    memcpy(rq.client_ip, address, strlen(address) + 1);
    for (int i = 0; i < n; i++) {
        struct err err = { 0 };

        if (limits_take(&service, &rq, &err)) {
            through++;
        } else {
            assert_int_equal(err.code, ERR_RATE_LIMITED);
            assert_in_range(err.retry_after, 1, 60);
        }
    }
    return through;
}

static void
counts_calls_by_agent_and_address_and_all_of_an_organization(void **state)
{
    (void)state;
    assert_int_equal(let_through(&runtime, 1, "192.0.2.1", 9), 3);
    /* Another address of the same agent has a count of its own, within the organization's five. */
    assert_int_equal(let_through(&runtime, 1, "192.0.2.2", 9), 2);
    assert_int_equal(let_through(&runtime, 2, "192.0.2.3", 9), 0);
}

static void
an_organizations_limit_grows_with_its_agents(void **state)
{
    struct org_agents counted = { .agents = 2 };
    void *rows[] = { &counted };

    (void)state;
    counted.org.b[0] = 7;
    org_counts_set(service.orgs, &(struct list){ rows, 1 });
    assert_int_equal(org_counts_get(service.orgs, &counted.org), 2);
    assert_int_equal(let_through(&runtime, 1, "192.0.2.1", 3), 3);
    assert_int_equal(let_through(&runtime, 2, "192.0.2.1", 3), 3);
    assert_int_equal(let_through(&runtime, 3, "192.0.2.1", 3), 2);
    org_counts_set(service.orgs, &(struct list){ NULL, 0 });
    assert_int_equal(org_counts_get(service.orgs, &counted.org), 0);
}

static void
heartbeats_reads_owners_and_verifications_have_counts_of_their_own(void **state)
{
    (void)state;
    assert_int_equal(let_through(&runtime, 1, "192.0.2.1", 9), 3);
    assert_int_equal(let_through(&heartbeat, 1, "192.0.2.1", 9), 2);
    assert_int_equal(let_through(&self, 1, "192.0.2.1", 9), 1);
    assert_int_equal(let_through(&owner, 1, "192.0.2.1", 9), 4);
    assert_int_equal(let_through(&verify, 1, "192.0.2.1", 9), 3);
    assert_int_equal(let_through(&unlimited, 1, "192.0.2.1", 99), 99);
}

/* Whether a request of a client that calls itself id is let through, and then once more because it
 * has proved itself; what is left goes to *left. */
static bool
take_client(const char *id, const char *address, bool proved, long long *left)
{
    static const struct route token = { .limit = LIMIT_CLIENT };
    struct request rq = { .route = &token, .client = { .id = id } };
    struct err err = { 0 };

    memcpy(rq.client_ip, address, strlen(address) + 1);
    bool good =
        limits_take(&service, &rq, &err) && (!proved || limits_take_proved(&service, &rq, &err));
    assert_int_equal(err.code, good ? ERR_NONE : ERR_RATE_LIMITED);
    assert_int_equal(rq.rate.limit, 2);
    assert_true(rq.rate.reset_s > 0);
    *left = rq.rate.remaining;
    return good;
}

static const char one[] = "0b5f3f5e-6d1c-4f0e-9a57-0c1f2d3e4b5a";
static const char same[] = "0B5F3F5E-6D1C-4F0E-9A57-0C1F2D3E4B5A";
static const char other[] = "0b5f3f5e-6d1c-4f0e-9a57-0c1f2d3e4b5b";

static void
those_who_have_not_proved_themselves_are_counted_by_id_and_address(void **state)
{
    long long left;

    (void)state;
    assert_true(take_client(one, "192.0.2.1", false, &left));
    assert_int_equal(left, 1);
    assert_true(take_client(same, "192.0.2.1", false, &left));
    assert_int_equal(left, 0);
    assert_false(take_client(one, "192.0.2.1", false, &left));
    assert_int_equal(left, 0);
    assert_true(take_client(one, "192.0.2.2", true, &left));
    assert_int_equal(left, 1);
    assert_true(take_client(other, "192.0.2.1", false, &left));
    assert_true(take_client(NULL, "192.0.2.1", false, &left));
    assert_true(take_client("no id", "192.0.2.1", false, &left));
    assert_false(take_client("another", "192.0.2.1", false, &left));
    assert_true(take_client("another", "192.0.2.4", false, &left));
}

static void
a_proved_client_is_counted_wherever_it_calls_from(void **state)
{
    long long left;

    (void)state;
    assert_true(take_client(one, "192.0.2.1", true, &left));
    assert_int_equal(left, 1);
    assert_true(take_client(same, "192.0.2.2", true, &left));
    assert_int_equal(left, 0);
    assert_false(take_client(one, "192.0.2.3", true, &left));
    assert_int_equal(left, 0);
    assert_true(take_client(other, "192.0.2.3", true, &left));
    assert_true(take_client(other, "192.0.2.4", false, &left));
    assert_true(take_client(other, "192.0.2.4", true, &left));
    assert_int_equal(left, 0);
}

static void
what_anyone_may_read_is_counted_by_address(void **state)
{
    (void)state;
    assert_int_equal(let_through(&public, 0, "192.0.2.1", 9), 3);
    assert_int_equal(let_through(&public, 1, "192.0.2.1", 9), 0);
    assert_int_equal(let_through(&public, 0, "192.0.2.2", 9), 3);
    assert_int_equal(let_through(&owner, 0, "192.0.2.1", 9), 4);
}

static void
nothing_is_limited_when_limits_are_off(void **state)
{
    (void)state;
    service.limits.enabled = false;
    assert_int_equal(let_through(&self, 1, "192.0.2.1", 99), 99);
}

static void
too_many_refused_credentials_of_one_address_are_a_limit_too(void **state)
{
    struct request rq = { .route = &self };

    (void)state;
    memcpy(rq.client_ip, "192.0.2.9", 10);
    for (int i = 0; i < 4; i++) {
        struct err err = { 0 };

        err_set(&err, ERR_UNAUTHORIZED, NULL, NULL);
        assert_int_equal(limits_take_refusal(&service, &rq, &err), i < 2);
        assert_int_equal(err.code, i < 2 ? ERR_UNAUTHORIZED : ERR_RATE_LIMITED);
    }
    /* Other refusals are not counted. */
    struct err err = { 0 };
    err_set(&err, ERR_FORBIDDEN, NULL, NULL);
    assert_true(limits_take_refusal(&service, &rq, &err));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            those_who_have_not_proved_themselves_are_counted_by_id_and_address, make_service,
            drop_service),
        cmocka_unit_test_setup_teardown(a_proved_client_is_counted_wherever_it_calls_from,
                                        make_service, drop_service),
        cmocka_unit_test_setup_teardown(
            counts_calls_by_agent_and_address_and_all_of_an_organization, make_service,
            drop_service),
        cmocka_unit_test_setup_teardown(an_organizations_limit_grows_with_its_agents, make_service,
                                        drop_service),
        cmocka_unit_test_setup_teardown(
            heartbeats_reads_owners_and_verifications_have_counts_of_their_own, make_service,
            drop_service),
        cmocka_unit_test_setup_teardown(what_anyone_may_read_is_counted_by_address, make_service,
                                        drop_service),
        cmocka_unit_test_setup_teardown(nothing_is_limited_when_limits_are_off, make_service,
                                        drop_service),
        cmocka_unit_test_setup_teardown(too_many_refused_credentials_of_one_address_are_a_limit_too,
                                        make_service, drop_service),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
