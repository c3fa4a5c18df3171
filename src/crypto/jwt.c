/* Signing keys and signing. libjose makes, reads and prints the keys; a signature is OpenSSL's own,
 * with the key kept ready, because libjose reads the JWK anew for each (decision 7). */
#include "crypto/jwt.h"

#include "base/must.h"
#include "crypto_priv.h"
#include "jwt_priv.h"

#include <assert.h>
#include <jose/openssl.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

enum { SIGNATURE_MAX = 512, EC_HALF = 32, RSA_BITS = 2048 };

const char *const jwt_alg_names[] = { "RS256", "ES256", NULL };

static void
say_nothing(void *misc, const char *file, int line, uint64_t code, const char *format, va_list args)
{
    (void)misc;
    (void)file;
    (void)line;
    (void)code;
    (void)format;
    (void)args;
}

jose_cfg_t *
jwt_quiet(void)
{
    jose_cfg_t *cfg = must(jose_cfg());

    jose_cfg_set_err_func(cfg, say_nothing, NULL);
    return cfg;
}

void
jwt_drop_json(void *json)
{
    json_decref(json);
}

char *
jwt_json_text(const json_t *json, struct arena *mem)
{
    size_t n = json_dumpb(json, NULL, 0, JSON_COMPACT);
    char *text = arena_alloc(mem, n + 1);

    json_dumpb(json, text, n, JSON_COMPACT);
    return text;
}

/* Wipes the members of a private JWK before it is freed. */
static void
drop_private(json_t *jwk)
{
    const char *name;
    json_t *member;

    json_object_foreach(jwk, name, member) if (json_is_string(member))
        OPENSSL_cleanse((void *)(uintptr_t)json_string_value(member), json_string_length(member));
    json_decref(jwk);
}

/* The members that are published: copies of those of the public key, then kid, alg and use. */
static json_t *
public_of(const json_t *jwk, enum jwt_alg alg, const char *kid)
{
    static const char *const members[][4] = {
        [JWT_RS256] = { "kty", "n", "e", NULL },
        [JWT_ES256] = { "kty", "crv", "x", "y" },
    };
    json_t *open = must(json_object());

    for (size_t i = 0; i < COUNT(members[alg]) && members[alg][i] != NULL; i++)
        json_object_set_new(open, members[alg][i],
                            json_copy(json_object_get(jwk, members[alg][i])));
    json_object_set_new(open, "kid", json_string(kid));
    json_object_set_new(open, "alg", json_string(jwt_alg_names[alg]));
    json_object_set_new(open, "use", json_string("sig"));
    return open;
}

static bool
has_text(const json_t *jwk, const char *name, const char *want)
{
    const char *text = json_string_value(json_object_get(jwk, name));

    return text != NULL && strcmp(text, want) == 0;
}

/* Whether OpenSSL takes the key, and it is of the kind and size that alg needs. */
static bool
fits(const json_t *jwk, EVP_PKEY *pkey, enum jwt_alg alg)
{
    if (pkey == NULL ||
        (json_object_get(jwk, "alg") != NULL && !has_text(jwk, "alg", jwt_alg_names[alg])))
        return false;
    switch (alg) {
    case JWT_RS256:
        return has_text(jwk, "kty", "RSA") && EVP_PKEY_get_bits(pkey) >= RSA_BITS;
    case JWT_ES256:
        return has_text(jwk, "kty", "EC") && has_text(jwk, "crv", "P-256");
    }
    return false;
}

/* NULL: the JWK is no key for alg. */
static struct jwt_key *
key_of(jose_cfg_t *cfg, const json_t *jwk, enum jwt_alg alg)
{
    EVP_PKEY *pkey = jose_openssl_jwk_to_EVP_PKEY(cfg, jwk);
    json_t *kid = NULL;
    struct jwt_key *key = NULL;

    if (fits(jwk, pkey, alg))
        kid = jose_jwk_thp(cfg, jwk, "S256");
    if (json_string_length(kid) == JWT_KID_SIZE - 1) {
        key = must(calloc(1, sizeof *key));
        key->alg = alg;
        memcpy(key->kid, json_string_value(kid), sizeof key->kid);
        key->jwk = public_of(jwk, alg, key->kid);
        key->jwk_text = must(json_dumps(key->jwk, JSON_COMPACT));
        if (json_object_get(jwk, "d") != NULL) {
            key->signs_with = pkey;
            pkey = NULL;
        }
    }
    json_decref(kid);
    EVP_PKEY_free(pkey);
    ERR_clear_error();
    return key;
}

struct jwt_key *
jwt_key_new(enum jwt_alg alg, struct secret **private, struct err *err)
{
    jose_cfg_t *cfg = jwt_quiet();
    json_t *jwk = must(json_pack("{s:s}", "alg", jwt_alg_names[alg]));
    struct jwt_key *key = jose_jwk_gen(cfg, jwk) ? key_of(cfg, jwk, alg) : NULL;

    if (key != NULL) {
        size_t n = json_dumpb(jwk, NULL, 0, JSON_COMPACT);

        *private = secret_new(NULL, n);
        json_dumpb(jwk, (char *)secret_fill(*private), n, JSON_COMPACT);
    } else {
        err_fault(err, ERR_INTERNAL_ERROR, "jwt_key_new: no key for %s", jwt_alg_names[alg]);
    }
    drop_private(jwk);
    jose_cfg_decref(cfg);
    ERR_clear_error();
    return key;
}

