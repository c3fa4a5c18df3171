/* API keys, master keys, idempotency and cleaning up. */
#include "domain/keys.h"

#include "crypto/token.h"
#include "domain/links.h"
#include "domain/presence.h"
#include "domain/replay.h"
#include "domain_fixture.h"
#include "model/scope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <string.h>

static void
an_api_key_is_shown_once_and_found_by_its_hash(void **state)
{
    struct domain_fixture *fx = *state;
    const struct caller *by = fx->u.by;
    struct digest hash;

    fx->u.by = NULL;
    struct api_key *key =
        keys_create(&fx->u, by->org_text, "script", SCOPE_AGENTS_READ | SCOPE_OPENID, &fx->err);
    assert_ok(key != NULL, &fx->err);
    assert_int_equal(token_read(key->token, strlen(key->token), &hash), TOKEN_KEY);
    assert_string_equal(key->hint, key->token + strlen(key->token) - 4);
    assert_string_equal(key->org_id, by->org_text);
    assert_int_equal(domain_fixture_number("SELECT count(*) FROM api_keys k WHERE id = '%s'"
                                           " AND position('%s' IN k::text) > 0",
                                           key->id, key->token + 3),
                     0);

    struct cached_key *cached = keys_load(&fx->u, &hash, &fx->err);
    assert_ok(cached != NULL, &fx->err);
    assert_int_equal(cached->caller.kind, CALLER_KEY);
    assert_int_equal(cached->caller.scopes, SCOPE_AGENTS_READ | SCOPE_OPENID);
    assert_string_equal(cached->caller.id_text, key->id);
    assert_string_equal(cached->caller.org_text, by->org_text);
    struct cached_key *again = cache_key(fx->core.cache, &hash);
    assert_ptr_equal(again, cached);
    cache_done_key(again);
    cache_done_key(cached);

    domain_fixture_run(fx, "UPDATE api_keys SET revoked_at = now() WHERE id = '%s'", key->id);
    assert_null(keys_load(&fx->u, &hash, &fx->err));
    assert_int_equal(fx->err.code, ERR_NONE);
    domain_fixture_run(fx, "INSERT INTO cache_hints (kind, id) VALUES (2, '%s')", key->id);
    assert_ok(keys_apply_hints(&fx->u, &fx->err), &fx->err);
    assert_null(cache_key(fx->core.cache, &hash));
}

static void
organizations_are_named_by_slug_or_uuid(void **state)
{
    struct domain_fixture *fx = *state;

    struct api_key *key = keys_create(&fx->u, "system", "x", SCOPE_AGENTS_READ, &fx->err);
    assert_ok(key != NULL, &fx->err);
    assert_string_equal(key->org_id, "00000000-0000-4000-8000-000000000001");
    const char *const unknown[] = { "nobody", "00000000-0000-4000-8000-0000000000ff", "" };
    for (size_t i = 0; i < COUNT(unknown); i++) {
        assert_null(keys_create(&fx->u, unknown[i], "x", 1, domain_fixture_again(fx)));
        assert_int_equal(fx->err.code, ERR_NOT_FOUND);
    }
}

static void
a_missing_or_wrong_master_key_is_refused(void **state)
{
    struct domain_fixture *fx = *state;
    const char *first = keyring_line(fx->u.mem), *second = keyring_line(fx->u.mem);
    const char *both = arena_printf(fx->u.mem, "%s%s", second, first);

    domain_fixture_run(fx, "DELETE FROM master_keys");
    struct keyring *one = keyring_new(first, strlen(first), &fx->err);
    struct keyring *other = keyring_new(second, strlen(second), &fx->err);
    struct keyring *ring = keyring_new(both, strlen(both), &fx->err);

    fx->core.keys = one;
    assert_ok(keys_check_master(&fx->u, &fx->err), &fx->err);
    assert_ok(keys_check_master(&fx->u, &fx->err), &fx->err);
    assert_int_equal(domain_fixture_number("SELECT count(*) FROM master_keys"), 1);
    fx->core.keys = other;
    assert_false(keys_check_master(&fx->u, domain_fixture_again(fx)));
    assert_int_equal(fx->err.code, ERR_INTERNAL_ERROR);
    assert_non_null(strstr(fx->err.reason, "not in the key file"));
    fx->core.keys = ring;
    assert_ok(keys_check_master(&fx->u, domain_fixture_again(fx)), &fx->err);
    assert_int_equal(domain_fixture_number("SELECT count(*) FROM master_keys"), 2);
    domain_fixture_run(fx, "UPDATE master_keys SET check_value ="
                           " set_byte(check_value, 20, get_byte(check_value, 20) # 1)");
    assert_false(keys_check_master(&fx->u, domain_fixture_again(fx)));
    assert_non_null(strstr(fx->err.reason, "is not the one"));
    keyring_free(one);
    keyring_free(other);
    keyring_free(ring);
}

