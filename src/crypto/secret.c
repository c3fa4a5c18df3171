/* Secrets live in pages of their own that core files leave out; a freed one is zeros. Under a
 * sanitizer each is its own malloc, so that overruns and leaks show. */
#include "crypto/secret.h"

#include "base/must.h"
#include "crypto_priv.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#define SECRET_PIECEWISE 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SECRET_PIECEWISE 1
#endif
#endif
#ifndef SECRET_PIECEWISE
#define SECRET_PIECEWISE 0
#endif

/* Slots of 64, 128, … 4096 bytes are cut from slabs that are kept for ever; a larger secret has a
 * mapping of its own. */
enum { SLOT_MIN = 64, SLOT_CLASSES = 7, SLOT_MAX = SLOT_MIN << (SLOT_CLASSES - 1) };
enum { SLAB_SIZE = 64 * 1024, MAP_UNIT = 4096 };

struct secret {
    size_t size;
    size_t room; /* bytes of the slot or mapping, this head included */
    unsigned char b[];
};

struct slot {
    struct slot *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct slot *free_slots[SLOT_CLASSES]; /* under lock */

static void *
map_pages(size_t size)
{
    void *pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (pages == MAP_FAILED)
        must(NULL);
    /* A kernel without it still has the wiping; nothing else can be done here. */
    (void)madvise(pages, size, MADV_DONTDUMP);
    return pages;
}

static unsigned
class_of(size_t room)
{
    unsigned class = 0;

    while ((size_t)SLOT_MIN << class < room)
        class ++;
    return class;
}

static void *
slot_take(unsigned class)
{
    size_t room = (size_t)SLOT_MIN << class;

    pthread_mutex_lock(&lock);
    if (free_slots[class] == NULL) {
        unsigned char *slab = map_pages(SLAB_SIZE);

        for (size_t at = 0; at < SLAB_SIZE; at += room) {
            struct slot *slot = (void *)(slab + at);

            slot->next = free_slots[class];
            free_slots[class] = slot;
        }
    }
    struct slot *slot = free_slots[class];
    free_slots[class] = slot->next;
    pthread_mutex_unlock(&lock);
    slot->next = NULL;
    return slot;
}

static void
slot_give(unsigned class, void *p)
{
    struct slot *slot = p;

    pthread_mutex_lock(&lock);
    slot->next = free_slots[class];
    free_slots[class] = slot;
    pthread_mutex_unlock(&lock);
}

/* Zeroed; *room becomes what must be given back. */
static void *
room_take(size_t *room)
{
    if (SECRET_PIECEWISE)
        return must(calloc(1, *room));
    if (*room <= SLOT_MAX) {
        unsigned class = class_of(*room);

        *room = (size_t)SLOT_MIN << class;
        return slot_take(class);
    }
    *room = (*room + MAP_UNIT - 1) & ~(size_t)(MAP_UNIT - 1);
    return map_pages(*room);
}

struct secret *
secret_new(const void *bytes, size_t n)
{
    size_t room = sizeof(struct secret) + n + 1;

    assert(n < SIZE_MAX / 2);
    struct secret *secret = room_take(&room);
    secret->size = n;
    secret->room = room;
    if (bytes != NULL && n > 0)
        memcpy(secret->b, bytes, n);
    return secret;
}

void
secret_free(struct secret *secret)
{
    if (secret == NULL)
        return;
    size_t room = secret->room;
    OPENSSL_cleanse(secret, room);
    if (SECRET_PIECEWISE)
        free(secret);
    else if (room <= SLOT_MAX)
        slot_give(class_of(room), secret);
    else
        munmap(secret, room);
}

void
secret_free_scoped(struct secret **secret)
{
    secret_free(*secret);
}

unsigned char *
secret_fill(struct secret *secret)
{
    return secret->b;
}

const char *
secret_bytes(const struct secret *secret)
{
    return (const char *)secret->b;
}

size_t
secret_size(const struct secret *secret)
{
    return secret->size;
}