struct jwt_key *
jwt_key_read(enum jwt_alg alg, const char *kid, const char *jwk, size_t n, struct err *err)
{
    jose_cfg_t *cfg = jwt_quiet();
    json_t *read = json_loadb(jwk, n, JSON_REJECT_DUPLICATES, NULL);
    struct jwt_key *key = json_is_object(read) ? key_of(cfg, read, alg) : NULL;

    if (key == NULL || strcmp(key->kid, kid) != 0) {
        jwt_key_free(key);
        key = NULL;
        err_fault(err, ERR_INTERNAL_ERROR, "jwt_key_read: %.43s is no key for %s", kid,
                  jwt_alg_names[alg]);
    }
    drop_private(read);
    jose_cfg_decref(cfg);
    return key;
}

void
jwt_key_free(struct jwt_key *key)
{
    if (key == NULL)
        return;
    json_decref(key->jwk);
    free(key->jwk_text);
    EVP_PKEY_free(key->signs_with);
    free(key);
}

const char *
jwt_key_kid(const struct jwt_key *key)
{
    return key->kid;
}

enum jwt_alg
jwt_key_alg(const struct jwt_key *key)
{
    return key->alg;
}

const char *
jwt_key_public(const struct jwt_key *key)
{
    return key->jwk_text;
}

const char *
jwt_set(const struct jwt_key *const *keys, size_t n, struct arena *mem)
{
    json_t *list = must(json_array());
    json_t *set = must(json_pack("{s:o}", "keys", list));

    for (size_t i = 0; i < n; i++)
        json_array_append(list, keys[i]->jwk);
    const char *text = jwt_json_text(set, mem);
    json_decref(set);
    return text;
}

/* The two halves of an ECDSA signature, as RFC 7518, 3.4 wants them. False: they do not fit. */
static bool
flatten(unsigned char *signature, size_t *n)
{
    const unsigned char *at = signature;
    ECDSA_SIG *halves = d2i_ECDSA_SIG(NULL, &at, (long)*n);
    bool good = halves != NULL &&
                BN_bn2binpad(ECDSA_SIG_get0_r(halves), signature, EC_HALF) == EC_HALF &&
                BN_bn2binpad(ECDSA_SIG_get0_s(halves), signature + EC_HALF, EC_HALF) == EC_HALF;

    *n = 2 * (size_t)EC_HALF;
    ECDSA_SIG_free(halves);
    return good;
}

static bool
put_signature(const struct jwt_key *key, const char *text, size_t n, unsigned char *signature,
              size_t *size)
{
    EVP_MD_CTX *ctx = must(EVP_MD_CTX_new());
    bool good = EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key->signs_with) == 1 &&
                EVP_DigestSign(ctx, signature, size, (const unsigned char *)text, n) == 1;

    EVP_MD_CTX_free(ctx);
    if (good && key->alg == JWT_ES256)
        good = flatten(signature, size);
    ERR_clear_error();
    return good;
}

size_t
jwt_put_part(char *to, size_t room, const void *bytes, size_t n)
{
    size_t size = jose_b64_enc_buf(bytes, n, to, room);

    assert(size != SIZE_MAX);
    return size;
}

static const char *
header_of(const struct jwt_key *key, const char *type, struct arena *mem)
{
    json_t *header = must(
        json_pack("{s:s, s:s, s:s}", "alg", jwt_alg_names[key->alg], "typ", type, "kid", key->kid));
    const char *text = jwt_json_text(header, mem);

    json_decref(header);
    return text;
}

static void
wipe_token(void *token)
{
    OPENSSL_cleanse(token, JWT_MAX + 1);
}

char *
jwt_begin(const char *header, const char *claims, size_t *n, struct arena *mem)
{
    char *token = arena_own(mem, arena_alloc(mem, JWT_MAX + 1), wipe_token);

    *n = jwt_put_part(token, JWT_MAX, header, strlen(header));
    token[(*n)++] = '.';
    *n += jwt_put_part(token + *n, JWT_MAX - *n, claims, strlen(claims));
    return token;
}

char *
jwt_sign(const struct jwt_key *key, const char *type, const char *claims, struct arena *mem,
         struct err *err)
{
    unsigned char signature[SIGNATURE_MAX];
    size_t size = sizeof signature, n;
    const char *header = header_of(key, type, mem);

    if (key->signs_with == NULL) {
        err_fault(err, ERR_INTERNAL_ERROR, "jwt_sign: %s is public only", key->kid);
        return NULL;
    }
    if ((strlen(header) + strlen(claims) + sizeof signature) / 3 * 4 + 16 > JWT_MAX) {
        err_fault(err, ERR_INTERNAL_ERROR, "jwt_sign: %zu bytes of claims", strlen(claims));
        return NULL;
    }
    char *token = jwt_begin(header, claims, &n, mem);
    if (!put_signature(key, token, n, signature, &size)) {
        err_fault(err, ERR_INTERNAL_ERROR, "jwt_sign: OpenSSL refused");
        return NULL;
    }
    token[n++] = '.';
    n += jwt_put_part(token + n, JWT_MAX - n, signature, size);
    token[n] = '\0';
    return token;
}
