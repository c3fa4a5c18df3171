/* A hash for tables whose keys strangers choose. */
#ifndef BASE_KEYHASH_H
#define BASE_KEYHASH_H

#include <stddef.h>
#include <stdint.h>

/* seed: random for each table, so that nobody can aim at one bucket. All bits are fit for use. */
uint64_t keyhash(uint64_t seed, const void *key, size_t n);

#endif
