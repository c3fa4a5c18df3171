/* The rules of presence, on a clock that the tests move. */
#include "domain/presence.h"

#include "domain_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

enum { MINUTE = 60, HOUR = 3600, TICK_MS = 60000 };

static struct beat_row
beat(struct domain_fixture *fx, const struct agent *agent, enum beat_kind kind)
{
    struct beat_row row = { .agent = domain_fixture_id(agent), .kind = kind, .latency_ms = -1 };

    assert_ok(presence_apply(&fx->u, &row, 1, domain_fixture_again(fx)), &fx->err);
    return row;
}

static long
sweep(struct domain_fixture *fx)
{
    long changed = -1;

    assert_ok(presence_sweep(&fx->u, TICK_MS, &changed, domain_fixture_again(fx)), &fx->err);
    return changed;
}

static const struct presence *
presence_of(struct domain_fixture *fx, const struct agent *agent)
{
    const struct agent *now = agents_get(&fx->u, agent->id, domain_fixture_again(fx));

    assert_ok(now != NULL, &fx->err);
    return &now->presence;
}

static long long
count_transitions(const struct agent *agent)
{
    return domain_fixture_number("SELECT count(*) FROM status_transitions WHERE agent_id = '%s'",
                                 agent->id);
}

/* All other agents of the database hold still: each test begins with its own. */
static void
keep_alive(struct domain_fixture *fx, long from, long to)
{
    domain_fixture_clock(fx, from);
    domain_fixture_run(fx, "UPDATE service_state SET up_since = now() - interval '30 days',"
                           " last_alive = roster_now()");
    domain_fixture_run(fx,
                       "UPDATE presence SET open = false WHERE agent_id NOT IN"
                       " (SELECT id FROM agents WHERE org_id = '%s')",
                       fx->by.org_text);
    domain_fixture_clock(fx, to);
    domain_fixture_run(fx, "UPDATE service_state SET last_alive = roster_now()");
}

/* Time 0: "before" happens (-1: nothing, "-2": silence has made it idle); after minutes, "then". */
struct rule {
    int before;
    int minutes;
    int then;
    int state, reason;
    bool changes;
};

enum { NOTHING = -1, TO_IDLE = -2 };

static const struct rule rules[] = {
    { NOTHING, 0, BEAT_ONLINE, PRESENCE_ONLINE, REASON_HEARTBEAT, true },
    { NOTHING, 0, BEAT_OFFLINE, PRESENCE_OFFLINE, REASON_TOLD_OFFLINE, false },
    { NOTHING, 0, BEAT_TRAFFIC, PRESENCE_ONLINE, REASON_TRAFFIC, true },
    { NOTHING, 0, BEAT_PROBE_GOOD, PRESENCE_IDLE, REASON_PROBE_SUCCEEDED, true },
    { NOTHING, 0, BEAT_PROBE_BAD, PRESENCE_OFFLINE, REASON_NEVER_SEEN, false },
    { BEAT_ONLINE, 5, BEAT_ONLINE, PRESENCE_ONLINE, REASON_HEARTBEAT, false },
    { BEAT_ONLINE, 5, BEAT_OFFLINE, PRESENCE_OFFLINE, REASON_TOLD_OFFLINE, true },
    { BEAT_ONLINE, 5, BEAT_TRAFFIC, PRESENCE_ONLINE, REASON_TRAFFIC, false },
    { BEAT_ONLINE, 5, BEAT_PROBE_GOOD, PRESENCE_ONLINE, REASON_HEARTBEAT, false },
    { BEAT_ONLINE, 14, BEAT_PROBE_BAD, PRESENCE_ONLINE, REASON_HEARTBEAT, false },
    { BEAT_ONLINE, 16, BEAT_PROBE_BAD, PRESENCE_OFFLINE, REASON_PROBE_FAILED, true },
    { BEAT_TRAFFIC, 16, BEAT_PROBE_BAD, PRESENCE_OFFLINE, REASON_PROBE_FAILED, true },
    { BEAT_OFFLINE, 5, BEAT_ONLINE, PRESENCE_ONLINE, REASON_HEARTBEAT, true },
    { BEAT_OFFLINE, 5, BEAT_TRAFFIC, PRESENCE_ONLINE, REASON_TRAFFIC, true },
    { BEAT_OFFLINE, 5, BEAT_PROBE_GOOD, PRESENCE_IDLE, REASON_PROBE_SUCCEEDED, true },
    { BEAT_OFFLINE, 5, BEAT_PROBE_BAD, PRESENCE_OFFLINE, REASON_TOLD_OFFLINE, false },
    { TO_IDLE, 0, BEAT_ONLINE, PRESENCE_ONLINE, REASON_HEARTBEAT, true },
    { TO_IDLE, 0, BEAT_OFFLINE, PRESENCE_OFFLINE, REASON_TOLD_OFFLINE, true },
    { TO_IDLE, 0, BEAT_TRAFFIC, PRESENCE_ONLINE, REASON_TRAFFIC, true },
    { TO_IDLE, 0, BEAT_PROBE_GOOD, PRESENCE_IDLE, REASON_SILENCE, false },
    { TO_IDLE, 0, BEAT_PROBE_BAD, PRESENCE_OFFLINE, REASON_PROBE_FAILED, true },
    { BEAT_PROBE_GOOD, 5, BEAT_PROBE_GOOD, PRESENCE_IDLE, REASON_PROBE_SUCCEEDED, false },
    { BEAT_PROBE_GOOD, 5, BEAT_PROBE_BAD, PRESENCE_OFFLINE, REASON_PROBE_FAILED, true },
    { BEAT_PROBE_GOOD, 5, BEAT_TRAFFIC, PRESENCE_ONLINE, REASON_TRAFFIC, true },
};