static struct replay_key
key_of(const char *key, const char *body)
{
    return (struct replay_key){ "registerAgent", key, body, strlen(body) };
}

/* One request with a key, as the pipeline makes it; what it was answered. */
static const struct replay_given plain = { 201, NULL, "1", "1" };

static const char *
ask(struct domain_fixture *fx, const char *key_text, const char *body, const char *full,
    const char *kept)
{
    struct replay_key key = key_of(key_text, body);
    struct replay_answer *answer = NULL;
    struct err *err = domain_fixture_again(fx);
    struct db_tx *tx DB_SCOPED = db_begin(fx->u.db, err);

    if (!replay_find(&fx->u, tx, &key, &answer, err))
        return NULL;
    if (answer != NULL) {
        assert_int_equal(answer->status, 201);
        assert_string_equal(answer->location, "/here");
        return answer->body;
    }
    assert_ok(
        replay_keep(&fx->u, tx, &key, &(struct replay_given){ 201, "/here", full, kept }, err),
        err);
    assert_ok(db_commit(tx, err), err);
    return "";
}

static void
an_answer_is_whole_for_ten_minutes_kept_for_a_day_and_then_forgotten(void **state)
{
    static const char full[] = "{\"token\":\"tk_secret\"}", kept[] = "{\"token\":null}";
    struct domain_fixture *fx = *state;
    struct retention keep = { 3650 * 86400000LL, 3650 * 86400000LL };
    bool more;

    assert_string_equal(ask(fx, "k", "{}", full, kept), "");
    assert_int_equal(domain_fixture_number("SELECT count(*) FROM idempotency i"
                                           " WHERE org_id = '%s' AND position('tk_secret' IN"
                                           " i::text) + position('tk_secret'::bytea IN"
                                           " full_sealed) > 0",
                                           fx->by.org_text),
                     0);
    assert_string_equal(ask(fx, "k", "{}", "", ""), full);
    assert_null(ask(fx, "k", "{ }", "", ""));
    assert_int_equal(fx->err.code, ERR_IDEMPOTENCY_MISMATCH);
    domain_fixture_clock(fx, 599);
    assert_string_equal(ask(fx, "k", "{}", "", ""), full);
    domain_fixture_clock(fx, 601);
    assert_string_equal(ask(fx, "k", "{}", "", ""), kept);
    assert_ok(keys_clean(&fx->u, &keep, &more, &fx->err), &fx->err);
    assert_int_equal(domain_fixture_number("SELECT count(*) FROM idempotency"
                                           " WHERE org_id = '%s' AND full_sealed IS NOT NULL",
                                           fx->by.org_text),
                     0);
    domain_fixture_clock(fx, 86399);
    assert_string_equal(ask(fx, "k", "{}", "", ""), kept);
    domain_fixture_clock(fx, 86401);
    assert_string_equal(ask(fx, "k", "{ }", full, kept), "");
    assert_string_equal(ask(fx, "k", "{ }", full, kept), full);
    domain_fixture_clock(fx, 2 * 86402);
    assert_ok(keys_clean(&fx->u, &keep, &more, &fx->err), &fx->err);
    assert_int_equal(domain_fixture_number("SELECT count(*) FROM idempotency WHERE org_id = '%s'",
                                           fx->by.org_text),
                     0);
}

