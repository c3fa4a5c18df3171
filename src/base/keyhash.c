/* FNV-1a with a random start and a strong finish. */
#include "base/keyhash.h"

uint64_t
keyhash(uint64_t seed, const void *key, size_t n)
{
    const unsigned char *bytes = key;
    uint64_t h = seed ^ 0xcbf29ce484222325u;

    for (size_t i = 0; i < n; i++)
        h = (h ^ bytes[i]) * 0x100000001b3u;
    h ^= seed >> 7;
    h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9u;
    h = (h ^ (h >> 27)) * 0x94d049bb133111ebu;
    return h ^ (h >> 31);
}
