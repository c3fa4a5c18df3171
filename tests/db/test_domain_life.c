/* Tokens, life and deletion of agents, and how the caches learn of it. */
#include "domain/agents.h"

#include "crypto/token.h"
#include "domain/keys.h"
#include "domain/links.h"
#include "domain/presence.h"
#include "domain_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

static struct digest
hash_of(const char *token)
{
    struct digest hash = { { 0 } };

    assert_int_equal(token_read(token, strlen(token), &hash), TOKEN_AGENT);
    return hash;
}

/* What a loop does with a token: the cache, then the database. */
static struct cached_agent *
look_up(struct domain_fixture *fx, const char *token)
{
    struct digest hash = hash_of(token);
    struct cached_agent *agent = cache_agent_by_token(fx->core.cache, &hash);

    if (agent == NULL)
        agent = agents_load_by_token(&fx->u, &hash, domain_fixture_again(fx));
    assert_int_equal(fx->err.code, ERR_NONE);
    return agent;
}

static void
a_token_leads_to_its_agent_and_no_other_text_does(void **state)
{
    struct domain_fixture *fx = *state;
    struct agent_draft draft = agents_draft_defaults;
    draft.name = "x";
    draft.endpoint_url = "https://example.com:8443/a?b=c";
    draft.endpoint_api_key = "the key";
    draft.fallback_agent_id = domain_fixture_agent(fx, "Stand-in", NULL)->id;
    struct agent *agent = agents_register(&fx->u, &draft, &fx->err);
    assert_ok(agent != NULL, &fx->err);

    struct cached_agent *cached = look_up(fx, agent->token);
    assert_non_null(cached);
    assert_string_equal(cached->id_text, agent->id);
    assert_string_equal(cached->org_text, fx->by.org_text);
    assert_string_equal(cached->permanent_id, agent->permanent_id);
    assert_int_equal(cached->life, LIFE_ACTIVE);
    assert_int_equal(cached->state, PRESENCE_OFFLINE);
    assert_true(cached->has_endpoint && cached->has_fallback);
    assert_string_equal(cached->endpoint->host, "example.com");
    assert_int_equal(cached->endpoint->port, 8443);
    assert_string_equal(cached->key_header, "Authorization");
    const struct secret *key = agents_credential(&fx->core, cached, &fx->err);
    assert_ok(key != NULL, &fx->err);
    assert_string_equal(secret_bytes(key), "Bearer the key");
    assert_ptr_equal(agents_credential(&fx->core, cached, &fx->err), key);

    struct digest hash = hash_of(agent->token);
    struct cached_agent *again = cache_agent_by_token(fx->core.cache, &hash);
    assert_ptr_equal(again, cached);
    hash.b[31] ^= 1;
    assert_null(cache_agent_by_token(fx->core.cache, &hash));
    assert_null(agents_load_by_token(&fx->u, &hash, &fx->err));
    assert_int_equal(fx->err.code, ERR_NONE);
    cache_done_agent(again);
    cache_done_agent(cached);
}

static void
an_endpoint_that_is_prohibited_by_now_is_there_but_cannot_be_dialled(void **state)
{
    struct domain_fixture *fx = *state;

    assert_true(guard_read(&fx->guard, "127.0.0.0/8", true, &fx->err));
    struct uuid id = domain_fixture_id(domain_fixture_agent(fx, "Local", "http://127.0.0.1/"));
    fx->guard = (struct guard){ 0 };
    struct cached_agent *cached = agents_load(&fx->u, &id, &fx->err);
    assert_ok(cached != NULL, &fx->err);
    assert_true(cached->has_endpoint);
    assert_null(cached->endpoint);
    cache_done_agent(cached);
}