static void
keys_are_apart_for_each_caller_and_must_be_visible_ascii(void **state)
{
    struct domain_fixture *fx = *state;
    struct caller other = fx->by;
    char long_key[257];
    const char *bad[] = { "", " ", "a b", "\xc3\xa9", "a\n", long_key };

    memset(long_key, 'k', 256);
    long_key[256] = '\0';
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_null(ask(fx, bad[i], "{}", "1", "1"));
        assert_int_equal(fx->err.code, ERR_VALIDATION_ERROR);
    }
    assert_string_equal(ask(fx, long_key + 1, "{}", "1", "1"), "");
    assert_string_equal(ask(fx, long_key + 1, "{}", "2", "2"), "1");
    other.id = ids_uuid_new();
    ids_uuid_text(&other.id, other.id_text);
    fx->u.by = &other;
    assert_string_equal(ask(fx, long_key + 1, "{}", "2", "2"), "");
}

static void
a_long_answer_is_sealed_whole(void **state)
{
    enum { SIZE = 200000 };
    struct domain_fixture *fx = *state;
    char *full = arena_alloc(fx->u.mem, SIZE + 1);

    for (size_t i = 0; i < SIZE; i++)
        full[i] = (char)('a' + i % 23);
    assert_string_equal(ask(fx, "k", "{}", full, "{}"), "");
    assert_string_equal(ask(fx, "k", "{}", "", ""), full);
    /* Pieces of exactly one envelope's size leave no empty one behind. */
    full[60000] = '\0';
    assert_string_equal(ask(fx, "l", "{}", full, "{}"), "");
    assert_string_equal(ask(fx, "l", "{}", "", ""), full);
}

static void
what_fails_is_not_kept(void **state)
{
    struct domain_fixture *fx = *state;
    struct replay_key key = key_of("k", "{}");
    struct replay_answer *answer;
    struct db_tx *tx = db_begin(fx->u.db, &fx->err);

    assert_ok(replay_find(&fx->u, tx, &key, &answer, &fx->err), &fx->err);
    assert_null(answer);
    assert_ok(replay_keep(&fx->u, tx, &key, &plain, &fx->err), &fx->err);
    db_drop(tx);
    assert_string_equal(ask(fx, "k", "{ }", "2", "2"), "");
}

struct rival {
    struct domain_fixture *fx;
    pthread_barrier_t *start;
    enum err_code code;
    bool first;
};

static void *
register_once(void *arg)
{
    struct rival *rival = arg;
    struct arena *mem = arena_new();
    struct unit u = { &rival->fx->core, db_fixture_another(10000), mem, &rival->fx->by, "req" };
    struct replay_key key = key_of("same", "{}");
    struct agent_draft draft = { .name = "only one" };
    struct replay_answer *answer = NULL;
    struct err err = { 0 };

    pthread_barrier_wait(rival->start);
    struct db_tx *tx = db_begin(u.db, &err);
    if (replay_find(&u, tx, &key, &answer, &err) && answer == NULL)
        rival->first = agents_register(&u, &draft, &err) != NULL &&
                       replay_keep(&u, tx, &key, &plain, &err) && db_commit(tx, &err);
    rival->code = err.code;
    db_drop(tx);
    db_close(u.db);
    arena_free(mem);
    return NULL;
}

static void
two_at_the_same_time_create_one_thing(void **state)
{
    enum { N = 4, ROUNDS = 5 };
    struct domain_fixture *fx = *state;

    for (int round = 0; round < ROUNDS; round++) {
        struct rival rivals[N];
        pthread_t threads[N];
        pthread_barrier_t start;
        int first = 0;

        domain_fixture_run(fx, "DELETE FROM idempotency WHERE org_id = '%s'", fx->by.org_text);
        pthread_barrier_init(&start, NULL, N);
        for (int i = 0; i < N; i++) {
            rivals[i] = (struct rival){ fx, &start, ERR_NONE, false };
            assert_int_equal(pthread_create(&threads[i], NULL, register_once, &rivals[i]), 0);
        }
        for (int i = 0; i < N; i++) {
            pthread_join(threads[i], NULL);
            first += rivals[i].first;
            assert_true(rivals[i].code == ERR_NONE || rivals[i].code == ERR_IDEMPOTENCY_RUNNING);
        }
        pthread_barrier_destroy(&start);
        assert_int_equal(first, 1);
        assert_int_equal(domain_fixture_number("SELECT count(*) FROM agents WHERE org_id = '%s'",
                                               fx->by.org_text),
                         round + 1);
    }
}

