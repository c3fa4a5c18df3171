/* Fixed windows in a set-associative table. */
#include "http/limit.h"

#include "base/ids.h"
#include "base/keyhash.h"
#include "base/must.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { WAYS = 8, LOCKS = 64 };

struct bucket {
    uint64_t key;
    int64_t ends; /* clock_ms; 0: never used */
    int64_t count;
};

struct limiter {
    uint64_t seed;
    size_t sets;
    struct bucket *buckets; /* sets * WAYS */
    pthread_mutex_t locks[LOCKS];
};

struct limiter *
limiter_new(size_t buckets)
{
    struct limiter *limiter = must(calloc(1, sizeof *limiter));

    ids_random(&limiter->seed, sizeof limiter->seed);
    limiter->sets = buckets / WAYS > 0 ? buckets / WAYS : 1;
    limiter->buckets = must(calloc(limiter->sets * WAYS, sizeof *limiter->buckets));
    for (size_t i = 0; i < LOCKS; i++)
        pthread_mutex_init(&limiter->locks[i], NULL);
    return limiter;
}

void
limiter_free(struct limiter *limiter)
{
    if (limiter == NULL)
        return;
    for (size_t i = 0; i < LOCKS; i++)
        pthread_mutex_destroy(&limiter->locks[i]);
    free(limiter->buckets);
    free(limiter);
}

static struct bucket *
bucket_for(struct bucket *set, uint64_t key, int64_t now)
{
    struct bucket *oldest = &set[0];

    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].key == key && set[i].ends > now)
            return &set[i];
        if (set[i].ends < oldest->ends)
            oldest = &set[i];
    }
    *oldest = (struct bucket){ key, now + LIMIT_WINDOW_MS, 0 };
    return oldest;
}

struct limit_state
limiter_look(struct limiter *limiter, const void *key, size_t size, int64_t most, int64_t now_ms)
{
    uint64_t h = keyhash(limiter->seed, key, size);
    size_t at = (size_t)(h % limiter->sets);
    pthread_mutex_t *lock = &limiter->locks[at % LOCKS];
    struct limit_state state = { most, now_ms + LIMIT_WINDOW_MS };

    pthread_mutex_lock(lock);
    for (size_t i = 0; i < WAYS; i++) {
        const struct bucket *bucket = &limiter->buckets[at * WAYS + i];

        if (bucket->key == h && bucket->ends > now_ms)
            state = (struct limit_state){ bucket->count < most ? most - bucket->count : 0,
                                          bucket->ends };
    }
    pthread_mutex_unlock(lock);
    return state;
}

unsigned
limiter_take(struct limiter *limiter, const void *key, size_t size, int64_t most, int64_t now_ms)
{
    uint64_t h = keyhash(limiter->seed, key, size);
    size_t at = (size_t)(h % limiter->sets);
    pthread_mutex_t *lock = &limiter->locks[at % LOCKS];

    pthread_mutex_lock(lock);
    struct bucket *bucket = bucket_for(&limiter->buckets[at * WAYS], h, now_ms);
    unsigned wait = 0;
    if (bucket->count < most)
        bucket->count++;
    else
        wait = (unsigned)((bucket->ends - now_ms + 999) / 1000);
    pthread_mutex_unlock(lock);
    return wait;
}
