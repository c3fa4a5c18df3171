/* Sealing secrets with AES-256-GCM, bound to the place where they are kept. */
#ifndef CRYPTO_SEAL_H
#define CRYPTO_SEAL_H

#include "base/arena.h"
#include "base/err.h"
#include "base/field.h"
#include "base/must.h"
#include "crypto/secret.h"

struct keyring;

enum { SEAL_KEY_ID_SIZE = 4 };

/* Where a sealed value is kept: part of what is authenticated. */
struct seal_place {
    const char *org, *row, *column; /* UUID text, UUID text, name of the column */
};

/* Reads a key file: one key per line, 64 hex digits, "#" begins a comment; the first seals, all
 * open; 1 to 16 keys, none twice. Read-only once made. Fails with VALIDATION_ERROR, a reason naming
 * the line and never its text. */
struct keyring *keyring_new(const char *text, size_t n, struct err *err) MUST_CHECK;
void keyring_free(struct keyring *keys);

/* A line for a new key file: 64 random hex digits and a newline, in mem (wiped with it). */
char *keyring_line(struct arena *mem);

/* The ids (first 4 bytes of SHA-256 of the key) in the order of the file. */
size_t keyring_count(const struct keyring *keys);
void keyring_id(const struct keyring *keys, size_t i, unsigned char id[SEAL_KEY_ID_SIZE]);

/* Envelope: version 1 (1 byte) | key id (4) | nonce (12) | ciphertext | tag (16). Each place has a
 * key of its own, HMAC-SHA-256(master key, "agk1-key" | place), and each seal a fresh random nonce,
 * so that the bound on random nonces of one key is never near. Associated data: "agk1" | version |
 * key id | place, where place is org, row and column, each at most 64 bytes and behind its length
 * in two bytes, high byte first. plain n <= 64 KiB. In mem. Fails with INTERNAL_ERROR: v is NULL
 * then. Thread-safe. */
struct bytes seal(const struct keyring *keys, const struct seal_place *place, const void *plain,
                  size_t n, struct arena *mem, struct err *err) MUST_CHECK;

/* The plain bytes, owned by the caller. NULL on any damage, a wrong place or an unknown key:
 * INTERNAL_ERROR with a note. Thread-safe. */
struct secret *seal_open(const struct keyring *keys, const struct seal_place *place,
                         struct bytes sealed, struct err *err) MUST_CHECK;

enum { SEAL_MAC_SIZE = SEAL_KEY_ID_SIZE + 32 };

/* For what is kept in clear but may not be altered: the id of the first key, and HMAC-SHA-256 of
 * the bytes under HMAC-SHA-256(master key, "agk1-mac" | place). SEAL_MAC_SIZE bytes, in mem. */
struct bytes seal_mac(const struct keyring *keys, const struct seal_place *place, const void *bytes,
                      size_t n, struct arena *mem);

/* Whether mac is what a key of the ring gives for these bytes at this place. */
bool seal_mac_holds(const struct keyring *keys, const struct seal_place *place, const void *bytes,
                    size_t n, struct bytes mac);

#endif
