/* The shared cache of the data plane. Each kind is spread over shards by id; what is forgotten is
 * remembered for a while, so that a reader who began before cannot put it back. */
#include "domain/cache.h"

#include "map_priv.h"

#include "base/must.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
    SHARDS = 64,
    FORGOTTEN = 32,
    KINDS = HINT_TOKEN + 1 /* of entries: those behind it have none */
};

/* The last ids that were forgotten in one shard. */
struct forgets {
    pthread_mutex_t lock; /* taken before the lock of a map                     */
    unsigned next;
    unsigned long long lost; /* tickets before this one cannot be checked any more */
    struct {
        unsigned long long at;
        struct uuid id;
    } last[FORGOTTEN];
};

/* From the hash of a token to the id of its agent, or to the jti of an access token. The entry
 * found by the id is compared with the whole hash, so one that is left over does no harm. */
struct token_of {
    _Atomic int users;
    struct uuid id;
};

struct cache {
    struct map agents[SHARDS], connections[SHARDS], keys[SHARDS], access[SHARDS];
    struct map tokens[SHARDS]; /* of agents and access tokens */
    struct forgets forgets[KINDS][SHARDS];
    _Atomic unsigned long long now; /* counts forgets: the tickets */
    _Atomic int64_t fresh_ms, mark;
    int64_t node;
    void (*hear)(void *arg, enum hint_kind kind, const struct uuid *id);
    void *hear_arg;
};

static struct map_key
key_of_id(const struct uuid *id)
{
    struct map_key key = { { 0 } };

    memcpy(key.b, id->b, sizeof id->b);
    return key;
}

static struct map_key
key_of_hash(const struct digest *hash)
{
    struct map_key key;

    memcpy(key.b, hash->b, sizeof key.b);
    return key;
}

static size_t
shard_of(const struct map_key *key)
{
    return key->b[15] % SHARDS; /* random in ids (version 4) and hashes alike */
}

static void
keep_agent(void *agent)
{
    atomic_fetch_add(&((struct cached_agent *)agent)->users, 1);
}

static void
drop_agent(void *agent)
{
    cache_done_agent(agent);
}

static void
keep_token(void *token)
{
    atomic_fetch_add(&((struct token_of *)token)->users, 1);
}

static void
drop_token(void *token)
{
    if (atomic_fetch_sub(&((struct token_of *)token)->users, 1) == 1)
        free(token);
}

static void
keep_connection(void *connection)
{
    atomic_fetch_add(&((struct cached_connection *)connection)->users, 1);
}

static void
drop_connection(void *connection)
{
    cache_done_connection(connection);
}

static void
keep_key(void *key)
{
    atomic_fetch_add(&((struct cached_key *)key)->users, 1);
}

static void
drop_key(void *key)
{
    cache_done_key(key);
}

static void
keep_access(void *access)
{
    atomic_fetch_add(&((struct cached_access *)access)->users, 1);
}

static void
drop_access(void *access)
{
    cache_done_access(access);
}

static size_t
share_of(size_t limit)
{
    return (limit + SHARDS - 1) / SHARDS;
}

struct cache *
cache_new(const struct cache_limits *limits)
{
    struct cache *cache = must(calloc(1, sizeof *cache));

    for (size_t i = 0; i < SHARDS; i++) {
        map_init(&cache->agents[i], share_of(limits->agents), keep_agent, drop_agent);
        map_init(&cache->access[i], share_of(limits->tokens), keep_access, drop_access);
        map_init(&cache->tokens[i], share_of(limits->agents + limits->tokens), keep_token,
                 drop_token);
        map_init(&cache->connections[i], share_of(limits->connections), keep_connection,
                 drop_connection);
        map_init(&cache->keys[i], share_of(limits->keys), keep_key, drop_key);
        for (size_t kind = 0; kind < KINDS; kind++)
            pthread_mutex_init(&cache->forgets[kind][i].lock, NULL);
    }
    ids_random(&cache->node, sizeof cache->node);
    cache->node = (cache->node & INT64_MAX) | 1; /* 0 would be everyone */
    return cache;
}

