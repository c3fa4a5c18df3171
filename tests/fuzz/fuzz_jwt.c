/* Any bytes may be given as a token or as claims: nothing is taken but what the one key signed, and
 * that never with a character changed. Keys are not tried: they come from our own table, and
 * libjose loses memory over a damaged private one. */
#include "crypto/jwt.h"

#include "fuzz.h"

#include <assert.h>
#include <string.h>

/* The key of RFC 7515, A.3: its private half is known to everyone. */
#define KID "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U"
static const char jwk[] = "{\"kty\":\"EC\",\"crv\":\"P-256\","
                          "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
                          "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\","
                          "\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\"}";

struct some_claims {
    const char *sub;
    int64_t exp;
};

static const struct jwt_claim table[] = {
    { "sub", TEXT_AT(struct some_claims, sub) },
    { "exp", INT_AT(struct some_claims, exp) },
    JWT_CLAIM_LAST,
};

static const struct jwt_key *
find(void *arg, const char *kid, struct err *err)
{
    (void)err;
    return strcmp(kid, KID) == 0 ? arg : NULL;
}

static const char *
verify(struct jwt_key *key, const char *token, size_t n, struct arena *mem)
{
    const struct jwt_keys keys = { find, key };
    struct err err = { 0 };
    const char *claims = jwt_verify(&keys, token, n, "at+jwt", mem, &err);

    assert((claims == NULL) == (err.code == ERR_UNAUTHORIZED));
    assert(claims != NULL || strncmp(err.note, "jwt: ", 5) == 0);
    return claims;
}

/* What was taken is an object, and is not taken with another character in it. */
static void
try_token(struct jwt_key *key, const char *token, size_t n, size_t at, struct arena *mem)
{
    const char *claims = verify(key, token, n, mem);
    struct some_claims some;
    struct err err = { 0 };

    if (claims == NULL)
        return;
    (void)!jwt_claims_read(table, claims, &some, mem, &err);
    char *other = arena_textn(mem, token, n);
    other[at % n] = other[at % n] == 'A' ? 'B' : 'A';
    assert(verify(key, other, n, mem) == NULL);
}

/* The bytes as claims: what is signed comes back whole, or is refused for what it is. */
static void
try_claims(struct jwt_key *key, const char *claims, size_t at, struct arena *mem)
{
    struct some_claims some = { 0 };
    struct err err = { 0 }, refused = { 0 };
    bool good = jwt_claims_read(table, claims, &some, mem, &refused);
    char *token = jwt_sign(key, "at+jwt", claims, mem, &err);

    if (token == NULL)
        return;
    const char *back = verify(key, token, strlen(token), mem);
    assert(back == NULL ? !good : strcmp(back, claims) == 0);
    try_token(key, token, strlen(token), at, mem);
    if (good)
        (void)jwt_claims_write(table, &some, mem);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct err err = { 0 };
    struct arena *mem = arena_new();
    struct jwt_key *key = jwt_key_read(JWT_ES256, KID, jwk, sizeof jwk - 1, &err);
    size_t at = n < 2 ? 0 : (size_t)(bytes[0] << 8 | bytes[n - 1]);

    assert(key != NULL);
    try_token(key, (const char *)bytes, n, at, mem);
    try_claims(key, arena_textn(mem, (const char *)bytes, n), at, mem);
    jwt_key_free(key);
    arena_free(mem);
    return 0;
}