static void
check_rule(struct domain_fixture *fx, const struct rule *rule)
{
    struct agent *agent = domain_fixture_agent(fx, "x", NULL);
    long at = 0;

    domain_fixture_clock(fx, 0);
    if (rule->before == TO_IDLE) {
        beat(fx, agent, BEAT_ONLINE);
        at = 20 * MINUTE;
        keep_alive(fx, 0, at);
        sweep(fx);
        assert_int_equal(presence_of(fx, agent)->state, PRESENCE_IDLE);
    } else if (rule->before != NOTHING) {
        beat(fx, agent, (enum beat_kind)rule->before);
    }

    const struct presence *was = presence_of(fx, agent);
    long long transitions = count_transitions(agent);
    domain_fixture_clock(fx, at + rule->minutes * MINUTE);
    struct beat_row row = beat(fx, agent, (enum beat_kind)rule->then);
    const struct presence *now = presence_of(fx, agent);
    bool activity = rule->then == BEAT_ONLINE || rule->then == BEAT_TRAFFIC;
    bool heartbeat = rule->then == BEAT_ONLINE || rule->then == BEAT_OFFLINE;
    bool probe = rule->then == BEAT_PROBE_GOOD || rule->then == BEAT_PROBE_BAD;

    assert_true(row.applied);
    assert_int_equal(row.state, rule->state);
    assert_int_equal(now->state, rule->state);
    assert_int_equal(now->reason, rule->reason);
    assert_true((now->since != was->since) == rule->changes);
    assert_true((now->last_activity != was->last_activity) == activity);
    assert_true((now->last_heartbeat != was->last_heartbeat) == heartbeat);
    assert_true((now->last_probe != was->last_probe) == probe);
    assert_int_equal(row.last_heartbeat, now->last_heartbeat);
    assert_int_equal(count_transitions(agent), transitions + (rule->changes ? 1 : 0));
}

static void
each_event_means_what_the_table_says(void **state)
{
    struct domain_fixture *fx = *state;

    for (size_t i = 0; i < COUNT(rules); i++)
        check_rule(fx, &rules[i]);
}

