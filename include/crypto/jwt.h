/* Signed tokens (RFC 7519) and their keys (RFC 7517), by libjose; strict where libjose is not. */
#ifndef CRYPTO_JWT_H
#define CRYPTO_JWT_H

#include "base/arena.h"
#include "base/err.h"
#include "base/field.h"
#include "base/must.h"
#include "crypto/secret.h"

/* Stored as numbers: never renumber. */
enum jwt_alg {
    JWT_RS256, /* RSA, 2048 bits */
    JWT_ES256, /* P-256          */
};

/* No longer token is signed or read. */
enum { JWT_MAX = 8192, JWT_KID_SIZE = 44 };

/* Names of the algorithms as RFC 7518 has them, by enum jwt_alg; NULL-terminated. */
extern const char *const jwt_alg_names[];

/* A key that serves one algorithm; read-only once made, so that threads may share it. */
struct jwt_key;

/* A fresh pair. *private: its JWK with all members, as text to be sealed; the caller's to free.
 * NULL: INTERNAL_ERROR. */
struct jwt_key *jwt_key_new(enum jwt_alg alg, struct secret **private, struct err *err) MUST_CHECK;

/* Reads a JWK, public or private; only a private one can sign. NULL with INTERNAL_ERROR unless it
 * is a key for alg whose thumbprint is kid. */
struct jwt_key *jwt_key_read(enum jwt_alg alg, const char *kid, const char *jwk, size_t n,
                             struct err *err) MUST_CHECK;
void jwt_key_free(struct jwt_key *key);

/* The SHA-256 thumbprint of the public key (RFC 7638), in base64url. */
const char *jwt_key_kid(const struct jwt_key *key);
enum jwt_alg jwt_key_alg(const struct jwt_key *key);

/* The public JWK with kid, alg and use, as JSON text; borrowed. */
const char *jwt_key_public(const struct jwt_key *key);

/* The JWK Set (RFC 7517, 5) of n keys, as JSON text in mem. */
const char *jwt_set(const struct jwt_key *const *keys, size_t n, struct arena *mem);

/* Signs claims (the text of a JSON object): the compact form, in mem (wiped with it). Its header is
 * alg, typ and kid and nothing else. NULL: INTERNAL_ERROR (no private key, or longer than JWT_MAX).
 * Thread-safe. */
char *jwt_sign(const struct jwt_key *key, const char *type, const char *claims, struct arena *mem,
               struct err *err) MUST_CHECK;

/* The same with HMAC-SHA-256 under a secret that both sides hold ("alg": "HS256", no kid). */
char *jwt_sign_shared(const void *secret, size_t size, const char *type, const char *claims,
                      struct arena *mem, struct err *err) MUST_CHECK;

/* The keys that are believed: gives the one called kid, or NULL; with err set when that cannot be
 * said. The key must live until jwt_verify returns. */
struct jwt_keys {
    const struct jwt_key *(*find)(void *arg, const char *kid, struct err *err);
    void *arg;
};

/* Verifies a compact token of n bytes; type: the typ it must have, with or without "application/"
 * (RFC 9068, 4), in any case. The claims (the text of a JSON object), in mem. Everything else is
 * NULL with UNAUTHORIZED and a note that begins with "jwt: " and tells why: at most JWT_MAX bytes;
 * three parts in canonical base64url (RFC 7515, 2); header and claims are objects without a member
 * twice; the header has alg, typ and kid, each a text, and nothing else; alg is that of the key.
 * exp, nbf, iss and aud are the caller's to judge. Thread-safe. */
const char *jwt_verify(const struct jwt_keys *keys, const char *token, size_t n, const char *type,
                       struct arena *mem, struct err *err) MUST_CHECK;

/* Claims as a table of members (TEXT_AT, INT_AT) of a struct, for rooms that do not read JSON. */
struct jwt_claim {
    const char *name;
    enum field_kind kind; /* FIELD_TEXT, FIELD_INT; FIELD_TEXTS only to be written */
    size_t offset;
};

#define JWT_CLAIM_LAST                                                                             \
    {                                                                                              \
        .name = NULL                                                                               \
    }

/* The text of a JSON object with the members of thing, in the order of the table, in mem. A text
 * that is NULL and a number that is 0 are left out. */
const char *jwt_claims_write(const struct jwt_claim *table, const void *thing, struct arena *mem);

/* Fills in thing from claims: texts in mem; what is not there is NULL or 0, what is not in the
 * table is passed over. UNAUTHORIZED with a note when a member is of another kind. */
bool jwt_claims_read(const struct jwt_claim *table, const char *claims, void *thing,
                     struct arena *mem, struct err *err) MUST_CHECK;

#endif
