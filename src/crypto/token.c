/* Bearer tokens: made, told apart, hashed; never compared as text. */
#include "crypto/token.h"

#include "base/ids.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <string.h>

enum { RANDOM_SIZE = 32, HEX_SIZE = 2 * RANDOM_SIZE, TEXT_MAX = 80 };

static const struct {
    enum token_kind kind;
    const char *prefix;
} forms[] = {
    { TOKEN_AGENT, "tk_" },
    { TOKEN_KEY, "rk_" },
    { TOKEN_LIVE, "sk_live_" },
};
enum { FORMS = sizeof forms / sizeof *forms };

static void
wipe_text(void *text)
{
    OPENSSL_cleanse(text, TEXT_MAX);
}

struct token
token_new(enum token_kind kind, struct arena *mem)
{
    unsigned char random[RANDOM_SIZE];
    struct token token = { .text = arena_own(mem, arena_alloc(mem, TEXT_MAX), wipe_text) };
    size_t f = 0;

    while (f < FORMS && forms[f].kind != kind)
        f++;
    assert(f < FORMS);
    size_t prefix = strlen(forms[f].prefix), n = prefix + HEX_SIZE;
    memcpy(token.text, forms[f].prefix, prefix);
    ids_random(random, sizeof random);
    ids_hex(random, sizeof random, token.text + prefix);
    OPENSSL_cleanse(random, sizeof random);
    memcpy(token.hint, token.text + n - (TOKEN_HINT_SIZE - 1), TOKEN_HINT_SIZE - 1);
    token.hash = hash_sha256(token.text, n);
    return token;
}

/* A token is looked at on every request: no search for each character. */
static bool
is_lower_hex(const char *text, size_t n)
{
    for (; n > 0; n--, text++)
        if (!(*text >= '0' && *text <= '9') && !(*text >= 'a' && *text <= 'f'))
            return false;
    return true;
}

/* RFC 4648, section 5. */
static bool
is_base64url(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

static size_t
span_base64url(const char *text, size_t n)
{
    size_t i = 0;

    while (i < n && is_base64url((unsigned char)text[i]))
        i++;
    return i;
}

static bool
is_jwt(const char *text, size_t n)
{
    for (int part = 1; part <= 3; part++) {
        size_t size = span_base64url(text, n);

        if (size == 0)
            return false;
        if (part == 3)
            return size == n;
        if (size == n || text[size] != '.')
            return false;
        text += size + 1;
        n -= size + 1;
    }
    return false;
}

enum token_kind
token_read(const char *text, size_t n, struct digest *hash)
{
    for (size_t f = 0; f < FORMS; f++) {
        size_t prefix = strlen(forms[f].prefix);

        if (n < prefix || memcmp(text, forms[f].prefix, prefix) != 0)
            continue;
        if (n != prefix + HEX_SIZE || !is_lower_hex(text + prefix, HEX_SIZE))
            return TOKEN_MALFORMED;
        *hash = hash_sha256(text, n);
        return forms[f].kind;
    }
    return is_jwt(text, n) ? TOKEN_JWT : TOKEN_NONE;
}
