/* What the loops know without asking PostgreSQL: agents by token and id, connections, API keys.
 * Shared by all threads. Entries are immutable and counted; a change drops the entry. */
#ifndef DOMAIN_CACHE_H
#define DOMAIN_CACHE_H

#include "base/ids.h"
#include "crypto/hash.h"
#include "crypto/seal.h"
#include "model/agent.h"
#include "model/caller.h"

#include <stdatomic.h>

struct cache;

/* An agent as the data plane needs it. The entry and its texts live in its own mem. A stored URL
 * that the guard does not allow (any more) leaves has_endpoint true and endpoint NULL: a call to it
 * is refused as prohibited, not as missing. */
struct cached_agent {
    struct uuid id, org;
    struct digest token_hash;
    char id_text[UUID_TEXT_SIZE], org_text[UUID_TEXT_SIZE];
    char permanent_id[PERMANENT_ID_SIZE];
    int life; /* enum agent_life                            */
    bool has_endpoint;
    const struct out_url *endpoint; /* NULL: none                                 */
    struct bytes key_sealed;        /* v NULL: none                               */
    const char *key_header, *key_scheme, *version_header, *version_value;
    struct uuid fallback; /* all zero: none                             */
    bool has_instances;   /* of the mesh: called through them           */
    bool has_fallback;
    _Atomic int state;                 /* enum presence_state; kept fresh by cache_set_state */
    _Atomic int never_seen;            /* no sign of life yet; cleared by cache_set_state     */
    _Atomic int64_t touched_ms;        /* clock_ms of the last sign of life by traffic; 0: none */
    int64_t loaded_ms;                 /* clock_ms                                   */
    struct secret *_Atomic credential; /* what key_header carries, once it was asked for; NULL */
    struct arena *mem;
    _Atomic int users;
};

/* Made by malloc, as cached_key: freed with the last use. */
struct cached_connection {
    struct uuid id, org, source, target;
    bool allow_paths;
    int64_t loaded_ms;
    _Atomic int users;
};

struct cached_key {
    struct digest hash;
    struct caller caller;
    bool suspended; /* its organization is */
    int64_t loaded_ms;
    _Atomic int users;
};

/* An access token that was verified: until it expires, is revoked or makes room, it costs no
 * signature any more. */
struct cached_access {
    struct uuid jti;
    struct digest hash;
    struct caller caller; /* of kind CALLER_TOKEN                       */
    int64_t expires_ms;   /* clock_wall_ms                              */
    bool is_bootstrap;    /* of no agent: no life is looked at          */
    bool suspended;       /* its organization is                        */
    _Atomic int users;
};

enum hint_kind {
    HINT_AGENT,
    HINT_CONNECTION,
    HINT_KEY,
    HINT_TOKEN,    /* an access token was revoked; the id is its jti                        */
    HINT_ORG,      /* an organization or a credential of it changed: its tokens are forgotten */
    HINT_INSTANCE, /* an instance is gone, or its socket is elsewhere; nothing of it is cached */
};

struct cache_limits {
    size_t agents, connections, keys, tokens; /* most entries of each; an old one makes room */
};

struct cache *cache_new(const struct cache_limits *limits);
void cache_free(struct cache *cache);

/* What is cached, or NULL. The caller gives it back with the matching cache_done_… (NULL is fine).
 */
struct cached_agent *cache_agent_by_token(struct cache *cache, const struct digest *hash);
struct cached_agent *cache_agent(struct cache *cache, const struct uuid *id);
struct cached_connection *cache_connection(struct cache *cache, const struct uuid *id);
struct cached_key *cache_key(struct cache *cache, const struct digest *hash);
struct cached_access *cache_access(struct cache *cache, const struct digest *hash);
void cache_done_agent(struct cached_agent *agent);
void cache_done_connection(struct cached_connection *connection);
void cache_done_key(struct cached_key *key);
void cache_done_access(struct cached_access *access);

/* Putting what was read from the database. The ticket is taken before reading: an entry that was
 * forgotten meanwhile is not put back. Ownership goes to the cache in any case; the caller keeps
 * one use of it when put_… returns it (never NULL): give it back with cache_done_…. */
unsigned long long cache_ticket(struct cache *cache);
struct cached_agent *cache_put_agent(struct cache *cache, struct cached_agent *agent,
                                     unsigned long long ticket);
struct cached_connection *cache_put_connection(struct cache *cache,
                                               struct cached_connection *connection,
                                               unsigned long long ticket);
struct cached_key *cache_put_key(struct cache *cache, struct cached_key *key,
                                 unsigned long long ticket);
struct cached_access *cache_put_access(struct cache *cache, struct cached_access *access,
                                       unsigned long long ticket);

/* Forgets what changed; the id is of the agent, connection, key, organization or instance, or the
 * jti of a token. */
void cache_forget(struct cache *cache, enum hint_kind kind, const struct uuid *id);
void cache_forget_all(struct cache *cache);

/* Who wants to hear of what is forgotten, on the thread that forgets it; id NULL: of everything.
 * One listener, set before there are other threads. */
void cache_listen(struct cache *cache,
                  void (*hear)(void *arg, enum hint_kind kind, const struct uuid *id), void *arg);

/* Keeps the presence of a cached agent fresh; nothing happens when it is not cached. */
void cache_set_state(struct cache *cache, const struct uuid *agent, int state);

/* The last time (clock_ms) at which hints of other nodes were read; the data plane refuses to work
 * from a cache that is staler than the setting cache.stale. */
void cache_set_fresh(struct cache *cache, int64_t now_ms);
int64_t cache_fresh(const struct cache *cache);

/* Where the reading of hints goes on (0: at the first), and a number that names this cache among
 * those of other nodes. */
void cache_set_mark(struct cache *cache, int64_t mark);
int64_t cache_mark(const struct cache *cache);
int64_t cache_node(const struct cache *cache);

struct cache_counts {
    size_t agents, connections, keys;
};
/* How many entries there are. */
struct cache_counts cache_counts(struct cache *cache);

#endif
