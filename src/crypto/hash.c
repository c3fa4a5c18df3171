/* Digests and MACs. The algorithms are fetched once; a thread keeps its contexts until it ends.
 * The calls cannot fail once the contexts exist, so OpenSSL's error queue is not touched. */
#include "crypto/hash.h"

#include "base/must.h"
#include "crypto_priv.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct kept {
    EVP_MD_CTX *sha256;
    EVP_MAC_CTX *hmac;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t ending; /* its destructor frees what a thread kept */
static EVP_MD *sha256;
static EVP_MAC *hmac;
static _Thread_local struct kept *kept;

_Noreturn void
hash_give_up(const char *what)
{
    fprintf(stderr, "rosterd: OpenSSL refused: %s\n", what);
    abort();
}

static void
kept_free(void *thing)
{
    struct kept *old = thing;

    kept = NULL;
    EVP_MD_CTX_free(old->sha256);
    EVP_MAC_CTX_free(old->hmac);
    free(old);
}

static void
fetch(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    if (sha256 == NULL || hmac == NULL || pthread_key_create(&ending, kept_free) != 0)
        hash_give_up("SHA256, HMAC");
}

static struct kept *
kept_get(void)
{
    if (kept != NULL)
        return kept;

    char name[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
        OSSL_PARAM_construct_end(),
    };
    pthread_once(&once, fetch);
    struct kept *fresh = must(calloc(1, sizeof *fresh));
    fresh->sha256 = must(EVP_MD_CTX_new());
    fresh->hmac = must(EVP_MAC_CTX_new(hmac));
    if (EVP_MAC_CTX_set_params(fresh->hmac, params) != 1 ||
        EVP_DigestInit_ex(fresh->sha256, sha256, NULL) != 1 ||
        pthread_setspecific(ending, fresh) != 0)
        hash_give_up("contexts of a thread");
    return kept = fresh;
}

struct digest
hash_sha256(const void *bytes, size_t n)
{
    EVP_MD_CTX *ctx = kept_get()->sha256;
    struct digest out;

    if (EVP_DigestInit_ex(ctx, NULL, NULL) != 1 || EVP_DigestUpdate(ctx, bytes, n) != 1 ||
        EVP_DigestFinal_ex(ctx, out.b, NULL) != 1)
        hash_give_up("SHA256");
    return out;
}

struct digest
hash_hmac(const void *key, size_t key_size, const void *bytes, size_t n)
{
    EVP_MAC_CTX *ctx = kept_get()->hmac;
    struct digest out;
    size_t size = 0;

    /* To OpenSSL a NULL key means the key of the last call. */
    const void *real_key = key_size == 0 ? "" : key;
    if (EVP_MAC_init(ctx, real_key, key_size, NULL) != 1 || EVP_MAC_update(ctx, bytes, n) != 1 ||
        EVP_MAC_final(ctx, out.b, &size, sizeof out.b) != 1 || size != sizeof out.b)
        hash_give_up("HMAC");
    return out;
}

void
hash_sha1_text(const void *bytes, size_t n, char text[HASH_SHA1_TEXT_SIZE])
{
    unsigned char digest[20];
    size_t size = 0;

    if (EVP_Q_digest(NULL, "SHA1", NULL, bytes, n, digest, &size) != 1 || size != sizeof digest)
        hash_give_up("SHA1");
    EVP_EncodeBlock((unsigned char *)text, digest, sizeof digest);
}

bool
hash_equal(const struct digest *a, const struct digest *b)
{
    return CRYPTO_memcmp(a->b, b->b, sizeof a->b) == 0;
}