static void
a_rotated_token_is_refused_at_once(void **state)
{
    struct domain_fixture *fx = *state;
    struct agent *agent = domain_fixture_agent(fx, "x", NULL);

    cache_done_agent(look_up(fx, agent->token));
    struct agent *rotated = agents_rotate_token(&fx->u, agent->id, 1, &fx->err);
    assert_ok(rotated != NULL, &fx->err);
    assert_string_not_equal(rotated->token, agent->token);
    assert_string_equal(rotated->token + 63, rotated->token_hint);
    assert_int_equal(rotated->row_version, 2);
    assert_null(look_up(fx, agent->token));
    struct cached_agent *cached = look_up(fx, rotated->token);
    assert_non_null(cached);
    cache_done_agent(cached);
}

typedef struct agent *step_fn(struct unit *u, const char *ref, int64_t if_match, struct err *err);

static void
life_goes_only_where_it_may(void **state)
{
    static step_fn *const steps[] = { agents_revoke, agents_archive, agents_restore };
    /* From a life (in the order of enum agent_life), what each step leads to; -1: AGENT_STATE. */
    static const int after[4][3] = {
        { LIFE_REVOKED, LIFE_ARCHIVED, LIFE_ACTIVE },
        { -1, LIFE_ARCHIVED, LIFE_ACTIVE },
        { LIFE_REVOKED, -1, -1 },
        { -1, -1, -1 },
    };
    struct domain_fixture *fx = *state;

    for (int life = 0; life < 4; life++)
        for (size_t i = 0; i < COUNT(steps); i++) {
            struct agent *agent = domain_fixture_agent(fx, "x", NULL);

            domain_fixture_run(fx, "UPDATE agents SET life = %d WHERE id = '%s'", life, agent->id);
            struct agent *now = steps[i](&fx->u, agent->id, -1, domain_fixture_again(fx));
            if (after[life][i] == -1) {
                assert_null(now);
                assert_int_equal(fx->err.code, ERR_AGENT_STATE);
                continue;
            }
            assert_ok(now != NULL, &fx->err);
            assert_int_equal(now->life, after[life][i]);
            assert_int_equal(now->row_version, after[life][i] == life ? 1 : 2);
            assert_true(now->is_revoked == (now->life == LIFE_REVOKED));
            assert_true(now->is_archived == (now->life == LIFE_ARCHIVED));
        }
}

static bool
beat(struct domain_fixture *fx, const struct agent *agent, enum beat_kind kind)
{
    struct beat_row row = { .agent = domain_fixture_id(agent), .kind = kind, .latency_ms = -1 };

    assert_ok(presence_apply(&fx->u, &row, 1, domain_fixture_again(fx)), &fx->err);
    return row.applied;
}

static void
an_archived_agent_is_offline_for_a_reason_and_deaf_until_restored(void **state)
{
    struct domain_fixture *fx = *state;
    struct agent *agent = domain_fixture_agent(fx, "x", NULL);

    assert_true(beat(fx, agent, BEAT_ONLINE));
    agent = agents_archive(&fx->u, agent->id, -1, &fx->err);
    assert_ok(agent != NULL, &fx->err);
    agent = agents_get(&fx->u, agent->id, &fx->err);
    assert_int_equal(agent->presence.state, PRESENCE_OFFLINE);
    assert_int_equal(agent->presence.reason, REASON_ARCHIVED);
    assert_int_equal(domain_fixture_number("SELECT count(*) FROM status_transitions"
                                           " WHERE agent_id = '%s' AND old_state = 0"
                                           " AND new_state = 2 AND reason = %d",
                                           agent->id, REASON_ARCHIVED),
                     1);
    assert_false(beat(fx, agent, BEAT_ONLINE));
    assert_non_null(agents_restore(&fx->u, agent->id, -1, &fx->err));
    assert_true(beat(fx, agent, BEAT_ONLINE));
}

