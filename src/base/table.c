/* A chained hash table. Keys are random, so their own bytes are the hash. */
#include "base/table.h"

#include "base/must.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_SIZE = 8 };

static struct table_node **
bucket_of(const struct table *table, const struct uuid *key)
{
    uint64_t hash;

    /* The last bytes: the first of a UUID of version 7 are a clock. */
    memcpy(&hash, key->b + 8, sizeof hash);
    return &table->buckets[(hash * 0x9e3779b97f4a7c15u >> 20) & (table->size - 1)];
}

static struct table_node *
reversed(struct table_node *node)
{
    struct table_node *done = NULL;

    for (struct table_node *next; node != NULL; node = next) {
        next = node->next;
        node->next = done;
        done = node;
    }
    return done;
}

/* What was put last stays first. */
static void
grow(struct table *table)
{
    struct table old = *table;

    table->size = old.size == 0 ? FIRST_SIZE : old.size * 2;
    table->buckets = must(calloc(table->size, sizeof *table->buckets));
    for (size_t i = 0; i < old.size; i++)
        for (struct table_node *node = reversed(old.buckets[i]), *next; node != NULL; node = next) {
            struct table_node **bucket = bucket_of(table, &node->key);

            next = node->next;
            node->next = *bucket;
            *bucket = node;
        }
    free(old.buckets);
}

void
table_done(struct table *table)
{
    free(table->buckets);
    *table = (struct table){ 0 };
}

struct table_node *
table_find(const struct table *table, const struct uuid *key)
{
    if (table->size == 0)
        return NULL;
    struct table_node *node = *bucket_of(table, key);
    while (node != NULL && memcmp(&node->key, key, sizeof *key) != 0)
        node = node->next;
    return node;
}

struct table_node *
table_next(const struct table_node *node)
{
    for (struct table_node *next = node->next; next != NULL; next = next->next)
        if (memcmp(&next->key, &node->key, sizeof next->key) == 0)
            return next;
    return NULL;
}

void
table_put(struct table *table, struct table_node *node)
{
    if (table->count >= table->size)
        grow(table);
    struct table_node **bucket = bucket_of(table, &node->key);
    node->next = *bucket;
    *bucket = node;
    table->count++;
}

bool
table_take(struct table *table, struct table_node *node)
{
    if (table->size == 0)
        return false;
    for (struct table_node **at = bucket_of(table, &node->key); *at != NULL; at = &(*at)->next)
        if (*at == node) {
            *at = node->next;
            table->count--;
            return true;
        }
    return false;
}

struct table_node *
table_any(const struct table *table)
{
    for (size_t i = 0; table->count > 0 && i < table->size; i++)
        if (table->buckets[i] != NULL)
            return table->buckets[i];
    return NULL;
}
