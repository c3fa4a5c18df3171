/* The envelope of a kept secret and the key ring that opens it. Nothing here is ever tried with a
 * second key: the envelope names the one that made it. */
#include "crypto/seal.h"

#include "base/ids.h"
#include "crypto_priv.h"
#include "crypto/hash.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS_MAX = 16, KEY_SIZE = 32, KEY_HEX = 2 * KEY_SIZE };
enum { VERSION = 1, NONCE_SIZE = 12, TAG_SIZE = 16, HEAD_SIZE = 1 + SEAL_KEY_ID_SIZE + NONCE_SIZE };
enum { PLAIN_MAX = 64 * 1024, PART_MAX = 64 };

struct keyring {
    size_t n;
    struct {
        unsigned char id[SEAL_KEY_ID_SIZE];
        int line; /* of the file */
        struct secret *master;
    } keys[KEYS_MAX];
};

/* Length-prefixed parts, so that no two places give the same bytes. */
struct label {
    unsigned char b[8 + 1 + SEAL_KEY_ID_SIZE + 3 * (2 + PART_MAX)];
    size_t n;
};

/* What a derived key is for. */
static const char use_seal[] = "agk1-key", use_mac[] = "agk1-mac";

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t ending; /* its destructor frees the context of a thread */
static EVP_CIPHER *gcm;
/* The key of the last place stays in it until the next: no more than the ring itself tells. */
static _Thread_local EVP_CIPHER_CTX *kept;

static void
kept_free(void *ctx)
{
    kept = NULL;
    EVP_CIPHER_CTX_free(ctx);
}

static void
fetch(void)
{
    gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    if (gcm == NULL || pthread_key_create(&ending, kept_free) != 0)
        hash_give_up("AES-256-GCM");
}

static EVP_CIPHER_CTX *
kept_get(void)
{
    if (kept == NULL) {
        pthread_once(&once, fetch);
        kept = must(EVP_CIPHER_CTX_new());
        if (pthread_setspecific(ending, kept) != 0)
            hash_give_up("context of a thread");
    }
    return kept;
}

static bool
line_fault(struct err *err, int line, const char *what)
{
    return err_setf(err, ERR_VALIDATION_ERROR, NULL, "Key file, line %d: %s.", line, what);
}

/* 64 hex digits of either case to a key; false on anything else. */
static bool
read_hex(const char *text, size_t n, unsigned char key[KEY_SIZE])
{
    char lower[KEY_HEX + 1];

    if (n != KEY_HEX)
        return false;
    for (size_t i = 0; i < n; i++)
        lower[i] = (char)(text[i] >= 'A' && text[i] <= 'F' ? text[i] - 'A' + 'a' : text[i]);
    lower[KEY_HEX] = '\0';
    bool good = ids_unhex(lower, key, KEY_SIZE);
    OPENSSL_cleanse(lower, sizeof lower);
    return good;
}

static bool
add_key(struct keyring *ring, const unsigned char key[KEY_SIZE], int line, struct err *err)
{
    struct digest digest = hash_sha256(key, KEY_SIZE);

    if (ring->n == KEYS_MAX)
        return line_fault(err, line, "more than 16 keys");
    for (size_t i = 0; i < ring->n; i++)
        if (memcmp(ring->keys[i].id, digest.b, SEAL_KEY_ID_SIZE) == 0)
            return err_setf(err, ERR_VALIDATION_ERROR, NULL,
                            "Key file, line %d: the same key id as that of line %d.", line,
                            ring->keys[i].line);
    memcpy(ring->keys[ring->n].id, digest.b, SEAL_KEY_ID_SIZE);
    ring->keys[ring->n].line = line;
    ring->keys[ring->n].master = secret_new(key, KEY_SIZE);
    ring->n++;
    return true;
}

static bool
read_line(struct keyring *ring, const char *text, size_t n, int line, struct err *err)
{
    unsigned char key[KEY_SIZE];
    const char *comment = memchr(text, '#', n);

    if (comment != NULL)
        n = (size_t)(comment - text);
    for (; n > 0 && (text[0] == ' ' || text[0] == '\t'); n--)
        text++;
    while (n > 0 && (text[n - 1] == ' ' || text[n - 1] == '\t' || text[n - 1] == '\r'))
        n--;
    if (n == 0)
        return true;
    if (!read_hex(text, n, key))
        return line_fault(err, line, "must be 64 hex digits");
    bool added = add_key(ring, key, line, err);
    OPENSSL_cleanse(key, sizeof key);
    return added;
}