static void
silence_makes_idle_after_15_minutes_and_offline_after_12_hours(void **state)
{
    static const struct {
        long at;
        long changed;
        int state, reason;
    } steps[] = {
        { 14 * MINUTE, 0, PRESENCE_ONLINE, REASON_HEARTBEAT },
        { 15 * MINUTE + 1, 1, PRESENCE_IDLE, REASON_SILENCE },
        { 16 * MINUTE, 0, PRESENCE_IDLE, REASON_SILENCE },
        { 12 * HOUR - 5, 0, PRESENCE_IDLE, REASON_SILENCE },
        { 12 * HOUR + 1, 1, PRESENCE_OFFLINE, REASON_SILENCE },
        { 13 * HOUR, 0, PRESENCE_OFFLINE, REASON_SILENCE },
    };
    struct domain_fixture *fx = *state;
    struct agent *agent = domain_fixture_agent(fx, "x", NULL);
    long before = 0;

    beat(fx, agent, BEAT_ONLINE);
    const struct presence *online = presence_of(fx, agent);
    assert_int_equal(online->next_due, online->last_activity + 15 * MINUTE * 1000);
    assert_int_equal(online->becomes, PRESENCE_IDLE);
    for (size_t i = 0; i < COUNT(steps); i++) {
        keep_alive(fx, before, steps[i].at);
        assert_int_equal(sweep(fx), steps[i].changed);
        const struct presence *now = presence_of(fx, agent);
        assert_int_equal(now->state, steps[i].state);
        assert_int_equal(now->reason, steps[i].reason);
        if (now->state == PRESENCE_IDLE)
            assert_int_equal(now->next_due, now->last_activity + 12LL * HOUR * 1000);
        before = steps[i].at;
    }
    assert_int_equal(count_transitions(agent), 3);
}

static void
an_agent_known_from_probes_stays_idle_while_they_succeed(void **state)
{
    struct domain_fixture *fx = *state;
    struct agent *agent = domain_fixture_agent(fx, "x", "https://example.com/");

    beat(fx, agent, BEAT_PROBE_GOOD);
    domain_fixture_clock(fx, 11 * HOUR);
    beat(fx, agent, BEAT_PROBE_GOOD);
    keep_alive(fx, 11 * HOUR, 13 * HOUR);
    assert_int_equal(sweep(fx), 0);
    keep_alive(fx, 13 * HOUR, 23 * HOUR + 1);
    assert_int_equal(sweep(fx), 1);
    assert_int_equal(presence_of(fx, agent)->state, PRESENCE_OFFLINE);
}

static void
a_restart_after_a_long_gap_changes_nobody(void **state)
{
    struct domain_fixture *fx = *state;
    struct agent *agent = domain_fixture_agent(fx, "x", NULL);

    keep_alive(fx, 0, 0);
    beat(fx, agent, BEAT_ONLINE);
    sweep(fx);
    /* Nobody was up for three days. */
    domain_fixture_clock(fx, 72 * HOUR);
    assert_int_equal(sweep(fx), 0);
    assert_int_equal(presence_of(fx, agent)->state, PRESENCE_ONLINE);
    domain_fixture_clock(fx, 72 * HOUR + MINUTE);
    assert_int_equal(sweep(fx), 0);
    /* From then on silence counts again. */
    domain_fixture_run(fx, "UPDATE service_state SET last_alive = roster_now()"
                           " + interval '15 minutes'");
    domain_fixture_clock(fx, 72 * HOUR + 16 * MINUTE);
    assert_int_equal(sweep(fx), 1);
    assert_int_equal(presence_of(fx, agent)->state, PRESENCE_IDLE);
}

static void
a_short_gap_is_no_gap(void **state)
{
    struct domain_fixture *fx = *state;
    struct agent *agent = domain_fixture_agent(fx, "x", NULL);

    beat(fx, agent, BEAT_ONLINE);
    keep_alive(fx, 0, 20 * MINUTE);
    domain_fixture_clock(fx, 20 * MINUTE + 170);
    assert_int_equal(sweep(fx), 1);
}

