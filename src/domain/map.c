/* The bounded map under the cache. What it drops is given back outside the lock. */
#include "map_priv.h"

#include "base/must.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_SIZE = 16 };

struct map_node {
    struct map_node *next;
    struct map_key key;
    void *value;
    size_t place; /* in the ring                        */
    bool touched; /* looked up since the hand passed by */
};

void
map_init(struct map *map, size_t limit, void (*keep)(void *), void (*done)(void *))
{
    *map = (struct map){ .keep = keep, .done = done, .limit = limit == 0 ? 1 : limit };
    pthread_mutex_init(&map->lock, NULL);
}

static bool
is_any(const void *value, const void *arg)
{
    (void)value;
    (void)arg;
    return true;
}

void
map_done(struct map *map)
{
    map_remove_if(map, is_any, NULL);
    free(map->buckets);
    free(map->ring);
    pthread_mutex_destroy(&map->lock);
}

static struct map_node **
bucket_of(const struct map *map, const struct map_key *key)
{
    uint64_t head;

    memcpy(&head, key->b, sizeof head);
    return &map->buckets[(head * 0x9e3779b97f4a7c15u >> 20) & (map->size - 1)];
}

/* The link that points to the node, so that it can be taken out; NULL when there is none. */
static struct map_node **
link_of(const struct map *map, const struct map_key *key)
{
    if (map->size == 0)
        return NULL;
    for (struct map_node **at = bucket_of(map, key); *at != NULL; at = &(*at)->next)
        if (memcmp(&(*at)->key, key, sizeof *key) == 0)
            return at;
    return NULL;
}

/* Doubles buckets and ring: an idle service pays for what it holds, not for the limit. */
static void
grow(struct map *map)
{
    size_t size = map->size == 0 ? FIRST_SIZE : 2 * map->size;

    free(map->buckets);
    map->buckets = must(calloc(size, sizeof *map->buckets));
    map->ring = must(realloc(map->ring, size * sizeof *map->ring));
    map->size = size;
    for (size_t i = 0; i < map->count; i++) {
        struct map_node **bucket = bucket_of(map, &map->ring[i]->key);

        map->ring[i]->next = *bucket;
        *bucket = map->ring[i];
    }
}

/* Takes the node out of bucket and ring; its value is the caller's. */
static void *
take(struct map *map, struct map_node **link)
{
    struct map_node *node = *link, *last = map->ring[map->count - 1];
    void *value = node->value;

    *link = node->next;
    map->ring[node->place] = last;
    last->place = node->place;
    map->count--;
    free(node);
    return value;
}

/* Makes room for one more: the first node that was not looked up since the hand last passed. */
static void *
evict(struct map *map)
{
    for (;; map->hand++) {
        if (map->hand >= map->count)
            map->hand = 0;
        struct map_node *node = map->ring[map->hand];
        if (!node->touched)
            return take(map, link_of(map, &node->key));
        node->touched = false;
    }
}

void *
map_get(struct map *map, const struct map_key *key)
{
    void *value = NULL;

    pthread_mutex_lock(&map->lock);
    struct map_node **link = link_of(map, key);
    if (link != NULL) {
        value = (*link)->value;
        (*link)->touched = true;
        map->keep(value);
    }
    pthread_mutex_unlock(&map->lock);
    return value;
}

void
map_put(struct map *map, const struct map_key *key, void *value,
        void (*adopt)(void *value, void *old))
{
    void *old = NULL;

    pthread_mutex_lock(&map->lock);
    struct map_node **link = link_of(map, key);
    if (link != NULL) {
        old = (*link)->value;
        (*link)->value = value;
        if (adopt != NULL)
            adopt(value, old);
    } else {
        if (map->count == map->limit)
            old = evict(map);
        if (map->count == map->size)
            grow(map);
        struct map_node *node = must(malloc(sizeof *node)), **bucket = bucket_of(map, key);
        *node = (struct map_node){ *bucket, *key, value, map->count, false };
        *bucket = map->ring[map->count++] = node;
    }
    pthread_mutex_unlock(&map->lock);
    if (old != NULL)
        map->done(old);
}

void
map_remove(struct map *map, const struct map_key *key)
{
    pthread_mutex_lock(&map->lock);
    struct map_node **link = link_of(map, key);
    void *old = link == NULL ? NULL : take(map, link);
    pthread_mutex_unlock(&map->lock);
    if (old != NULL)
        map->done(old);
}

void
map_remove_if(struct map *map, bool (*is_wanted)(const void *value, const void *arg),
              const void *arg)
{
    pthread_mutex_lock(&map->lock);
    for (size_t i = map->count; i-- > 0;)
        if (is_wanted(map->ring[i]->value, arg))
            map->done(take(map, link_of(map, &map->ring[i]->key)));
    pthread_mutex_unlock(&map->lock);
}

size_t
map_count(struct map *map)
{
    pthread_mutex_lock(&map->lock);
    size_t count = map->count;
    pthread_mutex_unlock(&map->lock);
    return count;
}
