/* What the files of signed tokens share. */
#ifndef CRYPTO_JWT_PRIV_H
#define CRYPTO_JWT_PRIV_H

#include "crypto/jwt.h"

#include <jansson.h>
#include <jose/jose.h>

struct jwt_key {
    enum jwt_alg alg;
    char kid[JWT_KID_SIZE];
    json_t *jwk;      /* public, as published                              */
    char *jwk_text;   /* the same                                          */
    void *signs_with; /* EVP_PKEY with the private half; NULL: public only */
};

/* A configuration of libjose that prints nothing; for one call, as its count of users is not safe
 * among threads. Free with jose_cfg_decref. */
jose_cfg_t *jwt_quiet(void);

/* For arena_own: json_decref. */
void jwt_drop_json(void *json);

/* Appends bytes in base64url; how many characters that is. They must fit. */
size_t jwt_put_part(char *to, size_t room, const void *bytes, size_t n);

/* The first two parts of a token, with room for JWT_MAX bytes, in mem (wiped with it); *n: how long
 * they are. They must leave room for a signature. */
char *jwt_begin(const char *header, const char *claims, size_t *n, struct arena *mem);

/* A tree as compact text in mem. */
char *jwt_json_text(const json_t *json, struct arena *mem);

#endif
