/* The directory of sockets, in shards with a lock each. */
#include "work/hub.h"

#include "base/must.h"

#include <pthread.h>
#include <stdlib.h>

enum { SHARDS = 16 };

struct shard {
    pthread_mutex_t lock;
    struct table table;
};

struct hub {
    struct shard shards[SHARDS];
};

struct hub *
hub_new(void)
{
    struct hub *hub = must(calloc(1, sizeof *hub));

    for (size_t i = 0; i < SHARDS; i++)
        pthread_mutex_init(&hub->shards[i].lock, NULL);
    return hub;
}

void
hub_free(struct hub *hub)
{
    if (hub == NULL)
        return;
    for (size_t i = 0; i < SHARDS; i++) {
        table_done(&hub->shards[i].table);
        pthread_mutex_destroy(&hub->shards[i].lock);
    }
    free(hub);
}

static struct shard *
lock(struct hub *hub, const struct uuid *instance)
{
    struct shard *shard = &hub->shards[instance->b[0] % SHARDS];

    pthread_mutex_lock(&shard->lock);
    return shard;
}

static struct hub_entry *
find(const struct shard *shard, const struct uuid *instance)
{
    struct table_node *node = table_find(&shard->table, instance);

    return node == NULL ? NULL
                        : (struct hub_entry *)((char *)node - offsetof(struct hub_entry, node));
}

/* The next entry of the same instance. */
static struct hub_entry *
older_than(const struct hub_entry *entry)
{
    struct table_node *node = table_next(&entry->node);

    return node == NULL ? NULL
                        : (struct hub_entry *)((char *)node - offsetof(struct hub_entry, node));
}

bool
hub_put(struct hub *hub, struct hub_entry *entry, void (*overtaken)(void *arg, struct loop *loop),
        void *arg)
{
    struct shard *shard = lock(hub, &entry->node.key);
    struct hub_entry *first = find(shard, &entry->node.key);
    bool newest = first == NULL || first->fence < entry->fence;

    for (struct hub_entry *older = newest ? first : NULL; older != NULL; older = older_than(older))
        overtaken(arg, older->loop);
    if (newest)
        table_put(&shard->table, &entry->node);
    pthread_mutex_unlock(&shard->lock);
    return newest;
}

void
hub_take(struct hub *hub, struct hub_entry *entry)
{
    struct shard *shard = lock(hub, &entry->node.key);

    table_take(&shard->table, &entry->node);
    pthread_mutex_unlock(&shard->lock);
}

struct loop *
hub_find(struct hub *hub, const struct uuid *instance, size_t *open)
{
    struct shard *shard = lock(hub, instance);
    const struct hub_entry *entry = find(shard, instance);
    struct loop *loop = entry == NULL ? NULL : entry->loop;

    *open = entry == NULL ? 0 : atomic_load_explicit(&entry->open, memory_order_relaxed);
    pthread_mutex_unlock(&shard->lock);
    return loop;
}

struct hub_entry *
hub_own(struct hub *hub, const struct uuid *instance, const struct loop *loop, int64_t below)
{
    struct shard *shard = lock(hub, instance);
    struct hub_entry *entry = find(shard, instance);

    while (entry != NULL &&
           (entry->loop != loop || entry->closing || (below > 0 && entry->fence >= below)))
        entry = older_than(entry);
    pthread_mutex_unlock(&shard->lock);
    return entry;
}
