/* SHA-256, HMAC and comparing without a timing trace; contexts are kept per thread. */
#ifndef CRYPTO_HASH_H
#define CRYPTO_HASH_H

#include <stdbool.h>
#include <stddef.h>

struct digest {
    unsigned char b[32];
};

/* SHA-256 (FIPS 180-4) and HMAC with it (RFC 2104); an empty key is a key. Cannot fail. */
struct digest hash_sha256(const void *bytes, size_t n);
struct digest hash_hmac(const void *key, size_t key_size, const void *bytes, size_t n);

enum { HASH_SHA1_TEXT_SIZE = 29 };

/* SHA-1 in base64, NUL-ended: only for the handshake of RFC 6455, where it protects nothing. */
void hash_sha1_text(const void *bytes, size_t n, char text[HASH_SHA1_TEXT_SIZE]);

/* In constant time. */
bool hash_equal(const struct digest *a, const struct digest *b);

#endif
