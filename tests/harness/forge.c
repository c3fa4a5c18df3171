/* Forging tokens, by OpenSSL alone. */
#include "forge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <jose/jose.h>
#include <jose/openssl.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <string.h>

static struct {
    struct jwt_key *key;
    EVP_PKEY *pkey;
} keys[FORGE_KEYS];

static struct arena *mem;

static bool
make_key(int i, enum jwt_alg alg)
{
    struct err err = { 0 };
    struct secret *private = NULL;
    jose_cfg_t *cfg = jose_cfg();

    keys[i].key = jwt_key_new(alg, &private, &err);
    if (keys[i].key == NULL)
        return false;
    json_t *jwk = json_loads(secret_bytes(private), 0, NULL);
    keys[i].pkey = jose_openssl_jwk_to_EVP_PKEY(cfg, jwk);
    json_decref(jwk);
    secret_free(private);
    jose_cfg_decref(cfg);
    return keys[i].pkey != NULL;
}

bool
forge_open(void)
{
    mem = arena_new();
    return make_key(OUR_RSA, JWT_RS256) && make_key(OUR_EC, JWT_ES256) &&
           make_key(NOT_OURS, JWT_RS256);
}

void
forge_close(void)
{
    for (int i = 0; i < FORGE_KEYS; i++) {
        jwt_key_free(keys[i].key);
        EVP_PKEY_free(keys[i].pkey);
    }
    arena_free(mem);
}

const struct jwt_key *
forge_key(enum forge_key key)
{
    return keys[key].key;
}

static char *
part_of(const void *bytes, size_t n)
{
    char *part = arena_alloc(mem, n * 2 + 8);

    jose_b64_enc_buf(bytes, n, part, n * 2 + 8);
    return part;
}

/* With the kids in their places. */
static char *
filled(const char *text)
{
    static const char letters[] = "REF";
    char *full = arena_alloc(mem, strlen(text) + 4 * JWT_KID_SIZE);
    size_t n = 0;

    while (*text != '\0') {
        const char *letter = text[0] == '$' && text[1] != '\0' ? strchr(letters, text[1]) : NULL;

        if (letter == NULL) {
            full[n++] = *text++;
            continue;
        }
        memcpy(full + n, jwt_key_kid(keys[letter - letters].key), JWT_KID_SIZE - 1);
        n += JWT_KID_SIZE - 1;
        text += 2;
    }
    return full;
}

struct piece {
    unsigned char b[1024];
    size_t n;
};

static struct piece
signed_by(int key, const EVP_MD *md, bool pss, const char *text)
{
    struct piece out = { .n = sizeof out.b };
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *how = NULL;

    assert_int_equal(EVP_DigestSignInit(ctx, &how, md, NULL, keys[key].pkey), 1);
    if (pss) {
        assert_true(EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING) > 0);
        assert_true(EVP_PKEY_CTX_set_rsa_pss_saltlen(how, RSA_PSS_SALTLEN_DIGEST) > 0);
    }
    assert_int_equal(EVP_DigestSign(ctx, out.b, &out.n, (const unsigned char *)text, strlen(text)),
                     1);
    EVP_MD_CTX_free(ctx);
    return out;
}

/* r and s behind each other, as tokens have them. */
static struct piece
flat(struct piece der)
{
    struct piece out = { .n = 64 };
    const unsigned char *at = der.b;
    ECDSA_SIG *halves = d2i_ECDSA_SIG(NULL, &at, (long)der.n);

    assert_non_null(halves);
    BN_bn2binpad(ECDSA_SIG_get0_r(halves), out.b, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(halves), out.b + 32, 32);
    ECDSA_SIG_free(halves);
    return out;
}

static struct piece
mac_of(const char *secret, const char *text)
{
    struct piece out;
    unsigned size = 0;

    HMAC(EVP_sha256(), secret, (int)strlen(secret), (const unsigned char *)text, strlen(text),
         out.b, &size);
    out.n = size;
    return out;
}

static const char *
pem_of(int key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;

    PEM_write_bio_PUBKEY(bio, keys[key].pkey);
    long n = BIO_get_mem_data(bio, &text);
    const char *pem = arena_textn(mem, text, (size_t)n);
    BIO_free(bio);
    return pem;
}

static struct piece
signature_of(enum signer signer, const char *text)
{
    struct piece out = { .n = 64 };

    switch (signer) {
    case RS256:
        return signed_by(OUR_RSA, EVP_sha256(), false, text);
    case ES256:
        return flat(signed_by(OUR_EC, EVP_sha256(), false, text));
    case FOREIGN:
        return signed_by(NOT_OURS, EVP_sha256(), false, text);
    case RS384:
        return signed_by(OUR_RSA, EVP_sha384(), false, text);
    case RS512:
        return signed_by(OUR_RSA, EVP_sha512(), false, text);
    case PS256:
        return signed_by(OUR_RSA, EVP_sha256(), true, text);
    case DER:
        return signed_by(OUR_EC, EVP_sha256(), false, text);
    case HALF_ZERO:
        out = flat(signed_by(OUR_EC, EVP_sha256(), false, text));
        memset(out.b + 32, 0, 32);
        return out;
    case HMAC_PEM:
        return mac_of(pem_of(OUR_RSA), text);
    case HMAC_JWK:
        return mac_of(jwt_key_public(keys[OUR_RSA].key), text);
    case HMAC_KID:
        return mac_of(jwt_key_kid(keys[OUR_RSA].key), text);
    case HMAC_VOID:
        return mac_of("", text);
    case JUNK:
        out.n = 256;
        memset(out.b, 0xff, out.n);
        return out;
    case NOTHING:
        out.n = 0;
        return out;
    case ZERO:
        return out;
    }
    return out;
}

char *
forge(const char *header, const char *claims, enum signer signer)
{
    char *head = filled(header);
    char *text =
        arena_printf(mem, "%s.%s", part_of(head, strlen(head)), part_of(claims, strlen(claims)));
    struct piece signature = signature_of(signer, text);

    return arena_printf(mem, "%s.%s", text, part_of(signature.b, signature.n));
}

char *
forge_by(const char *header, const char *claims, forge_sign *sign, const void *arg)
{
    char *head = filled(header);
    char *text =
        arena_printf(mem, "%s.%s", part_of(head, strlen(head)), part_of(claims, strlen(claims)));
    unsigned char signature[FORGE_SIGNATURE_MAX];
    size_t n = sign(text, arg, signature);

    return arena_printf(mem, "%s.%s", text, part_of(signature, n));
}

void
forge_ec(const char *text, unsigned char out[64])
{
    struct piece raw = flat(signed_by(OUR_EC, EVP_sha256(), false, text));

    memcpy(out, raw.b, raw.n);
}

void
forge_order(unsigned char out[32])
{
    static const unsigned char order[32] = {
        0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17,
        0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    };

    memcpy(out, order, sizeof order);
}

void
forge_modulus(unsigned char out[256])
{
    BIGNUM *number = NULL;

    assert_int_equal(EVP_PKEY_get_bn_param(keys[OUR_RSA].pkey, OSSL_PKEY_PARAM_RSA_N, &number), 1);
    assert_int_equal(BN_bn2binpad(number, out, 256), 256);
    BN_free(number);
}

void
forge_rsa(const unsigned char block[256], unsigned char out[256])
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(keys[OUR_RSA].pkey, NULL);
    size_t n = 256;

    assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
    assert_true(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) > 0);
    assert_int_equal(EVP_PKEY_sign(ctx, out, &n, block, 256), 1);
    assert_int_equal(n, 256);
    EVP_PKEY_CTX_free(ctx);
}