struct keyring *
keyring_new(const char *text, size_t n, struct err *err)
{
    struct keyring *ring = must(calloc(1, sizeof *ring));
    const char *end = text + n;

    for (int line = 1; text < end; line++) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        const char *stop = newline == NULL ? end : newline;

        if (!read_line(ring, text, (size_t)(stop - text), line, err))
            goto bad;
        text = newline == NULL ? end : newline + 1;
    }
    if (ring->n > 0)
        return ring;
    err_set(err, ERR_VALIDATION_ERROR, NULL, "The key file has no key in it.");
bad:
    keyring_free(ring);
    return NULL;
}

void
keyring_free(struct keyring *keys)
{
    if (keys == NULL)
        return;
    for (size_t i = 0; i < keys->n; i++)
        secret_free(keys->keys[i].master);
    free(keys);
}

static void
wipe_line(void *text)
{
    OPENSSL_cleanse(text, KEY_HEX + 2);
}

char *
keyring_line(struct arena *mem)
{
    char *text = arena_own(mem, arena_alloc(mem, KEY_HEX + 2), wipe_line);
    unsigned char key[KEY_SIZE];

    ids_random(key, sizeof key);
    ids_hex(key, sizeof key, text);
    OPENSSL_cleanse(key, sizeof key);
    text[KEY_HEX] = '\n';
    return text;
}

size_t
keyring_count(const struct keyring *keys)
{
    return keys->n;
}

void
keyring_id(const struct keyring *keys, size_t i, unsigned char id[SEAL_KEY_ID_SIZE])
{
    assert(i < keys->n);
    memcpy(id, keys->keys[i].id, SEAL_KEY_ID_SIZE);
}

static void
put_bytes(struct label *label, const void *bytes, size_t n)
{
    assert(n <= sizeof label->b - label->n);
    memcpy(label->b + label->n, bytes, n);
    label->n += n;
}

static void
put_place(struct label *label, const struct seal_place *place)
{
    const char *parts[] = { place->org, place->row, place->column };

    for (size_t i = 0; i < COUNT(parts); i++) {
        size_t n = strlen(parts[i]);
        unsigned char size[2] = { 0, (unsigned char)n };

        assert(n <= PART_MAX);
        put_bytes(label, size, sizeof size);
        put_bytes(label, parts[i], n);
    }
}

/* The key of one place for one use ("agk1-…", 8 bytes); the caller wipes it. */
static struct digest
key_of(const struct secret *master, const struct seal_place *place, const char *use)
{
    struct label label = { .n = 0 };

    put_bytes(&label, use, 8);
    put_place(&label, place);
    return hash_hmac(secret_bytes(master), secret_size(master), label.b, label.n);
}

/* What is authenticated besides the secret; head is the start of the envelope. */
static struct label
associated(const unsigned char *head, const struct seal_place *place)
{
    struct label label = { .n = 0 };

    put_bytes(&label, "agk1", 4);
    put_bytes(&label, head, 1 + SEAL_KEY_ID_SIZE);
    put_place(&label, place);
    return label;
}

/* Fills in ciphertext and tag behind the head of an envelope. */
static bool
encrypt(const struct digest *key, const struct label *label, unsigned char *envelope,
        const void *plain, int n)
{
    EVP_CIPHER_CTX *ctx = kept_get();
    unsigned char *body = envelope + HEAD_SIZE;
    const unsigned char *nonce = envelope + HEAD_SIZE - NONCE_SIZE;
    int done = 0, last = 0;

    return EVP_EncryptInit_ex2(ctx, gcm, key->b, nonce, NULL) == 1 &&
           EVP_EncryptUpdate(ctx, NULL, &done, label->b, (int)label->n) == 1 &&
           (n == 0 || (EVP_EncryptUpdate(ctx, body, &done, plain, n) == 1 && done == n)) &&
           EVP_EncryptFinal_ex(ctx, body + n, &last) == 1 && last == 0 &&
           EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_SIZE, body + n) == 1;
}

/* OpenSSL hands out the bytes before it has checked the tag: plain is no one's until this is true,
 * and the caller wipes it when it is not. */
static bool
decrypt(const struct digest *key, const struct label *label, const unsigned char *envelope,
        unsigned char *plain, int n)
{
    EVP_CIPHER_CTX *ctx = kept_get();
    const unsigned char *body = envelope + HEAD_SIZE;
    const unsigned char *nonce = envelope + HEAD_SIZE - NONCE_SIZE;
    unsigned char tag[TAG_SIZE];
    int done = 0, last = 0;

    memcpy(tag, body + n, sizeof tag);
    return EVP_DecryptInit_ex2(ctx, gcm, key->b, nonce, NULL) == 1 &&
           EVP_DecryptUpdate(ctx, NULL, &done, label->b, (int)label->n) == 1 &&
           (n == 0 || (EVP_DecryptUpdate(ctx, plain, &done, body, n) == 1 && done == n)) &&
           EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_SIZE, tag) == 1 &&
           EVP_DecryptFinal_ex(ctx, plain + n, &last) == 1 && last == 0;
}

