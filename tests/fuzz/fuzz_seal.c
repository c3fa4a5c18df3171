/* Nothing but what was sealed opens; any bytes may be given as envelope, key file or token. */
#include "crypto/seal.h"
#include "crypto/token.h"

#include "fuzz.h"

#include <assert.h>
#include <string.h>

static const char key_file[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n";
static const struct seal_place place = { "0190f3a2-7b1c-4c3e-9d55-2f6a8b1c0d01",
                                         "0190f3a2-7b1c-4c3e-9d55-2f6a8b1c0d02", "endpoint_key" };

/* The first two bytes choose what is damaged in an envelope of the rest. */
static void
damage_one(const struct keyring *ring, const uint8_t *bytes, size_t n)
{
    struct arena *mem = arena_new();
    struct err err = { 0 };
    size_t plain = n - 2 > 65536 ? 65536 : n - 2;
    struct bytes sealed = seal(ring, &place, bytes + 2, plain, mem, &err);

    assert(sealed.v != NULL);
    struct secret *whole = seal_open(ring, &place, sealed, &err);
    assert(whole != NULL && memcmp(secret_bytes(whole), bytes + 2, plain) == 0);
    secret_free(whole);

    unsigned char *copy = (unsigned char *)arena_textn(mem, (const char *)sealed.v, sealed.n);
    size_t at = (size_t)(bytes[0] << 8 | bytes[1]) % (sealed.n * 8);
    copy[at / 8] ^= (unsigned char)(1 << at % 8);
    assert(seal_open(ring, &place, (struct bytes){ copy, sealed.n }, &err) == NULL);
    assert(err.code == ERR_INTERNAL_ERROR);
    err = (struct err){ 0 };
    assert(seal_open(ring, &place, (struct bytes){ sealed.v, at / 8 }, &err) == NULL);
    arena_free(mem);
}

/* The bytes as an envelope: opens only if someone knew the key, as the seed did. */
static void
open_it(const struct keyring *ring, const uint8_t *bytes, size_t n)
{
    struct err err = { 0 };
    struct secret *plain = seal_open(ring, &place, (struct bytes){ bytes, n }, &err);

    assert((plain == NULL) == (err.code == ERR_INTERNAL_ERROR));
    assert(plain == NULL || secret_size(plain) == n - 33);
    secret_free(plain);
}

static void
read_it(const char *text, size_t n)
{
    struct err err = { 0 };
    struct keyring *ring = keyring_new(text, n, &err);
    struct digest hash;
    enum token_kind kind = token_read(text, n, &hash);

    assert((ring == NULL) == (err.code == ERR_VALIDATION_ERROR));
    assert(ring == NULL || (keyring_count(ring) >= 1 && keyring_count(ring) <= 16));
    assert(kind != TOKEN_AGENT || n == 67);
    keyring_free(ring);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct err err = { 0 };
    struct keyring *ring = keyring_new(key_file, sizeof key_file - 1, &err);

    assert(ring != NULL);
    if (n >= 2)
        damage_one(ring, bytes, n);
    open_it(ring, bytes, n);
    read_it((const char *)bytes, n);
    keyring_free(ring);
    return 0;
}
