/* The memory of one unit of work: all it makes lives here and goes with it. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct arena;

/* A new, empty arena; free with arena_free. */
struct arena *arena_new(void);

/* Runs what arena_own tied to it, last tied first, then wipes and frees everything. NULL is fine.
 */
void arena_free(struct arena *mem);

/* Zeroed memory, aligned for any type; lives as long as mem. size 0 gives a valid pointer. */
void *arena_alloc(struct arena *mem, size_t size) __attribute__((returns_nonnull, malloc));

/* Calls done(thing) when mem is freed; returns thing. A NULL thing is returned and not tied. */
void *arena_own(struct arena *mem, void *thing, void (*done)(void *));

/* A copy of text in mem; NULL gives NULL. */
char *arena_text(struct arena *mem, const char *text);

/* A copy of the first n bytes of text in mem, with a NUL behind it. */
char *arena_textn(struct arena *mem, const char *text, size_t n) __attribute__((returns_nonnull));

/* printf into mem. */
char *arena_printf(struct arena *mem, const char *format, ...)
    __attribute__((format(printf, 2, 3), returns_nonnull));

/* One zeroed struct of the given type. */
#define ARENA_NEW(mem, type) ((type *)arena_alloc((mem), sizeof(type)))

#endif