void
cache_free(struct cache *cache)
{
    if (cache == NULL)
        return;
    for (size_t i = 0; i < SHARDS; i++) {
        map_done(&cache->agents[i]);
        map_done(&cache->access[i]);
        map_done(&cache->tokens[i]);
        map_done(&cache->connections[i]);
        map_done(&cache->keys[i]);
        for (size_t kind = 0; kind < KINDS; kind++)
            pthread_mutex_destroy(&cache->forgets[kind][i].lock);
    }
    free(cache);
}

struct cached_agent *
cache_agent(struct cache *cache, const struct uuid *id)
{
    struct map_key key = key_of_id(id);

    return map_get(&cache->agents[shard_of(&key)], &key);
}

struct cached_agent *
cache_agent_by_token(struct cache *cache, const struct digest *hash)
{
    struct map_key key = key_of_hash(hash);
    struct token_of *token = map_get(&cache->tokens[shard_of(&key)], &key);
    if (token == NULL)
        return NULL;

    struct cached_agent *agent = cache_agent(cache, &token->id);

    drop_token(token);
    if (agent == NULL || hash_equal(&agent->token_hash, hash))
        return agent;
    cache_done_agent(agent);
    return NULL;
}

struct cached_access *
cache_access(struct cache *cache, const struct digest *hash)
{
    struct map_key key = key_of_hash(hash);
    struct token_of *token = map_get(&cache->tokens[shard_of(&key)], &key);
    if (token == NULL)
        return NULL;

    struct map_key jti = key_of_id(&token->id);
    struct cached_access *access = map_get(&cache->access[shard_of(&jti)], &jti);

    drop_token(token);
    if (access == NULL || hash_equal(&access->hash, hash))
        return access;
    cache_done_access(access);
    return NULL;
}

struct cached_connection *
cache_connection(struct cache *cache, const struct uuid *id)
{
    struct map_key key = key_of_id(id);

    return map_get(&cache->connections[shard_of(&key)], &key);
}

struct cached_key *
cache_key(struct cache *cache, const struct digest *hash)
{
    struct map_key key = key_of_hash(hash);

    return map_get(&cache->keys[shard_of(&key)], &key);
}

void
cache_done_agent(struct cached_agent *agent)
{
    if (agent != NULL && atomic_fetch_sub(&agent->users, 1) == 1) {
        secret_free(atomic_load(&agent->credential));
        arena_free(agent->mem);
    }
}

void
cache_done_connection(struct cached_connection *connection)
{
    if (connection != NULL && atomic_fetch_sub(&connection->users, 1) == 1)
        free(connection);
}

void
cache_done_key(struct cached_key *key)
{
    if (key != NULL && atomic_fetch_sub(&key->users, 1) == 1)
        free(key);
}

void
cache_done_access(struct cached_access *access)
{
    if (access != NULL && atomic_fetch_sub(&access->users, 1) == 1)
        free(access);
}

unsigned long long
cache_ticket(struct cache *cache)
{
    return atomic_load(&cache->now);
}

static struct forgets *
lock_forgets(struct cache *cache, enum hint_kind kind, const struct uuid *id)
{
    struct map_key key = key_of_id(id);
    struct forgets *forgets = &cache->forgets[kind][shard_of(&key)];

    pthread_mutex_lock(&forgets->lock);
    return forgets;
}

static void
note_forgotten(struct cache *cache, struct forgets *forgets, const struct uuid *id)
{
    unsigned slot = forgets->next++ % FORGOTTEN;

    if (forgets->last[slot].at > forgets->lost)
        forgets->lost = forgets->last[slot].at;
    forgets->last[slot].at = atomic_fetch_add(&cache->now, 1) + 1;
    forgets->last[slot].id = *id;
}

/* Whether id may have been forgotten since the ticket was taken. */
static bool
is_outdated(const struct forgets *forgets, const struct uuid *id, unsigned long long ticket)
{
    if (forgets->lost > ticket)
        return true;
    for (size_t i = 0; i < FORGOTTEN; i++)
        if (forgets->last[i].at > ticket && memcmp(&forgets->last[i].id, id, sizeof *id) == 0)
            return true;
    return false;
}

/* The entry that is replaced was told of each change of state; what was read from the database may
 * be older. */
