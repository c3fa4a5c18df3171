/* What of a search an index of trigrams can know. */
#include "domain_priv.h"

#include <ctype.h>

/* As in pg_trgm: of what has no three letters or digits in a row, no index knows anything. */
enum { TRIGRAM = 3, WORDS_MOST = 16 };

static bool
in_word(char c)
{
    return isalnum((unsigned char)c) || (unsigned char)c >= 0x80;
}

struct texts
search_words(const char *q, struct arena *mem)
{
    struct texts words = { arena_alloc(mem, WORDS_MOST * sizeof(char *)), 0 };

    while (q != NULL && *q != '\0' && words.n < WORDS_MOST) {
        size_t n = 0, letters = 0;

        for (; in_word(q[n]); n++)
            letters += ((unsigned char)q[n] & 0xc0) != 0x80;
        if (letters >= TRIGRAM)
            words.v[words.n++] = arena_textn(mem, q, n);
        q += n == 0 ? 1 : n;
    }
    return words;
}
