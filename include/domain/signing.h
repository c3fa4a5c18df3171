/* The keys that sign our tokens: made, published, used, replaced, retired. They live in the
 * database, the private half sealed; every node knows the same ones. */
#ifndef DOMAIN_SIGNING_H
#define DOMAIN_SIGNING_H

#include "crypto/jwt.h"
#include "domain/core.h"

/* For how long a reader of the key set may keep it. */
enum { SIGNING_JWKS_LIFE_S = 600 };

struct signing_rules {
    int64_t publish_ms; /* a new key is published for this long before it signs        */
    int64_t reload_ms;  /* what is known of the database's keys is at most this old     */
    int64_t miss_ms;    /* an unknown kid makes us look again, but only this often      */
};

extern const struct signing_rules signing_rules_defaults;

/* What a process knows of the keys; for core->signing. Shared by all threads. */
struct signing *signing_new(const struct signing_rules *rules);
void signing_free(struct signing *signing);

/* Signs claims (JSON object text) with the key of alg that signs now; makes the first key when
 * there is none. type: the header's typ, such as "at+jwt". The token in compact form, in mem
 * (wiped with it). */
char *signing_sign(struct unit *u, enum jwt_alg alg, const char *type, const char *claims,
                   struct err *err) MUST_CHECK;

/* Verifies a token of ours of this typ: by a published key of our own table, found by kid, with
 * that key's one algorithm. The claims as JSON object text, in mem. UNAUTHORIZED, with a note for
 * the log, for everything else; exp, nbf, iss and aud are the caller's to judge. */
const char *signing_verify(struct unit *u, const char *token, const char *type,
                           struct err *err) MUST_CHECK;

/* The JWK Set (RFC 7517) as JSON text: all keys that are published now; makes the first key when
 * there is none. */
const char *signing_jwks(struct unit *u, struct err *err) MUST_CHECK;

/* A published key by itself. */
struct signing_public {
    int64_t number;  /* its own for ever               */
    const char *jwk; /* public members, as JSON text   */
};

/* The keys of signing_jwks, one by one: a list of struct signing_public. */
struct list *signing_published(struct unit *u, struct err *err) MUST_CHECK;

/* A new key of alg: published now, signing after publish_ms (at once when it is the first); the one
 * that signs now retires when the last token that it signs has expired. *kid: of the new key. */
bool signing_rotate(struct unit *u, enum jwt_alg alg, const char **kid, struct err *err) MUST_CHECK;

enum signing_state {
    SIGNING_PUBLISHED, /* does not sign yet                  */
    SIGNING_SIGNS,     /* the one of its algorithm that does */
    SIGNING_RETIRING,  /* signs no more, still believed      */
    SIGNING_RETIRED,
};

/* A key as the operator sees it. */
struct signing_key {
    const char *kid;
    int alg, state;                           /* enum jwt_alg, enum signing_state            */
    int64_t created_at, signs_at, retires_at; /* retires_at 0: not replaced yet */
};

/* All keys, the retired ones too, the newest first: a list of struct signing_key. */
struct list *signing_list(struct unit *u, struct err *err) MUST_CHECK;

#endif
