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

/* A tree as compact text in mem. */
char *jwt_json_text(const json_t *json, struct arena *mem);

#endif
