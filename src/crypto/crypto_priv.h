/* What only the files of this room share. */
#ifndef CRYPTO_PRIV_H
#define CRYPTO_PRIV_H

#include "crypto/secret.h"

/* The bytes of a fresh secret, to be filled by the one who made it, before anyone else sees it. */
unsigned char *secret_fill(struct secret *secret);

/* Ends the process with one line on stderr: OpenSSL refused what cannot fail. */
_Noreturn void hash_give_up(const char *what);

#endif