static void
an_agent_that_was_never_seen_is_so_again_after_restoring(void **state)
{
    struct domain_fixture *fx = *state;
    struct agent *agent = domain_fixture_agent(fx, "x", NULL);

    agent = agents_archive(&fx->u, agent->id, -1, &fx->err);
    assert_ok(agent != NULL, &fx->err);
    assert_int_equal(agents_get(&fx->u, agent->id, &fx->err)->presence.reason, REASON_ARCHIVED);
    assert_non_null(agents_restore(&fx->u, agent->id, -1, &fx->err));
    assert_int_equal(agents_get(&fx->u, agent->id, &fx->err)->presence.reason, REASON_NEVER_SEEN);
    assert_int_equal(
        domain_fixture_number("SELECT count(*) FROM status_transitions WHERE agent_id = '%s'",
                              agent->id),
        0);
}

static void
a_revoked_agent_keeps_its_token_row_but_gets_no_new_one(void **state)
{
    struct domain_fixture *fx = *state;
    struct agent *agent = domain_fixture_agent(fx, "x", NULL);

    assert_null(agents_revoke(&fx->u, agent->id, 9, domain_fixture_again(fx)));
    assert_int_equal(fx->err.code, ERR_PRECONDITION_FAILED);
    assert_non_null(agents_revoke(&fx->u, agent->id, 1, domain_fixture_again(fx)));
    assert_null(agents_rotate_token(&fx->u, agent->id, -1, domain_fixture_again(fx)));
    assert_int_equal(fx->err.code, ERR_AGENT_STATE);
    /* Its token still names it, so that the refusal can say why. */
    struct cached_agent *cached = look_up(fx, agent->token);
    assert_non_null(cached);
    assert_int_equal(cached->life, LIFE_REVOKED);
    cache_done_agent(cached);
}

static void
deleting_takes_connections_along_and_leaves_the_records(void **state)
{
    struct domain_fixture *fx = *state;
    struct agent *agent = domain_fixture_agent(fx, "x", NULL);
    struct agent *other = domain_fixture_agent(fx, "y", NULL);
    struct connection_draft draft = { .source_agent_id = agent->id,
                                      .target_agent_id = other->permanent_id };
    struct connection *link = links_create(&fx->u, &draft, &fx->err);
    assert_ok(link != NULL, &fx->err);
    struct uuid id;
    assert_true(ids_uuid_read(link->id, &id));
    struct cached_connection *cached = links_load(&fx->u, &id, &fx->err);
    assert_ok(cached != NULL, &fx->err);
    cache_done_connection(cached);
    cache_done_agent(look_up(fx, agent->token));
    assert_true(beat(fx, agent, BEAT_ONLINE));

    assert_false(agents_delete(&fx->u, agent->id, 5, domain_fixture_again(fx)));
    assert_int_equal(fx->err.code, ERR_PRECONDITION_FAILED);
    assert_ok(agents_delete(&fx->u, agent->id, 1, domain_fixture_again(fx)), &fx->err);
    assert_null(look_up(fx, agent->token));
    assert_null(cache_connection(fx->core.cache, &id));
    assert_null(links_get(&fx->u, link->id, domain_fixture_again(fx)));
    assert_int_equal(fx->err.code, ERR_CONNECTION_NOT_FOUND);
    assert_false(beat(fx, agent, BEAT_ONLINE));

    struct transition_filter filter = { .agent_id = agent->permanent_id,
                                        .new_state = -1,
                                        .limit = 5 };
    struct page *page = presence_transitions(&fx->u, &filter, domain_fixture_again(fx));
    assert_ok(page != NULL, &fx->err);
    assert_int_equal(page->data.n, 1);
    const struct transition *row = page->data.v[0];
    assert_string_equal(row->agent_id, agent->id);
    assert_string_equal(row->permanent_id, agent->permanent_id);
    assert_null(row->agent_name);
}

static bool
rename_it(void *arg, struct agent_draft *draft, struct err *err)
{
    (void)err;
    draft->name = arg;
    return true;
}