static void
adopt_state(void *value, void *old)
{
    struct cached_agent *fresh = value, *known = old;

    atomic_store(&fresh->state, atomic_load(&known->state));
    atomic_store(&fresh->never_seen, atomic_load(&known->never_seen));
}

static struct token_of *
token_new_of(const struct uuid *id)
{
    struct token_of *token = must(malloc(sizeof *token));

    *token = (struct token_of){ 1, *id };
    return token;
}

struct cached_agent *
cache_put_agent(struct cache *cache, struct cached_agent *agent, unsigned long long ticket)
{
    struct map_key key = key_of_id(&agent->id), hash = key_of_hash(&agent->token_hash);

    atomic_store(&agent->users, 1);
    struct forgets *forgets = lock_forgets(cache, HINT_AGENT, &agent->id);
    if (!is_outdated(forgets, &agent->id, ticket)) {
        keep_agent(agent);
        map_put(&cache->agents[shard_of(&key)], &key, agent, adopt_state);
        map_put(&cache->tokens[shard_of(&hash)], &hash, token_new_of(&agent->id), NULL);
    }
    pthread_mutex_unlock(&forgets->lock);
    return agent;
}

struct cached_connection *
cache_put_connection(struct cache *cache, struct cached_connection *connection,
                     unsigned long long ticket)
{
    struct map_key key = key_of_id(&connection->id);

    atomic_store(&connection->users, 1);
    struct forgets *forgets = lock_forgets(cache, HINT_CONNECTION, &connection->id);
    if (!is_outdated(forgets, &connection->id, ticket)) {
        keep_connection(connection);
        map_put(&cache->connections[shard_of(&key)], &key, connection, NULL);
    }
    pthread_mutex_unlock(&forgets->lock);
    return connection;
}

struct cached_key *
cache_put_key(struct cache *cache, struct cached_key *key, unsigned long long ticket)
{
    struct map_key hash = key_of_hash(&key->hash);

    atomic_store(&key->users, 1);
    struct forgets *forgets = lock_forgets(cache, HINT_KEY, &key->caller.id);
    if (!is_outdated(forgets, &key->caller.id, ticket)) {
        keep_key(key);
        map_put(&cache->keys[shard_of(&hash)], &hash, key, NULL);
    }
    pthread_mutex_unlock(&forgets->lock);
    return key;
}

struct cached_access *
cache_put_access(struct cache *cache, struct cached_access *access, unsigned long long ticket)
{
    struct map_key key = key_of_id(&access->jti), hash = key_of_hash(&access->hash);

    atomic_store(&access->users, 1);
    struct forgets *forgets = lock_forgets(cache, HINT_TOKEN, &access->jti);
    if (!is_outdated(forgets, &access->jti, ticket)) {
        keep_access(access);
        map_put(&cache->access[shard_of(&key)], &key, access, NULL);
        map_put(&cache->tokens[shard_of(&hash)], &hash, token_new_of(&access->jti), NULL);
    }
    pthread_mutex_unlock(&forgets->lock);
    return access;
}

static bool
is_key_of_id(const void *value, const void *arg)
{
    const struct cached_key *key = value;

    return memcmp(&key->caller.id, arg, sizeof key->caller.id) == 0;
}

static bool
is_access_of_org(const void *value, const void *arg)
{
    const struct cached_access *access = value;

    return memcmp(&access->caller.org, arg, sizeof access->caller.org) == 0;
}

/* Whoever reads any token just now may have seen the organization as it was. */
static void
forget_org(struct cache *cache, const struct uuid *org)
{
    for (size_t i = 0; i < SHARDS; i++) {
        struct forgets *forgets = &cache->forgets[HINT_TOKEN][i];

        pthread_mutex_lock(&forgets->lock);
        forgets->lost = atomic_fetch_add(&cache->now, 1) + 1;
        map_remove_if(&cache->access[i], is_access_of_org, org);
        pthread_mutex_unlock(&forgets->lock);
    }
}

/* The token of a forgotten agent goes too; it may be another than the one it has now. */
static void
remove_agent(struct cache *cache, const struct uuid *id)
{
    struct cached_agent *agent = cache_agent(cache, id);
    struct map_key key = key_of_id(id);

    if (agent == NULL)
        return;
    struct map_key hash = key_of_hash(&agent->token_hash);
    map_remove(&cache->agents[shard_of(&key)], &key);
    map_remove(&cache->tokens[shard_of(&hash)], &hash);
    cache_done_agent(agent);
}

