/* A hash table by UUID whose nodes are embedded in what they find: putting allocates nothing but,
 * now and then, buckets. One thread at a time. */
#ifndef BASE_TABLE_H
#define BASE_TABLE_H

#include "base/ids.h"

struct table_node {
    struct table_node *next;
    struct uuid key;
};

struct table {
    struct table_node **buckets;
    size_t size, count; /* size: a power of two; 0 while it was never used */
};

/* Frees the buckets; the nodes are their owners'. The table is empty and usable afterwards. */
void table_done(struct table *table);

/* The node of that key, or NULL; of several, the one put last. */
struct table_node *table_find(const struct table *table, const struct uuid *key);

/* Puts a node whose key is filled in. */
void table_put(struct table *table, struct table_node *node);

/* Takes out exactly this node; false when it is not in. */
bool table_take(struct table *table, struct table_node *node);

/* Any node, or NULL when it is empty. */
struct table_node *table_any(const struct table *table);

#endif
