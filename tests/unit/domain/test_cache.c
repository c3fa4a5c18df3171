/* The cache finds what was put, forgets what changed, keeps within its bounds, and counts uses. */
#include "domain/cache.h"

#include "base/must.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static const struct cache_limits limits = { 6400, 6400, 6400, 6400 };

/* The n-th id, and the hash of its token; both differ in their first bytes as random ones do. */
static struct uuid
id_of(unsigned n)
{
    struct digest digest = hash_sha256(&n, sizeof n);
    struct uuid id;

    memcpy(id.b, digest.b, sizeof id.b);
    return id;
}

static struct digest
hash_of(unsigned n)
{
    unsigned text[2] = { n, 1 };

    return hash_sha256(text, sizeof text);
}

static struct cached_agent *
agent_of(unsigned n)
{
    struct arena *mem = arena_new();
    struct cached_agent *agent = ARENA_NEW(mem, struct cached_agent);

    agent->mem = mem;
    agent->id = id_of(n);
    agent->token_hash = hash_of(n);
    return agent;
}

static void
put_agent(struct cache *cache, unsigned n)
{
    cache_done_agent(cache_put_agent(cache, agent_of(n), cache_ticket(cache)));
}

static bool
has_agent(struct cache *cache, unsigned n)
{
    struct uuid id = id_of(n);
    struct cached_agent *agent = cache_agent(cache, &id);

    cache_done_agent(agent);
    return agent != NULL;
}

static void
put_key(struct cache *cache, unsigned n)
{
    struct cached_key *key = must(calloc(1, sizeof *key));

    key->hash = hash_of(n);
    key->caller.id = id_of(n);
    cache_done_key(cache_put_key(cache, key, cache_ticket(cache)));
}

static void
put_connection(struct cache *cache, unsigned n)
{
    struct cached_connection *connection = must(calloc(1, sizeof *connection));

    connection->id = id_of(n);
    cache_done_connection(cache_put_connection(cache, connection, cache_ticket(cache)));
}

static void
finds_what_was_put_by_id_and_by_token(void **state)
{
    struct cache *cache = cache_new(&limits);
    struct digest hash = hash_of(1), other = hash_of(1);

    (void)state;
    for (unsigned n = 0; n < 1000; n++) {
        put_agent(cache, n);
        put_connection(cache, n);
        put_key(cache, n);
    }
    struct cached_agent *agent = cache_agent_by_token(cache, &hash);
    struct uuid id = id_of(1);
    assert_non_null(agent);
    assert_memory_equal(&agent->id, &id, sizeof id);
    cache_done_agent(agent);
    other.b[31] ^= 1;
    assert_null(cache_agent_by_token(cache, &other));
    struct cached_connection *connection = cache_connection(cache, &id);
    assert_non_null(connection);
    cache_done_connection(connection);
    struct cached_key *key = cache_key(cache, &hash);
    assert_non_null(key);
    cache_done_key(key);

    struct cache_counts counts = cache_counts(cache);
    assert_int_equal(counts.agents, 1000);
    assert_int_equal(counts.connections, 1000);
    assert_int_equal(counts.keys, 1000);
    cache_free(cache);
    cache_free(NULL);
}

static void
forgets_one_and_leaves_the_others(void **state)
{
    struct cache *cache = cache_new(&limits);
    struct digest hash = hash_of(5);
    struct uuid id = id_of(5);

    (void)state;
    for (unsigned n = 0; n < 10; n++) {
        put_agent(cache, n);
        put_connection(cache, n);
        put_key(cache, n);
    }
    cache_forget(cache, HINT_AGENT, &id);
    assert_null(cache_agent(cache, &id));
    assert_null(cache_agent_by_token(cache, &hash));
    assert_int_equal(cache_counts(cache).connections, 10);
    cache_forget(cache, HINT_CONNECTION, &id);
    assert_null(cache_connection(cache, &id));
    cache_forget(cache, HINT_KEY, &id);
    assert_null(cache_key(cache, &hash));
    cache_forget(cache, HINT_AGENT, &id);

    struct cache_counts counts = cache_counts(cache);
    assert_int_equal(counts.agents, 9);
    assert_int_equal(counts.connections, 9);
    assert_int_equal(counts.keys, 9);
    cache_forget_all(cache);
    counts = cache_counts(cache);
    assert_int_equal(counts.agents + counts.connections + counts.keys, 0);
    hash = hash_of(6);
    assert_null(cache_agent_by_token(cache, &hash));
    cache_free(cache);
}

