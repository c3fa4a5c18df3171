/* Tokens that jwt_sign would not make: any header and claims, signed in any way. */
#ifndef HARNESS_FORGE_H
#define HARNESS_FORGE_H

#include "crypto/jwt.h"

/* Two keys that are believed, and one that is not. In headers $R, $E and $F stand for their kids.
 */
enum forge_key { OUR_RSA, OUR_EC, NOT_OURS, FORGE_KEYS };

/* How a forged token is signed. */
enum signer {
    RS256,     /* with our key: all but what the case is about is in order */
    ES256,     /* likewise                                                 */
    FOREIGN,   /* RS256 with a key that is not ours                        */
    RS384,     /* with our key                                             */
    RS512,     /* with our key                                             */
    PS256,     /* with our key                                             */
    DER,       /* ES256 in the form that OpenSSL writes                    */
    ZERO,      /* r = s = 0                                                */
    HALF_ZERO, /* s = 0                                                    */
    HMAC_PEM,  /* HS256; the secret is our public key as PEM               */
    HMAC_JWK,  /* HS256; the secret is our public JWK as text              */
    HMAC_KID,  /* HS256; the secret is the kid                             */
    HMAC_VOID, /* HS256; the secret is empty                               */
    JUNK,      /* 256 bytes 0xff                                           */
    NOTHING,
};

/* Makes the keys, and the memory of what is forged; false: it could not. */
bool forge_open(void);
void forge_close(void);

const struct jwt_key *forge_key(enum forge_key key);

/* The token in compact form; lives until forge_close. */
char *forge(const char *header, const char *claims, enum signer signer);

/* The same with a signature that is made by hand: sign writes it to out for the text that is
 * signed, and says how long it is. */
enum { FORGE_SIGNATURE_MAX = 1024 };
typedef size_t forge_sign(const char *text, const void *arg, unsigned char *out);
char *forge_by(const char *header, const char *claims, forge_sign *sign, const void *arg);

/* Our EC key's signature of text: r and s, 32 bytes each. */
void forge_ec(const char *text, unsigned char out[64]);

/* The order of the EC key's group, and the modulus of the RSA key: big-endian. */
void forge_order(unsigned char out[32]);
void forge_modulus(unsigned char out[256]);

/* What our RSA key makes of a number of 256 bytes, without any padding of its own. */
void forge_rsa(const unsigned char block[256], unsigned char out[256]);

#endif