static void
unknown_agents_and_those_not_active_come_back_unapplied(void **state)
{
    struct domain_fixture *fx = *state;
    struct agent *good = domain_fixture_agent(fx, "good", NULL);
    struct agent *gone = domain_fixture_agent(fx, "gone", NULL);
    struct agent *old = domain_fixture_agent(fx, "old", NULL);
    struct beat_row rows[4] = { { .kind = BEAT_ONLINE }, { .kind = BEAT_ONLINE } };

    assert_ok(agents_delete(&fx->u, gone->id, -1, &fx->err), &fx->err);
    assert_non_null(agents_archive(&fx->u, old->id, -1, &fx->err));
    rows[0].agent = domain_fixture_id(gone);
    rows[1].agent = domain_fixture_id(old);
    rows[2] = (struct beat_row){ .agent = domain_fixture_id(good), .kind = BEAT_ONLINE };
    rows[3] = (struct beat_row){ .agent = ids_uuid_new(), .kind = BEAT_PROBE_GOOD };
    assert_ok(presence_apply(&fx->u, rows, 4, &fx->err), &fx->err);
    for (int i = 0; i < 4; i++) {
        struct uuid id = domain_fixture_id(good);

        assert_true(rows[i].applied == (memcmp(&rows[i].agent, &id, sizeof id) == 0));
        assert_true(i == 0 || memcmp(&rows[i - 1].agent, &rows[i].agent, sizeof id) < 0);
    }
    assert_int_equal(presence_of(fx, old)->reason, REASON_ARCHIVED);
    assert_ok(presence_apply(&fx->u, rows, 0, &fx->err), &fx->err);
}

static void
only_a_sign_of_life_ends_never_having_been_seen(void **state)
{
    static const struct {
        enum beat_kind kind;
        bool is_sign;
    } cases[] = {
        { BEAT_PROBE_BAD, false }, { BEAT_OFFLINE, true },    { BEAT_ONLINE, true },
        { BEAT_TRAFFIC, true },    { BEAT_PROBE_GOOD, true },
    };
    struct domain_fixture *fx = *state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct agent *agent = domain_fixture_agent(fx, "x", NULL);
        struct uuid id = domain_fixture_id(agent);
        struct cached_agent *cached = agents_load(&fx->u, &id, &fx->err);

        assert_ok(cached != NULL, &fx->err);
        assert_true(cached->never_seen);
        beat(fx, agent, cases[i].kind);
        assert_true(cached->never_seen == !cases[i].is_sign);
        assert_int_equal(
            domain_fixture_number("SELECT count(*) FROM cache_hints WHERE id = '%s'", agent->id),
            cases[i].is_sign);
        cache_done_agent(cached);
    }
}

static void
a_transition_tells_of_the_probe_that_made_it(void **state)
{
    struct domain_fixture *fx = *state;
    struct agent *agent = domain_fixture_agent(fx, "Named", NULL);
    struct beat_row row = { .agent = domain_fixture_id(agent),
                            .kind = BEAT_PROBE_BAD,
                            .http_status = 503,
                            .latency_ms = 17,
                            .error = "answered 503" };

    beat(fx, agent, BEAT_PROBE_GOOD);
    assert_ok(presence_apply(&fx->u, &row, 1, &fx->err), &fx->err);
    struct transition_filter filter = { .agent_id = agent->id, .new_state = -1, .limit = 1 };
    struct page *page = presence_transitions(&fx->u, &filter, &fx->err);
    assert_ok(page != NULL, &fx->err);
    assert_int_equal(page->data.n, 1);
    assert_true(page->has_more);
    const struct transition *latest = page->data.v[0];
    assert_string_equal(latest->agent_name, "Named");
    assert_int_equal(latest->old_state, PRESENCE_IDLE);
    assert_int_equal(latest->new_state, PRESENCE_OFFLINE);
    assert_int_equal(latest->http_status, 503);
    assert_int_equal(latest->latency_ms, 17);
    assert_string_equal(latest->error, "answered 503");

    filter.cursor = page->next;
    page = presence_transitions(&fx->u, &filter, &fx->err);
    assert_ok(page != NULL, &fx->err);
    assert_int_equal(page->data.n, 1);
    assert_false(page->has_more);
    const struct transition *first = page->data.v[0];
    assert_int_equal(first->new_state, PRESENCE_IDLE);
    assert_int_equal(first->latency_ms, -1);

    filter = (struct transition_filter){ .new_state = PRESENCE_OFFLINE, .limit = 9 };
    page = presence_transitions(&fx->u, &filter, &fx->err);
    assert_int_equal(page->data.n, 1);
    filter = (struct transition_filter){ .new_state = -1, .until = first->at, .limit = 9 };
    page = presence_transitions(&fx->u, &filter, &fx->err);
    assert_int_equal(page->data.n, 0);
    struct caller stranger = domain_fixture_stranger(fx);
    fx->u.by = &stranger;
    filter = (struct transition_filter){ .agent_id = agent->id, .new_state = -1, .limit = 9 };
    page = presence_transitions(&fx->u, &filter, &fx->err);
    assert_int_equal(page->data.n, 0);
    filter.agent_id = "nonsense";
    assert_null(presence_transitions(&fx->u, &filter, &fx->err));
    assert_string_equal(fx->err.field, "agent_id");
}

