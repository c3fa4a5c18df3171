/* Chunked arena. Under a sanitizer each piece is its own malloc, so that overruns inside it show.
 */
#include "base/arena.h"

#include "base/must.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_PIECEWISE 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_PIECEWISE 1
#endif
#endif
#ifndef ARENA_PIECEWISE
#define ARENA_PIECEWISE 0
#endif

enum { CHUNK_SIZE = 4096, ALIGN = 16, STOCK_MAX = 64 };
enum { LARGE = CHUNK_SIZE / 4 * 3 }; /* a piece above that has a chunk of its own */

struct chunk {
    struct chunk *next;
    size_t size, used; /* bytes of data */
    _Alignas(ALIGN) unsigned char data[];
};

struct owned {
    struct owned *next;
    void *thing;
    void (*done)(void *);
};

struct arena {
    struct chunk *chunks; /* the first is the one being filled */
    struct owned *owned;
};

/* Chunks of the usual size that a thread has freed, wiped, for its next arenas: each request needs
 * one or two, and they are too large for the quick lists of malloc. */
struct stock {
    struct chunk *chunks;
    size_t n;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t ending; /* its destructor frees the stock of a thread */
static _Thread_local struct stock *stock;

static void
stock_free(void *thing)
{
    struct stock *old = thing;

    stock = NULL;
    for (struct chunk *c = old->chunks, *next; c != NULL; c = next) {
        next = c->next;
        free(c);
    }
    free(old);
}

static void
make_key(void)
{
    must(pthread_key_create(&ending, stock_free) == 0 ? &ending : NULL);
}

static struct stock *
stock_get(void)
{
    if (stock == NULL) {
        pthread_once(&once, make_key);
        struct stock *fresh = must(calloc(1, sizeof *fresh));
        must(pthread_setspecific(ending, fresh) == 0 ? fresh : NULL);
        stock = fresh;
    }
    return stock;
}

static struct chunk *
chunk_new(size_t size)
{
    struct chunk *chunk = NULL;

    if (size == CHUNK_SIZE && !ARENA_PIECEWISE && (chunk = stock_get()->chunks) != NULL) {
        stock->chunks = chunk->next;
        stock->n--;
    } else {
        chunk = must(malloc(sizeof *chunk + size));
    }
    chunk->next = NULL;
    chunk->size = size;
    chunk->used = 0;
    return chunk;
}

/* Tokens and keys pass through here: what is freed is wiped. */
static void
chunk_free(struct chunk *chunk)
{
    explicit_bzero(chunk->data, chunk->used);
    if (chunk->size == CHUNK_SIZE && !ARENA_PIECEWISE && stock_get()->n < STOCK_MAX) {
        chunk->next = stock->chunks;
        stock->chunks = chunk;
        stock->n++;
    } else {
        free(chunk);
    }
}

struct arena *
arena_new(void)
{
    return must(calloc(1, sizeof(struct arena)));
}

void
arena_free(struct arena *mem)
{
    if (mem == NULL)
        return;
    for (struct owned *o = mem->owned; o != NULL; o = o->next)
        o->done(o->thing);
    for (struct chunk *c = mem->chunks, *next; c != NULL; c = next) {
        next = c->next;
        chunk_free(c);
    }
    free(mem);
}

void *
arena_alloc(struct arena *mem, size_t size)
{
    size_t need = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    struct chunk *c = mem->chunks;

    if (need < size)
        must(NULL);
    if (ARENA_PIECEWISE || c == NULL || c->size - c->used < need) {
        size_t room = ARENA_PIECEWISE ? size : need > LARGE ? need : CHUNK_SIZE;
        struct chunk *fresh = chunk_new(room);

        /* A large piece gets a chunk behind the current one, which stays in use. */
        if (c != NULL && room == need && !ARENA_PIECEWISE) {
            fresh->next = c->next;
            c->next = fresh;
        } else {
            fresh->next = c;
            mem->chunks = fresh;
        }
        c = fresh;
        need = ARENA_PIECEWISE ? size : need;
    }
    void *p = c->data + c->used;
    c->used += need;
    return memset(p, 0, size);
}

void *
arena_own(struct arena *mem, void *thing, void (*done)(void *))
{
    if (thing == NULL)
        return NULL;
    struct owned *o = ARENA_NEW(mem, struct owned);
    *o = (struct owned){ mem->owned, thing, done };
    mem->owned = o;
    return thing;
}

char *
arena_textn(struct arena *mem, const char *text, size_t n)
{
    char *copy = arena_alloc(mem, n + 1);

    if (n > 0)
        memcpy(copy, text, n);
    return copy;
}

char *
arena_text(struct arena *mem, const char *text)
{
    return text == NULL ? NULL : arena_textn(mem, text, strlen(text));
}

char *
arena_printf(struct arena *mem, const char *format, ...)
{
    va_list args, again;

    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = arena_alloc(mem, (size_t)(n < 0 ? 0 : n) + 1);
    vsnprintf(text, (size_t)(n < 0 ? 0 : n) + 1, format, again);
    va_end(again);
    return text;
}