static void
another_node_forgets_with_the_next_hints(void **state)
{
    struct domain_fixture *fx = *state;
    struct agent *agent = domain_fixture_agent(fx, "x", NULL);
    struct uuid id = domain_fixture_id(agent);
    char name[] = "renamed";
    struct core other = { .keys = fx->keys, .guard = &fx->guard };
    struct unit there = { &other, db_fixture_another(5000), fx->u.mem, NULL, "req_there" };

    other.cache = cache_new(&(struct cache_limits){ 100, 100, 100, 100 });
    assert_ok(keys_apply_hints(&there, &fx->err), &fx->err);
    assert_true(cache_fresh(other.cache) > 0);
    cache_done_agent(agents_load(&there, &id, &fx->err));
    assert_int_equal(cache_counts(other.cache).agents, 1);
    assert_ok(keys_apply_hints(&there, &fx->err), &fx->err);
    assert_int_equal(cache_counts(other.cache).agents, 1);

    /* A hint whose transaction commits after a later one was read is not missed. */
    struct db_tx *tx = db_begin(fx->u.db, &fx->err);
    assert_non_null(agents_edit(&fx->u, agent->id, -1, rename_it, name, &fx->err));
    struct db *third = db_fixture_another(5000);
    assert_true(db_run(third,
                       "INSERT INTO cache_hints (kind, id) VALUES"
                       " (1, '00000000-0000-4000-8000-000000000009')",
                       &fx->err));
    db_close(third);
    assert_ok(keys_apply_hints(&there, &fx->err), &fx->err);
    assert_int_equal(cache_counts(other.cache).agents, 1);
    assert_ok(db_commit(tx, &fx->err), &fx->err);
    assert_ok(keys_apply_hints(&there, &fx->err), &fx->err);
    assert_int_equal(cache_counts(other.cache).agents, 0);

    /* A change of presence tells the others, and not the node that made it. */
    assert_ok(keys_apply_hints(&fx->u, &fx->err), &fx->err);
    cache_done_agent(agents_load(&there, &id, &fx->err));
    cache_done_agent(agents_load(&fx->u, &id, &fx->err));
    assert_true(beat(fx, agent, BEAT_ONLINE));
    assert_ok(keys_apply_hints(&fx->u, &fx->err), &fx->err);
    assert_ok(keys_apply_hints(&there, &fx->err), &fx->err);
    assert_int_equal(cache_counts(other.cache).agents, 0);
    struct cached_agent *mine = cache_agent(fx->core.cache, &id);
    assert_non_null(mine);
    assert_int_equal(mine->state, PRESENCE_ONLINE);
    cache_done_agent(mine);

    cache_free(other.cache);
    db_close(there.db);
}

static void
a_change_that_is_rolled_back_forgets_nothing(void **state)
{
    struct domain_fixture *fx = *state;
    struct agent *agent = domain_fixture_agent(fx, "x", NULL);
    struct uuid id = domain_fixture_id(agent);
    char name[] = "renamed";

    cache_done_agent(agents_load(&fx->u, &id, &fx->err));
    struct db_tx *tx = db_begin(fx->u.db, &fx->err);
    assert_non_null(agents_edit(&fx->u, agent->id, -1, rename_it, name, &fx->err));
    db_drop(tx);
    assert_int_equal(cache_counts(fx->core.cache).agents, 1);
    assert_string_equal(agents_get(&fx->u, agent->id, &fx->err)->draft.name, "x");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        domain_test(a_token_leads_to_its_agent_and_no_other_text_does),
        domain_test(an_endpoint_that_is_prohibited_by_now_is_there_but_cannot_be_dialled),
        domain_test(a_rotated_token_is_refused_at_once),
        domain_test(life_goes_only_where_it_may),
        domain_test(an_archived_agent_is_offline_for_a_reason_and_deaf_until_restored),
        domain_test(an_agent_that_was_never_seen_is_so_again_after_restoring),
        domain_test(a_revoked_agent_keeps_its_token_row_but_gets_no_new_one),
        domain_test(deleting_takes_connections_along_and_leaves_the_records),
        domain_test(another_node_forgets_with_the_next_hints),
        domain_test(a_change_that_is_rolled_back_forgets_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