static void
a_batch_of_news_and_of_none_is_applied_to_all(void **state)
{
    struct domain_fixture *fx = *state;
    struct agent *agents[4];
    struct beat_row rows[4] = { { .kind = BEAT_ONLINE },
                                { .kind = BEAT_OFFLINE },
                                { .kind = BEAT_ONLINE },
                                { .kind = BEAT_PROBE_GOOD } };

    for (int i = 0; i < 4; i++) {
        agents[i] = domain_fixture_agent(fx, "x", NULL);
        rows[i].agent = domain_fixture_id(agents[i]);
        if (i < 2)
            beat(fx, agents[i], BEAT_ONLINE);
    }
    assert_ok(presence_apply(&fx->u, rows, 4, &fx->err), &fx->err);
    for (int i = 0; i < 4; i++)
        assert_true(rows[i].applied);
    assert_int_equal(presence_of(fx, agents[0])->state, PRESENCE_ONLINE);
    assert_int_equal(presence_of(fx, agents[1])->state, PRESENCE_OFFLINE);
    assert_int_equal(presence_of(fx, agents[2])->state, PRESENCE_ONLINE);
    assert_int_equal(presence_of(fx, agents[3])->state, PRESENCE_IDLE);
}

static long long
count_updates(struct domain_fixture *fx, const char *counter)
{
    domain_fixture_run(fx, "SELECT pg_stat_force_next_flush()");
    return domain_fixture_number("SELECT %s FROM pg_stat_user_tables WHERE relname = 'presence'",
                                 counter);
}

static void
heartbeats_never_touch_an_index(void **state)
{
    enum { N = 200, TIMES = 20 };
    struct domain_fixture *fx = *state;
    struct beat_row rows[N];

    for (int i = 0; i < N; i++)
        rows[i] =
            (struct beat_row){ .agent = domain_fixture_id(domain_fixture_agent(fx, "x", NULL)),
                               .kind = BEAT_ONLINE };
    long long updates = count_updates(fx, "n_tup_upd"), hot = count_updates(fx, "n_tup_hot_upd");
    for (int i = 0; i < TIMES; i++)
        assert_ok(presence_apply(&fx->u, rows, N, &fx->err), &fx->err);
    updates = count_updates(fx, "n_tup_upd") - updates;
    hot = count_updates(fx, "n_tup_hot_upd") - hot;
    assert_true(updates >= N * TIMES);
    /* A page that is full for a moment costs a few; an index on what changes would cost all. */
    assert_true(hot * 100 >= updates * 95);
    assert_int_equal(domain_fixture_number("SELECT count(*) FROM pg_index"
                                           " WHERE indrelid = 'presence'::regclass"),
                     1);
}

static void
endpoints_are_due_once_a_minute_and_only_of_active_agents(void **state)
{
    struct domain_fixture *fx = *state;
    struct agent *agent = domain_fixture_agent(fx, "x", "https://example.com/a");
    struct agent *archived = domain_fixture_agent(fx, "y", "https://example.com/b");
    struct agent *silent = domain_fixture_agent(fx, "z", NULL);
    int met = 0;

    assert_non_null(agents_archive(&fx->u, archived->id, -1, &fx->err));
    /* Rows of other tests are sealed with other keys: they are logged and left out. */
    domain_fixture_run(fx, "DELETE FROM agents WHERE org_id <> '%s'", fx->by.org_text);
    for (int slot = 0; slot < 60; slot++) {
        struct list targets;

        assert_ok(presence_due(&fx->u, slot, &targets, &fx->err), &fx->err);
        for (size_t i = 0; i < targets.n; i++) {
            const struct probe_target *target = targets.v[i];
            struct uuid id = domain_fixture_id(agent);

            assert_memory_equal(&target->agent, &id, sizeof id);
            assert_string_equal(target->url, "https://example.com/a");
            met++;
        }
    }
    assert_int_equal(met, 1);
    assert_non_null(silent);
}