void
cache_forget(struct cache *cache, enum hint_kind kind, const struct uuid *id)
{
    struct map_key key = key_of_id(id);

    if (cache->hear != NULL)
        cache->hear(cache->hear_arg, kind, id);
    if (kind == HINT_INSTANCE)
        return;
    if (kind == HINT_ORG) {
        forget_org(cache, id);
        return;
    }
    if (kind == HINT_INSTANCE)
        return;
    struct forgets *forgets = lock_forgets(cache, kind, id);

    note_forgotten(cache, forgets, id);
    switch (kind) {
    case HINT_AGENT:
        remove_agent(cache, id);
        break;
    case HINT_CONNECTION:
        map_remove(&cache->connections[shard_of(&key)], &key);
        break;
    case HINT_KEY:
        /* Kept by hash: look through all. Keys are few and seldom revoked. */
        for (size_t i = 0; i < SHARDS; i++)
            map_remove_if(&cache->keys[i], is_key_of_id, id);
        break;
    case HINT_TOKEN:
        /* The way to it from its hash leads nowhere then, and makes room by itself. */
        map_remove(&cache->access[shard_of(&key)], &key);
        break;
    case HINT_ORG:
    case HINT_INSTANCE:
        break; /* above */
    }
    pthread_mutex_unlock(&forgets->lock);
}

static bool
is_any(const void *value, const void *arg)
{
    (void)value;
    (void)arg;
    return true;
}

void
cache_listen(struct cache *cache,
             void (*hear)(void *arg, enum hint_kind kind, const struct uuid *id), void *arg)
{
    cache->hear = hear;
    cache->hear_arg = arg;
}

void
cache_forget_all(struct cache *cache)
{
    if (cache->hear != NULL)
        cache->hear(cache->hear_arg, HINT_INSTANCE, NULL);
    for (size_t i = 0; i < SHARDS; i++) {
        struct map *maps[KINDS] = { &cache->agents[i], &cache->connections[i], &cache->keys[i],
                                    &cache->access[i] };

        for (size_t kind = 0; kind < KINDS; kind++) {
            struct forgets *forgets = &cache->forgets[kind][i];

            pthread_mutex_lock(&forgets->lock);
            forgets->lost = atomic_fetch_add(&cache->now, 1) + 1;
            map_remove_if(maps[kind], is_any, NULL);
            pthread_mutex_unlock(&forgets->lock);
        }
        map_remove_if(&cache->tokens[i], is_any, NULL);
    }
}

void
cache_set_state(struct cache *cache, const struct uuid *id, int state)
{
    struct forgets *forgets = lock_forgets(cache, HINT_AGENT, id);
    struct cached_agent *agent = cache_agent(cache, id);

    /* Not here, but someone may be reading it just now, from before the change. */
    if (agent == NULL)
        note_forgotten(cache, forgets, id);
    else {
        atomic_store(&agent->never_seen, 0);
        atomic_store(&agent->state, state);
    }
    pthread_mutex_unlock(&forgets->lock);
    cache_done_agent(agent);
}

void
cache_set_fresh(struct cache *cache, int64_t now_ms)
{
    atomic_store(&cache->fresh_ms, now_ms);
}

int64_t
cache_fresh(const struct cache *cache)
{
    return atomic_load(&cache->fresh_ms);
}

void
cache_set_mark(struct cache *cache, int64_t mark)
{
    atomic_store(&cache->mark, mark);
}

int64_t
cache_mark(const struct cache *cache)
{
    return atomic_load(&cache->mark);
}

int64_t
cache_node(const struct cache *cache)
{
    return cache->node;
}

struct cache_counts
cache_counts(struct cache *cache)
{
    struct cache_counts counts = { 0 };

    for (size_t i = 0; i < SHARDS; i++) {
        counts.agents += map_count(&cache->agents[i]);
        counts.connections += map_count(&cache->connections[i]);
        counts.keys += map_count(&cache->keys[i]);
    }
    return counts;
}