static void
a_key_that_another_transaction_holds_is_still_running(void **state)
{
    struct domain_fixture *fx = *state;
    struct unit there = fx->u;
    struct replay_key key = key_of("k", "{}");
    struct replay_answer *answer;

    there.db = db_fixture_another(5000);
    struct db_tx *tx = db_begin(there.db, &fx->err);
    assert_ok(replay_find(&there, tx, &key, &answer, &fx->err), &fx->err);
    assert_null(ask(fx, "k", "{}", "1", "1"));
    assert_int_equal(fx->err.code, ERR_IDEMPOTENCY_RUNNING);
    assert_string_equal(ask(fx, "other", "{}", "1", "1"), "");
    db_drop(tx);
    assert_string_equal(ask(fx, "k", "{}", "1", "1"), "");
    db_close(there.db);
}

static void
old_records_and_hints_are_cleaned_up_and_young_ones_stay(void **state)
{
    struct domain_fixture *fx = *state;
    struct retention keep = { 7 * 86400000LL, 30 * 86400000LL };
    bool more = true;

    domain_fixture_run(fx, "DELETE FROM calls; DELETE FROM status_transitions;"
                           " DELETE FROM cache_hints");
    domain_fixture_run(
        fx,
        "INSERT INTO calls (at, org_id, trace_id, request_id, connection_id, source_agent_id,"
        " source_permanent_id, target_agent_id, target_permanent_id, status, outcome,"
        " request_bytes, response_bytes, latency_us, first_byte_us)"
        " SELECT now() - make_interval(days => d), u, 't', 'r', u, u, 'p', u, 'p', 200, 'ok', 0, 0,"
        " 0, 0 FROM unnest(ARRAY[gen_random_uuid(), '%s', gen_random_uuid()]) u,"
        " unnest(ARRAY[8, 9, 6, 1]) d WHERE u = '%s' OR d < 9",
        fx->by.org_text, fx->by.org_text);
    domain_fixture_run(
        fx,
        "INSERT INTO status_transitions (at, org_id, agent_id, permanent_id, old_state, new_state,"
        " reason) SELECT now() - make_interval(days => CASE WHEN i <= 2500 THEN 40 ELSE 1 END),"
        " '%s', '%s', 'p', 0, 1, 4 FROM generate_series(1, 2600) i",
        fx->by.org_text, fx->by.org_text);
    domain_fixture_run(fx,
                       "INSERT INTO cache_hints (at, kind, id)"
                       " SELECT now() - make_interval(secs => s), 0, '%s'"
                       " FROM unnest(ARRAY[200, 100]) s",
                       fx->by.org_text);
    assert_ok(keys_clean(&fx->u, &keep, &more, &fx->err), &fx->err);
    assert_true(more);
    assert_ok(keys_clean(&fx->u, &keep, &more, &fx->err), &fx->err);
    assert_false(more);
    assert_int_equal(domain_fixture_number("SELECT count(*) FROM calls"), 6);
    assert_int_equal(domain_fixture_number("SELECT count(*) FROM calls"
                                           " WHERE at < now() - interval '7 days'"),
                     0);
    assert_int_equal(domain_fixture_number("SELECT count(*) FROM status_transitions"), 100);
    assert_int_equal(domain_fixture_number("SELECT count(*) FROM cache_hints"), 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        domain_test(an_api_key_is_shown_once_and_found_by_its_hash),
        domain_test(organizations_are_named_by_slug_or_uuid),
        domain_test(a_missing_or_wrong_master_key_is_refused),
        domain_test(an_answer_is_whole_for_ten_minutes_kept_for_a_day_and_then_forgotten),
        domain_test(keys_are_apart_for_each_caller_and_must_be_visible_ascii),
        domain_test(a_long_answer_is_sealed_whole),
        domain_test(what_fails_is_not_kept),
        domain_test(two_at_the_same_time_create_one_thing),
        domain_test(a_key_that_another_transaction_holds_is_still_running),
        domain_test(old_records_and_hints_are_cleaned_up_and_young_ones_stay),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