static void
the_turns_of_endpoints_are_of_much_the_same_size(void **state)
{
    enum { N = 12000, MEAN = N / 60 };
    struct domain_fixture *fx = *state;

    domain_fixture_run(fx,
                       "INSERT INTO agents (id, permanent_id, org_id, name, token_hash, token_hint)"
                       " SELECT gen_random_uuid(), 'agt-' || md5('%s' || n), '%s', 'x',"
                       " sha256(convert_to('%s' || n, 'UTF8')), '' FROM generate_series(1, %d) n",
                       fx->by.org_text, fx->by.org_text, fx->by.org_text, (int)N);
    for (int slot = 0; slot < 60; slot++) {
        long long n = domain_fixture_number("SELECT count(*) FROM agents WHERE org_id = '%s'"
                                            " AND probe_slot = %d",
                                            fx->by.org_text, slot);

        assert_in_range(n, MEAN * 6 / 10, MEAN * 14 / 10); /* 5.6 standard deviations */
    }
}

static void
one_damaged_endpoint_does_not_hide_the_others(void **state)
{
    struct domain_fixture *fx = *state;
    struct agent *good = domain_fixture_agent(fx, "x", "https://example.com/a");
    struct agent *bad = domain_fixture_agent(fx, "y", "https://example.com/b");
    struct list targets;

    domain_fixture_run(fx, "DELETE FROM agents WHERE org_id <> '%s'", fx->by.org_text);
    domain_fixture_run(fx, "UPDATE agents SET probe_slot = 7");
    domain_fixture_run(fx, "UPDATE agents SET endpoint_url_sealed = 'x' WHERE id = '%s'", bad->id);
    assert_ok(presence_due(&fx->u, 7, &targets, &fx->err), &fx->err);
    assert_int_equal(targets.n, 1);
    struct uuid id = domain_fixture_id(good);
    assert_memory_equal(&((struct probe_target *)targets.v[0])->agent, &id, sizeof id);
}

static void
counting_tells_the_never_seen_from_the_lost(void **state)
{
    struct domain_fixture *fx = *state;
    struct presence_counts counts;

    domain_fixture_run(fx, "DELETE FROM agents");
    beat(fx, domain_fixture_agent(fx, "a", NULL), BEAT_ONLINE);
    beat(fx, domain_fixture_agent(fx, "b", NULL), BEAT_PROBE_GOOD);
    beat(fx, domain_fixture_agent(fx, "c", NULL), BEAT_OFFLINE);
    domain_fixture_agent(fx, "d", NULL);
    domain_fixture_agent(fx, "e", NULL);
    struct agent *gone = domain_fixture_agent(fx, "f", NULL);
    assert_non_null(agents_archive(&fx->u, gone->id, -1, &fx->err));
    assert_ok(presence_count(&fx->u, &counts, &fx->err), &fx->err);
    assert_int_equal(counts.online, 1);
    assert_int_equal(counts.idle, 1);
    assert_int_equal(counts.offline, 1);
    assert_int_equal(counts.never_seen, 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        domain_test(each_event_means_what_the_table_says),
        domain_test(silence_makes_idle_after_15_minutes_and_offline_after_12_hours),
        domain_test(an_agent_known_from_probes_stays_idle_while_they_succeed),
        domain_test(a_restart_after_a_long_gap_changes_nobody),
        domain_test(a_short_gap_is_no_gap),
        domain_test(unknown_agents_and_those_not_active_come_back_unapplied),
        domain_test(only_a_sign_of_life_ends_never_having_been_seen),
        domain_test(a_transition_tells_of_the_probe_that_made_it),
        domain_test(a_batch_of_news_and_of_none_is_applied_to_all),
        domain_test(heartbeats_never_touch_an_index),
        domain_test(endpoints_are_due_once_a_minute_and_only_of_active_agents),
        domain_test(the_turns_of_endpoints_are_of_much_the_same_size),
        domain_test(one_damaged_endpoint_does_not_hide_the_others),
        domain_test(counting_tells_the_never_seen_from_the_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
