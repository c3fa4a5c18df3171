/* Optimal string alignment distance of short words. */
#include "json/near.h"

#include <ctype.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>

/* The letters that count, lower-case; false when the word is too long. */
static bool
fold(const char *word, char out[NEAR_WORD_MAX + 1], size_t *n)
{
    *n = 0;
    for (; *word != '\0'; word++) {
        if (*word == '_' || *word == '-')
            continue;
        if (*n == NEAR_WORD_MAX)
            return false;
        out[(*n)++] = (char)tolower((unsigned char)*word);
    }
    out[*n] = '\0';
    return true;
}

static unsigned
least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

unsigned
near_distance(const char *a, const char *b)
{
    unsigned row[3][NEAR_WORD_MAX + 1]; /* rows i - 2, i - 1 and i of the table, turning */
    char x[NEAR_WORD_MAX + 1], y[NEAR_WORD_MAX + 1];
    size_t nx, ny;

    if (!fold(a, x, &nx) || !fold(b, y, &ny))
        return UINT_MAX;
    for (size_t k = 0; k <= ny; k++)
        row[0][k] = (unsigned)k;
    for (size_t i = 1; i <= nx; i++) {
        unsigned *now = row[i % 3], *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];

        now[0] = (unsigned)i;
        for (size_t k = 1; k <= ny; k++) {
            now[k] = least(last[k - 1] + (x[i - 1] != y[k - 1]), least(last[k], now[k - 1]) + 1);
            if (i > 1 && k > 1 && x[i - 1] == y[k - 2] && x[i - 2] == y[k - 1])
                now[k] = least(now[k], before[k - 2] + 1);
        }
    }
    return row[nx % 3][ny];
}

bool
near_enough(unsigned distance, const char *word)
{
    size_t n = strlen(word);

    return distance == 0 || (distance == 1 && n >= 3) || (distance == 2 && n >= 6) ||
           (distance == 3 && n >= 12);
}