static void
what_was_forgotten_since_the_ticket_is_given_back_but_not_kept(void **state)
{
    struct cache *cache = cache_new(&limits);
    unsigned long long ticket = cache_ticket(cache);
    struct uuid one = id_of(1), two = id_of(2);

    (void)state;
    cache_forget(cache, HINT_AGENT, &one);
    struct cached_agent *agent = cache_put_agent(cache, agent_of(1), ticket);
    assert_memory_equal(&agent->id, &one, sizeof one);
    cache_done_agent(agent);
    assert_false(has_agent(cache, 1));
    /* Another one is not affected, nor one that was read afterwards. */
    cache_done_agent(cache_put_agent(cache, agent_of(2), ticket));
    assert_true(has_agent(cache, 2));
    put_agent(cache, 1);
    assert_true(has_agent(cache, 1));

    ticket = cache_ticket(cache);
    cache_forget_all(cache);
    cache_done_agent(cache_put_agent(cache, agent_of(3), ticket));
    assert_false(has_agent(cache, 3));

    struct cached_connection *connection = must(calloc(1, sizeof *connection));
    connection->id = two;
    cache_done_connection(cache_put_connection(cache, connection, ticket));
    assert_null(cache_connection(cache, &two));
    cache_free(cache);
}

static void
a_ticket_older_than_what_is_remembered_is_not_trusted(void **state)
{
    struct cache *cache = cache_new(&limits);
    unsigned long long ticket = cache_ticket(cache);
    struct uuid one = id_of(1);

    (void)state;
    cache_forget(cache, HINT_AGENT, &one);
    for (unsigned n = 1000; n < 12000; n++) {
        struct uuid id = id_of(n);

        cache_forget(cache, HINT_AGENT, &id);
    }
    cache_done_agent(cache_put_agent(cache, agent_of(1), ticket));
    assert_false(has_agent(cache, 1));
    cache_free(cache);
}

static void
a_change_of_state_reaches_the_entry_and_outlives_an_older_reading(void **state)
{
    struct cache *cache = cache_new(&limits);
    struct uuid id = id_of(1);

    (void)state;
    put_agent(cache, 1);
    unsigned long long ticket = cache_ticket(cache);
    cache_set_state(cache, &id, PRESENCE_IDLE);
    struct cached_agent *agent = cache_agent(cache, &id);
    assert_int_equal(agent->state, PRESENCE_IDLE);
    cache_done_agent(agent);
    /* Read before the change, put after it. */
    agent = cache_put_agent(cache, agent_of(1), ticket);
    assert_int_equal(agent->state, PRESENCE_IDLE);
    cache_done_agent(agent);

    /* The same for one that was not there when its state changed. */
    ticket = cache_ticket(cache);
    id = id_of(2);
    cache_set_state(cache, &id, PRESENCE_IDLE);
    cache_done_agent(cache_put_agent(cache, agent_of(2), ticket));
    assert_false(has_agent(cache, 2));
    cache_free(cache);
}

static void
a_changed_token_is_not_found_by_the_old_one(void **state)
{
    struct cache *cache = cache_new(&limits);
    struct digest old = hash_of(1), fresh = hash_of(2);
    struct cached_agent *agent = agent_of(1);

    (void)state;
    put_agent(cache, 1);
    agent->token_hash = fresh;
    cache_done_agent(cache_put_agent(cache, agent, cache_ticket(cache)));
    assert_null(cache_agent_by_token(cache, &old));
    agent = cache_agent_by_token(cache, &fresh);
    assert_non_null(agent);
    cache_done_agent(agent);
    cache_free(cache);
}

static void
is_bounded_and_keeps_what_is_used(void **state)
{
    enum { LIMIT = 640, MANY = 6400 };
    struct cache *cache = cache_new(&(struct cache_limits){ LIMIT, LIMIT, LIMIT, LIMIT });
    unsigned kept = 0;

    (void)state;
    for (unsigned n = 0; n < 64; n++)
        put_agent(cache, n);
    for (unsigned n = 64; n < MANY; n++) {
        put_agent(cache, n);
        put_connection(cache, n);
        put_key(cache, n);
        if (n % 64 == 0)
            for (unsigned k = 0; k < 64; k++)
                kept += has_agent(cache, k) && n + 64 >= MANY;
    }
    struct cache_counts counts = cache_counts(cache);
    assert_true(counts.agents <= LIMIT && counts.agents > LIMIT / 2);
    assert_true(counts.connections <= LIMIT);
    assert_true(counts.keys <= LIMIT);
    /* Those that were looked up again and again are still there, nearly all. */
    assert_true(kept >= 48);
    cache_free(cache);
}