struct bytes
seal(const struct keyring *keys, const struct seal_place *place, const void *plain, size_t n,
     struct arena *mem, struct err *err)
{
    if (n > PLAIN_MAX) {
        err_fault(err, ERR_INTERNAL_ERROR, "seal: %zu bytes are too many", n);
        return (struct bytes){ NULL, 0 };
    }

    size_t size = HEAD_SIZE + n + TAG_SIZE;
    unsigned char *envelope = arena_alloc(mem, size);

    ERR_clear_error();
    envelope[0] = VERSION;
    memcpy(envelope + 1, keys->keys[0].id, SEAL_KEY_ID_SIZE);
    if (RAND_bytes(envelope + HEAD_SIZE - NONCE_SIZE, NONCE_SIZE) != 1) {
        ERR_clear_error();
        err_fault(err, ERR_INTERNAL_ERROR, "seal: no random bytes");
        return (struct bytes){ NULL, 0 };
    }
    struct label label = associated(envelope, place);
    struct digest key = key_of(keys->keys[0].master, place, use_seal);
    bool good = encrypt(&key, &label, envelope, plain, (int)n);
    OPENSSL_cleanse(&key, sizeof key);
    ERR_clear_error();
    if (!good) {
        err_fault(err, ERR_INTERNAL_ERROR, "seal: OpenSSL refused");
        return (struct bytes){ NULL, 0 };
    }
    return (struct bytes){ envelope, size };
}

static struct digest
mac_of(const struct secret *master, const struct seal_place *place, const void *bytes, size_t n)
{
    struct digest key = key_of(master, place, use_mac);
    struct digest mac = hash_hmac(key.b, sizeof key.b, bytes, n);

    OPENSSL_cleanse(&key, sizeof key);
    return mac;
}

static const struct secret *
master_of(const struct keyring *keys, const unsigned char *id)
{
    for (size_t i = 0; i < keys->n; i++)
        if (memcmp(keys->keys[i].id, id, SEAL_KEY_ID_SIZE) == 0)
            return keys->keys[i].master;
    return NULL;
}

struct secret *
seal_open(const struct keyring *keys, const struct seal_place *place, struct bytes sealed,
          struct err *err)
{
    if (sealed.n < HEAD_SIZE + TAG_SIZE || sealed.n > HEAD_SIZE + PLAIN_MAX + TAG_SIZE ||
        sealed.v[0] != VERSION) {
        err_fault(err, ERR_INTERNAL_ERROR, "seal_open: no envelope (%zu bytes)", sealed.n);
        return NULL;
    }

    const struct secret *master = master_of(keys, sealed.v + 1);
    if (master == NULL) {
        char id[2 * SEAL_KEY_ID_SIZE + 1];

        err_fault(err, ERR_INTERNAL_ERROR, "seal_open: no key %s in the key file",
                  ids_hex(sealed.v + 1, SEAL_KEY_ID_SIZE, id));
        return NULL;
    }

    size_t n = sealed.n - HEAD_SIZE - TAG_SIZE;
    struct secret *plain = secret_new(NULL, n);
    struct label label = associated(sealed.v, place);
    struct digest key = key_of(master, place, use_seal);

    ERR_clear_error();
    bool good = decrypt(&key, &label, sealed.v, secret_fill(plain), (int)n);
    OPENSSL_cleanse(&key, sizeof key);
    ERR_clear_error();
    if (!good) {
        secret_free(plain);
        err_fault(err, ERR_INTERNAL_ERROR, "seal_open: damaged, or not of this place (%s)",
                  place->column);
        return NULL;
    }
    return plain;
}

struct bytes
seal_mac(const struct keyring *keys, const struct seal_place *place, const void *bytes, size_t n,
         struct arena *mem)
{
    unsigned char *out = arena_alloc(mem, SEAL_MAC_SIZE);
    struct digest mac = mac_of(keys->keys[0].master, place, bytes, n);

    memcpy(out, keys->keys[0].id, SEAL_KEY_ID_SIZE);
    memcpy(out + SEAL_KEY_ID_SIZE, mac.b, sizeof mac.b);
    return (struct bytes){ out, SEAL_MAC_SIZE };
}

bool
seal_mac_holds(const struct keyring *keys, const struct seal_place *place, const void *bytes,
               size_t n, struct bytes mac)
{
    const struct secret *master = mac.n == SEAL_MAC_SIZE ? master_of(keys, mac.v) : NULL;
    struct digest given, right;

    if (master == NULL)
        return false;
    memcpy(given.b, mac.v + SEAL_KEY_ID_SIZE, sizeof given.b);
    right = mac_of(master, place, bytes, n);
    return hash_equal(&given, &right);
}
