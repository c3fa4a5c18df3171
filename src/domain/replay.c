/* Idempotency-Key: the same request again gets the same answer. */
#include "domain/replay.h"

#include "domain_priv.h"
#include "store/idempotency.h"

#include <string.h>

enum {
    KEY_MAX = 255,
    KEEP_MS = 86400000,
    FULL_MS = 600000,
    PIECE = 60000, /* of a long answer: an envelope holds at most 64 KiB */
};

static bool
check_key(const char *key, struct err *err)
{
    size_t n = strlen(key);

    for (size_t i = 0; i < n; i++)
        if (key[i] <= ' ' || key[i] > '~')
            n = 0;
    if (n == 0 || n > KEY_MAX)
        return err_set(err, ERR_VALIDATION_ERROR, "Idempotency-Key",
                       "The key must be 1 to 255 visible ASCII characters.");
    return true;
}

/* Who asks what; key_hash must live as long. */
static struct idempotency_id
id_of(const struct unit *u, const struct replay_key *key, struct digest *key_hash)
{
    *key_hash = hash_sha256(key->key, strlen(key->key));
    return (struct idempotency_id){ u->by->org_text, u->by->id_text, key->operation,
                                    bytes_of_digest(key_hash) };
}

/* 64 bits of a hash: two keys that share them merely wait for each other. */
static int64_t
lock_number(const struct idempotency_id *id, struct arena *mem)
{
    char hex[2 * sizeof(struct digest) + 1];
    const char *text = arena_printf(mem, "%s/%s/%s/%s", id->org, id->subject, id->operation,
                                    ids_hex(id->key_hash.v, id->key_hash.n, hex));
    struct digest digest = hash_sha256(text, strlen(text));
    int64_t number;

    memcpy(&number, digest.b, sizeof number);
    return number;
}

static struct seal_place
place_of(const struct unit *u)
{
    return (struct seal_place){ u->by->org_text, u->by->org_text, "idempotency" };
}

/* Envelopes one behind the other, each behind its size in four bytes, high byte first. */
static struct bytes
seal_answer(struct unit *u, const char *text, struct err *err)
{
    struct seal_place place = place_of(u);
    size_t n = strlen(text), size = 0, room = n + (n / PIECE + 1) * 64;
    unsigned char *all = arena_alloc(u->mem, room);

    for (size_t at = 0; at < n; at += PIECE) {
        struct bytes piece =
            seal(u->core->keys, &place, text + at, n - at < PIECE ? n - at : PIECE, u->mem, err);
        if (piece.v == NULL)
            return piece;
        for (int i = 0; i < 4; i++)
            all[size++] = (unsigned char)(piece.n >> (24 - 8 * i));
        memcpy(all + size, piece.v, piece.n);
        size += piece.n;
    }
    return (struct bytes){ all, size };
}

static char *
open_answer(struct unit *u, struct bytes sealed, struct err *err)
{
    struct seal_place place = place_of(u);
    char *text = arena_alloc(u->mem, sealed.n + 1), *to = text;

    for (size_t at = 0; at < sealed.n;) {
        size_t n = 0;

        for (int i = 0; i < 4 && at < sealed.n; i++)
            n = n << 8 | sealed.v[at++];
        if (n > sealed.n - at) {
            err_fault(err, ERR_INTERNAL_ERROR, "a kept answer is cut off");
            return NULL;
        }
        struct secret *piece SECRET_SCOPED =
            seal_open(u->core->keys, &place, (struct bytes){ sealed.v + at, n }, err);
        if (piece == NULL)
            return NULL;
        to = mempcpy(to, secret_bytes(piece), secret_size(piece));
        at += n;
    }
    return text;
}

static struct replay_answer *
answer_of(struct unit *u, const struct idempotency_row *row, struct err *err)
{
    struct replay_answer *answer = ARENA_NEW(u->mem, struct replay_answer);

    *answer = (struct replay_answer){ row->status, row->location, row->body };
    if (row->full_sealed.v != NULL)
        answer->body = open_answer(u, row->full_sealed, err);
    return answer->body == NULL ? NULL : answer;
}

bool
replay_find(struct unit *u, struct db_tx *tx, const struct replay_key *key,
            struct replay_answer **answer, struct err *err)
{
    struct digest key_hash, fingerprint = hash_sha256(key->body, key->body_size);
    bool locked;

    *answer = NULL;
    if (!check_key(key->key, err))
        return false;

    struct idempotency_id id = id_of(u, key, &key_hash);
    if (!store_idempotency_lock(tx, lock_number(&id, u->mem), &locked, u->mem, err))
        return false;
    if (!locked)
        return err_set(err, ERR_IDEMPOTENCY_RUNNING, NULL, NULL);

    const struct idempotency_row *row =
        store_idempotency_find(tx, &id, KEEP_MS, FULL_MS, u->mem, err);
    if (row == NULL)
        return err->code == ERR_NONE;
    if (row->fingerprint.n != sizeof fingerprint.b ||
        memcmp(row->fingerprint.v, fingerprint.b, sizeof fingerprint.b) != 0)
        return err_set(err, ERR_IDEMPOTENCY_MISMATCH, NULL, NULL);
    *answer = answer_of(u, row, err);
    return *answer != NULL;
}

bool
replay_keep(struct unit *u, struct db_tx *tx, const struct replay_key *key,
            const struct replay_given *given, struct err *err)
{
    struct digest key_hash, fingerprint = hash_sha256(key->body, key->body_size);
    struct idempotency_id id = id_of(u, key, &key_hash);
    struct idempotency_row row = { .fingerprint = bytes_of_digest(&fingerprint),
                                   .status = given->status,
                                   .location = given->location,
                                   .body = given->kept };

    /* An answer without a secret needs no sealed copy. */
    if (strcmp(given->full, given->kept) != 0) {
        row.full_sealed = seal_answer(u, given->full, err);
        if (row.full_sealed.v == NULL)
            return false;
    }
    return store_idempotency_insert(tx, &id, &row, u->mem, err);
}