static void
an_entry_in_use_outlives_the_cache(void **state)
{
    struct cache *cache = cache_new(&limits);
    struct uuid id = id_of(1);

    (void)state;
    put_agent(cache, 1);
    struct cached_agent *agent = cache_agent(cache, &id);
    cache_free(cache);
    assert_memory_equal(&agent->id, &id, sizeof id);
    cache_done_agent(agent);
    cache_done_agent(NULL);
    cache_done_connection(NULL);
    cache_done_key(NULL);
}

static void
remembers_marks_and_names_itself(void **state)
{
    struct cache *one = cache_new(&limits), *other = cache_new(&limits);

    (void)state;
    assert_int_equal(cache_fresh(one), 0);
    assert_int_equal(cache_mark(one), 0);
    cache_set_fresh(one, 17);
    cache_set_mark(one, 18);
    assert_int_equal(cache_fresh(one), 17);
    assert_int_equal(cache_mark(one), 18);
    assert_true(cache_node(one) > 0);
    assert_true(cache_node(one) != cache_node(other));
    cache_free(one);
    cache_free(other);
}

enum { THREADS = 4, STEPS = 20000, IDS = 97 };

/* What the "database" says of each agent: a reader must never find an older answer cached after the
 * change was told. */
struct shared {
    struct cache *cache;
    _Atomic int truth[IDS];
    _Atomic int told[IDS];
    _Atomic int stale;
};

static void
look_at(struct shared *shared, unsigned n)
{
    struct uuid id = id_of(n);
    int told = shared->told[n];
    struct cached_agent *agent = cache_agent(shared->cache, &id);

    if (agent == NULL) {
        unsigned long long ticket = cache_ticket(shared->cache);
        struct cached_agent *fresh = agent_of(n);

        fresh->life = shared->truth[n];
        agent = cache_put_agent(shared->cache, fresh, ticket);
    }
    if (agent->life < told)
        shared->stale++;
    cache_done_agent(agent);
}

static void
change(struct shared *shared, unsigned n, int step)
{
    struct uuid id = id_of(n);
    int now = ++shared->truth[n];

    cache_forget(shared->cache, HINT_AGENT, &id);
    for (int told = shared->told[n]; told < now;)
        if (atomic_compare_exchange_weak(&shared->told[n], &told, now))
            break;
    if (step % 500 == 0)
        cache_forget_all(shared->cache);
}

static void *
work(void *arg)
{
    struct shared *shared = arg;
    unsigned seed = (unsigned)(uintptr_t)&seed;

    for (int i = 0; i < STEPS; i++) {
        unsigned n = (unsigned)rand_r(&seed) % IDS;
        struct digest hash = hash_of(n);
        struct uuid id = id_of(n);

        switch (rand_r(&seed) % 8) {
        case 0:
            change(shared, n, i);
            break;
        case 1:
            cache_set_state(shared->cache, &id, i % 3);
            break;
        case 2:
            cache_done_agent(cache_agent_by_token(shared->cache, &hash));
            break;
        case 3:
            put_key(shared->cache, n);
            cache_done_key(cache_key(shared->cache, &hash));
            cache_forget(shared->cache, HINT_KEY, &id);
            break;
        default:
            look_at(shared, n);
            break;
        }
    }
    return NULL;
}

static void
threads_never_see_what_was_forgotten_before_they_looked(void **state)
{
    struct shared shared = { .cache = cache_new(&(struct cache_limits){ 64, 64, 64, 64 }) };
    pthread_t threads[THREADS];

    (void)state;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, &shared), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(shared.stale, 0);
    cache_free(shared.cache);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_was_put_by_id_and_by_token),
        cmocka_unit_test(forgets_one_and_leaves_the_others),
        cmocka_unit_test(what_was_forgotten_since_the_ticket_is_given_back_but_not_kept),
        cmocka_unit_test(a_ticket_older_than_what_is_remembered_is_not_trusted),
        cmocka_unit_test(a_change_of_state_reaches_the_entry_and_outlives_an_older_reading),
        cmocka_unit_test(a_changed_token_is_not_found_by_the_old_one),
        cmocka_unit_test(is_bounded_and_keeps_what_is_used),
        cmocka_unit_test(an_entry_in_use_outlives_the_cache),
        cmocka_unit_test(remembers_marks_and_names_itself),
        cmocka_unit_test(threads_never_see_what_was_forgotten_before_they_looked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
