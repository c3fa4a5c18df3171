/* API keys, the check of the master keys, hints of other nodes, and cleaning up. */
#include "domain/keys.h"

#include "base/clock.h"
#include "domain_priv.h"
#include "store/api_keys.h"
#include "store/calls.h"
#include "store/hints.h"
#include "store/idempotency.h"
#include "store/master_keys.h"
#include "store/orgs.h"
#include "store/revoked_tokens.h"
#include "store/transitions.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    HINTS_MAX = 10000, /* more at once: everything is forgotten             */
    HINTS_KEEP_MS = 180000,
    HINTS_GAP_MS = 60000, /* unread for longer: some may have been cleaned up  */
    ANSWERS_FULL_MS = 600000,
    ANSWERS_KEEP_MS = 86400000,
    CLEAN_ROWS = 2000, /* in one statement */
};

struct api_key *
keys_create(struct unit *u, const char *org, const char *name, unsigned scopes, struct err *err)
{
    struct uuid uuid;
    const struct org_row *owner =
        store_orgs_find(db_single(u->db), ids_uuid_read(org, &uuid) ? org : NULL, org, u->mem, err);

    if (owner == NULL) {
        if (err->code == ERR_NONE)
            err_set(err, ERR_NOT_FOUND, "org", "There is no such organization.");
        return NULL;
    }

    struct token token = token_new(TOKEN_KEY, u->mem);
    const struct api_key_new fresh = {
        ids_uuid(u->mem), owner->id, name, token.hint, bytes_of_digest(&token.hash), scopes
    };
    const struct api_key_row *row = store_api_keys_insert(db_single(u->db), &fresh, u->mem, err);
    if (row == NULL)
        return NULL;

    struct api_key *key = ARENA_NEW(u->mem, struct api_key);
    *key = (struct api_key){ .id = row->id_text,
                             .org_id = row->org_text,
                             .name = row->name,
                             .token = token.text,
                             .hint = row->hint,
                             .scopes = row->scopes,
                             .created_at = row->created_at };
    return key;
}

struct cached_key *
keys_load(struct unit *u, const struct digest *hash, struct err *err)
{
    unsigned long long ticket = cache_ticket(u->core->cache);
    const struct api_key_row *row =
        store_api_keys_find(db_single(u->db), bytes_of_digest(hash), u->mem, err);

    if (row == NULL)
        return NULL;

    struct cached_key *key = must(calloc(1, sizeof *key));
    key->hash = *hash;
    key->loaded_ms = clock_ms();
    key->suspended = row->suspended;
    key->caller.kind = CALLER_KEY;
    key->caller.scopes = (unsigned)row->scopes;
    key->caller.id = row->id;
    key->caller.org = row->org;
    ids_uuid_text(&row->id, key->caller.id_text);
    ids_uuid_text(&row->org, key->caller.org_text);
    return cache_put_key(u->core->cache, key, ticket);
}

/* The known text that each master key seals, and where. */
static const char check_text[] = "roster master key";
static const struct seal_place check_place = { "master_keys", "master_keys", "check_value" };

static bool
is_in_ring(const struct keyring *keys, struct bytes id)
{
    unsigned char ours[SEAL_KEY_ID_SIZE];

    for (size_t i = 0; i < keyring_count(keys); i++) {
        keyring_id(keys, i, ours);
        if (id.n == sizeof ours && memcmp(id.v, ours, sizeof ours) == 0)
            return true;
    }
    return false;
}

static bool
check_recorded(const struct keyring *keys, const struct master_key_row *row, struct err *err)
{
    char id[2 * SEAL_KEY_ID_SIZE + 1] = "";
    struct err why = { 0 };

    if (row->key_id.n == SEAL_KEY_ID_SIZE)
        ids_hex(row->key_id.v, row->key_id.n, id);
    if (!is_in_ring(keys, row->key_id))
        return err_setf(
            err, ERR_INTERNAL_ERROR, "crypto.master_key",
            "Secrets in this database are sealed with master key %s, which is not in the "
            "key file.",
            id);

    struct secret *plain SECRET_SCOPED = seal_open(keys, &check_place, row->check_value, &why);

    if (plain == NULL || secret_size(plain) != strlen(check_text) ||
        memcmp(secret_bytes(plain), check_text, strlen(check_text)) != 0)
        return err_setf(
            err, ERR_INTERNAL_ERROR, "crypto.master_key",
            "Master key %s in the key file is not the one that sealed the secrets in this "
            "database.",
            id);
    return true;
}

bool
keys_check_master(struct unit *u, struct err *err)
{
    const struct keyring *keys = u->core->keys;
    unsigned char first[SEAL_KEY_ID_SIZE];
    bool known = false;
    const struct list *rows = store_master_keys_list(db_single(u->db), u->mem, err);

    if (rows == NULL)
        return false;
    keyring_id(keys, 0, first);
    for (size_t i = 0; i < rows->n; i++) {
        const struct master_key_row *row = rows->v[i];

        if (!check_recorded(keys, row, err))
            return false;
        known = known || memcmp(row->key_id.v, first, sizeof first) == 0;
    }
    if (known)
        return true;

    struct master_key_row fresh = { { first, sizeof first }, { NULL, 0 } };
    fresh.check_value = seal(keys, &check_place, check_text, strlen(check_text), u->mem, err);
    return fresh.check_value.v != NULL &&
           store_master_keys_insert(db_single(u->db), &fresh, u->mem, err);
}

bool
keys_apply_hints(struct unit *u, struct err *err)
{
    struct cache *cache = u->core->cache;
    int64_t begun = clock_ms(), fresh = cache_fresh(cache);
    const struct list *rows = store_hints_list(db_single(u->db), cache_mark(cache),
                                               cache_node(cache), HINTS_MAX, u->mem, err);

    if (rows == NULL)
        return false;
    assert(rows->n > 0);
    if (rows->n == HINTS_MAX || (fresh != 0 && begun - fresh > HINTS_GAP_MS))
        cache_forget_all(cache);
    for (size_t i = 0; i < rows->n; i++) {
        const struct hint_row *hint = rows->v[i];

        if (hint->kind >= HINT_AGENT && hint->kind <= HINT_INSTANCE)
            cache_forget(cache, (enum hint_kind)hint->kind, &hint->id);
    }
    cache_set_mark(cache, ((const struct hint_row *)rows->v[0])->mark);
    cache_set_fresh(cache, begun);
    return true;
}

bool
keys_clean(struct unit *u, const struct retention *keep, bool *more, struct err *err)
{
    struct db_tx *tx = db_single(u->db);
    long done[6] = { 0 };

    *more = false;
    if ((done[0] = store_hints_clean(tx, HINTS_KEEP_MS, CLEAN_ROWS, u->mem, err)) < 0 ||
        (done[1] = store_idempotency_wipe(tx, ANSWERS_FULL_MS, CLEAN_ROWS, u->mem, err)) < 0 ||
        (done[2] = store_idempotency_clean(tx, ANSWERS_KEEP_MS, CLEAN_ROWS, u->mem, err)) < 0 ||
        (done[3] = store_calls_clean(tx, keep->calls_ms, CLEAN_ROWS, u->mem, err)) < 0 ||
        (done[4] = store_transitions_clean(tx, keep->transitions_ms, CLEAN_ROWS, u->mem, err)) <
            0 ||
        (done[5] = store_revoked_tokens_clean(tx, CLEAN_ROWS, u->mem, err)) < 0)
        return false;
    for (size_t i = 0; i < COUNT(done); i++)
        *more = *more || done[i] == CLEAN_ROWS;
    return true;
}
