/* The words of scopes and their bits (model/scope.h). */
#include "domain/keys.h"

#include "model/scope.h"

#include <string.h>

const char *const scope_names[] = {
    "agents:read",    "agents:write", "tokens:read", "audit:read", "webhooks:read",
    "webhooks:write", "admin:orgs",   "openid",      NULL,
};

enum {
    READ = SCOPE_AGENTS_READ | SCOPE_TOKENS_READ | SCOPE_AUDIT_READ | SCOPE_WEBHOOKS_READ,
    ADMIN = READ | SCOPE_AGENTS_WRITE | SCOPE_WEBHOOKS_WRITE,
    FULL = ((1 << SCOPE_COUNT) - 1) & ~SCOPE_ADMIN_ORGS,
};

static const struct {
    const char *word;
    unsigned scopes;
} sets[] = { { "read", READ }, { "admin", ADMIN }, { "full", FULL } };

static bool
is_word(const char *text, size_t n, const char *word)
{
    return strlen(word) == n && memcmp(text, word, n) == 0;
}

static unsigned
scopes_of_word(const char *text, size_t n)
{
    for (size_t i = 0; i < COUNT(sets); i++)
        if (is_word(text, n, sets[i].word))
            return sets[i].scopes;
    for (unsigned i = 0; i < SCOPE_COUNT; i++)
        if (is_word(text, n, scope_names[i]))
            return 1u << i;
    return 0;
}

bool
scopes_read(const char *text, unsigned *scopes, struct err *err)
{
    static const char between[] = ", ";

    *scopes = 0;
    for (const char *at = text + strspn(text, between); *at != '\0'; at += strspn(at, between)) {
        size_t n = strcspn(at, between);
        unsigned more = scopes_of_word(at, n);

        if (more == 0)
            return err_set(err, ERR_VALIDATION_ERROR, "scope", "There is a word that is no scope.");
        *scopes |= more;
        at += n;
    }
    return *scopes != 0 || err_set(err, ERR_VALIDATION_ERROR, "scope", "At least one is needed.");
}

struct texts
scopes_words(unsigned scopes, struct arena *mem)
{
    struct texts words = { arena_alloc(mem, COUNT(sets) * sizeof *words.v), 0 };

    for (size_t i = 0; i < COUNT(sets); i++)
        if ((scopes & sets[i].scopes) == sets[i].scopes)
            words.v[words.n++] = sets[i].word;
    return words;
}

char *
scopes_text(unsigned scopes, struct arena *mem)
{
    char *text = arena_text(mem, "");

    for (unsigned i = 0; i < SCOPE_COUNT; i++)
        if ((scopes & 1u << i) != 0)
            text = arena_printf(mem, "%s%s%s", text, text[0] == '\0' ? "" : " ", scope_names[i]);
    return text;
}
