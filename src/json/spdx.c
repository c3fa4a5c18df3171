/* A recursive-descent reader of licence expressions; the ids are rows of spdx_ids.def. */
#include "json/spdx.h"

#include "base/must.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const licences[] = {
#define LICENCE(id) id,
#include "spdx_ids.def"
#undef LICENCE
};

static const char *const exceptions[] = {
#define EXCEPTION(id) id,
#include "spdx_ids.def"
#undef EXCEPTION
};

enum { WORD_MAX = 128, PARENTHESES_MAX = 16 };

/* The rest of the text, and the token in front of it: a word, "(", ")", or "" at the end. */
struct scan {
    const char *rest;
    char word[WORD_MAX];
    unsigned depth;
};

static bool
is_id_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.';
}

/* Takes the next token; false when no token can begin here. */
static bool
next(struct scan *scan)
{
    size_t n = 0;

    while (*scan->rest == ' ')
        scan->rest++;
    if (*scan->rest == '(' || *scan->rest == ')')
        n = 1;
    else
        while (is_id_char(scan->rest[n]) || scan->rest[n] == ':' || scan->rest[n] == '+')
            n++;
    if (n >= WORD_MAX || (n == 0 && *scan->rest != '\0'))
        return false;
    memcpy(scan->word, scan->rest, n);
    scan->word[n] = '\0';
    scan->rest += n;
    return true;
}

static int
compare(const void *key, const void *row)
{
    return strcasecmp(key, *(const char *const *)row);
}

static bool
is_listed(const char *id, const char *const *list, size_t n)
{
    return bsearch(id, list, n, sizeof *list, compare) != NULL;
}

/* The prefix and at least one letter of an id behind it; where that ends, or NULL. */
static const char *
skip_ref(const char *word, const char *prefix)
{
    size_t n = strlen(prefix);

    if (strncmp(word, prefix, n) != 0 || !is_id_char(word[n]))
        return NULL;
    for (word += n; is_id_char(*word);)
        word++;
    return word;
}

static bool
is_licence(char *word)
{
    const char *end = skip_ref(word, "DocumentRef-");
    size_t n = strlen(word);

    if (end != NULL)
        end = *end == ':' ? skip_ref(end + 1, "LicenseRef-") : NULL;
    else
        end = skip_ref(word, "LicenseRef-");
    if (end != NULL)
        return *end == '\0';
    if (is_listed(word, licences, COUNT(licences)))
        return true;
    if (n < 2 || word[n - 1] != '+')
        return false;
    word[n - 1] = '\0';
    return is_listed(word, licences, COUNT(licences));
}

static bool
is_operator(const struct scan *scan, const char *upper, const char *lower)
{
    return strcmp(scan->word, upper) == 0 || strcmp(scan->word, lower) == 0;
}

static bool expression(struct scan *scan);

/* "(" expression ")", or a licence with an exception perhaps. */
static bool
term(struct scan *scan)
{
    if (strcmp(scan->word, "(") == 0) {
        if (++scan->depth > PARENTHESES_MAX || !next(scan) || !expression(scan) ||
            strcmp(scan->word, ")") != 0)
            return false;
        scan->depth--;
        return next(scan);
    }
    if (!is_licence(scan->word) || !next(scan))
        return false;
    if (!is_operator(scan, "WITH", "with"))
        return true;
    return next(scan) && is_listed(scan->word, exceptions, COUNT(exceptions)) && next(scan);
}

/* AND binds closer than OR, which does not matter to whether it is an expression. */
static bool
expression(struct scan *scan)
{
    if (!term(scan))
        return false;
    while (is_operator(scan, "AND", "and") || is_operator(scan, "OR", "or"))
        if (!next(scan) || !term(scan))
            return false;
    return true;
}

bool
spdx_is_expression(const char *text)
{
    struct scan scan = { .rest = text };

    return next(&scan) && expression(&scan) && scan.word[0] == '\0';
}
