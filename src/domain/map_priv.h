/* A bounded map for the cache: key to counted value, one lock, second-chance eviction. */
#ifndef DOMAIN_MAP_PRIV_H
#define DOMAIN_MAP_PRIV_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MAP_KEY_SIZE = 32 };

/* An id or a hash, zeros behind it. Both are random, so their first bytes are hash enough. */
struct map_key {
    unsigned char b[MAP_KEY_SIZE];
};

struct map_node;

struct map {
    pthread_mutex_t lock;
    void (*keep)(void *value); /* counts one more use             */
    void (*done)(void *value); /* gives one use back              */
    struct map_node **buckets; /* size of them, a power of two    */
    struct map_node **ring;    /* count nodes in use, for the hand */
    size_t size, count, limit, hand;
};

void map_init(struct map *map, size_t limit, void (*keep)(void *), void (*done)(void *));
void map_done(struct map *map);

/* The value, with a use counted for the caller; or NULL. */
void *map_get(struct map *map, const struct map_key *key);

/* Takes over one use of value. What stood there is given back, after adopt(value, old) when adopt
 * is given. */
void map_put(struct map *map, const struct map_key *key, void *value,
             void (*adopt)(void *value, void *old));

void map_remove(struct map *map, const struct map_key *key);

/* Removes those for which is_wanted says yes. */
void map_remove_if(struct map *map, bool (*is_wanted)(const void *value, const void *arg),
                   const void *arg);

size_t map_count(struct map *map);

#endif
