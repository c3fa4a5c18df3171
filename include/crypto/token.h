/* Bearer tokens: a prefix and 64 lower-case hex digits of 32 random bytes; only hashes are kept. */
#ifndef CRYPTO_TOKEN_H
#define CRYPTO_TOKEN_H

#include "base/arena.h"
#include "crypto/hash.h"

enum token_kind {
    TOKEN_NONE,      /* no known prefix                     */
    TOKEN_MALFORMED, /* a known prefix, but not its form    */
    TOKEN_AGENT,     /* tk_                                 */
    TOKEN_KEY,       /* rk_                                 */
    TOKEN_LIVE,      /* sk_live_                            */
    TOKEN_JWT,       /* three base64url parts               */
};

enum { TOKEN_HINT_SIZE = 5 };

struct token {
    char *text;                 /* in mem, wiped with it            */
    char hint[TOKEN_HINT_SIZE]; /* its last four characters         */
    struct digest hash;
};

/* A fresh token of kind TOKEN_AGENT, TOKEN_KEY or TOKEN_LIVE. */
struct token token_new(enum token_kind kind, struct arena *mem);

/* What text looks like; for the kinds with hex also its hash. */
enum token_kind token_read(const char *text, size_t n, struct digest *hash);

#endif
