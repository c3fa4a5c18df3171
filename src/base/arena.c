/* Chunked arena. Under a sanitizer each piece is its own malloc, so that overruns inside it show.
 */
#include "base/arena.h"

#include "base/must.h"

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

enum { CHUNK_SIZE = 4096, ALIGN = 16 };

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

static struct chunk *
chunk_new(size_t size)
{
    struct chunk *chunk = must(malloc(sizeof *chunk + size));

    chunk->next = NULL;
    chunk->size = size;
    chunk->used = 0;
    return chunk;
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
        /* Tokens and keys pass through here: what is freed is wiped. */
        explicit_bzero(c->data, c->used);
        free(c);
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
        size_t room = ARENA_PIECEWISE ? size : need > CHUNK_SIZE / 2 ? need : CHUNK_SIZE;
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
