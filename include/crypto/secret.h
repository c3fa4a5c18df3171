/* Bytes that are wiped when freed and that nothing can print. */
#ifndef CRYPTO_SECRET_H
#define CRYPTO_SECRET_H

#include <stddef.h>

struct secret;

/* A copy of n bytes, zeros when bytes is NULL; a NUL is kept behind them. Lives in pages that core
 * files leave out (not under a sanitizer, where each is its own malloc). */
struct secret *secret_new(const void *bytes, size_t n);

/* Wipes and frees; NULL is fine. */
void secret_free(struct secret *secret);
void secret_free_scoped(struct secret **secret);
#define SECRET_SCOPED __attribute__((cleanup(secret_free_scoped)))

/* The bytes, borrowed, and how many they are without the NUL. */
const char *secret_bytes(const struct secret *secret);
size_t secret_size(const struct secret *secret);

#endif
