/* Signing keys. A process knows them as a table that is read again every few seconds; when a key
 * begins to sign, and when it retires, is judged by the database's clock. */
#include "domain/signing.h"

#include "base/clock.h"
#include "base/log.h"
#include "domain/tokens.h"
#include "store/signing_keys.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Clocks of those who verify may be this far behind or ahead. */
enum { SKEW_MS = 60000 };

/* Longer than a reader keeps the key set, by more than a node may be behind with its table. */
const struct signing_rules signing_rules_defaults = { 660000, 5000, 1000 };

/* Read-only once made, and counted: the last user frees it. */
struct key_table {
    int users;         /* under lock of struct signing                  */
    int64_t loaded_ms; /* clock_ms                                      */
    int64_t ahead_ms;  /* the database's clock minus clock_ms           */
    bool is_private;   /* holds what only this transaction sees as yet  */
    size_t n;
    struct known_key {
        struct jwt_key *open;    /* public                              */
        struct jwt_key *private; /* NULL: its envelope does not open     */
        int64_t signs_at, retires_at, number;
    } keys[];
};

struct signing {
    struct signing_rules rules;
    pthread_mutex_t lock;    /* of table and its users; held for a moment */
    pthread_mutex_t loading; /* held while the database is asked          */
    struct key_table *table; /* NULL: never read                          */
    int64_t missed_ms;       /* under loading: clock_ms of the last look for an unknown kid */
};

struct signing *
signing_new(const struct signing_rules *rules)
{
    struct signing *signing = must(calloc(1, sizeof *signing));

    signing->rules = *rules;
    signing->missed_ms = INT64_MIN / 2;
    pthread_mutex_init(&signing->lock, NULL);
    pthread_mutex_init(&signing->loading, NULL);
    return signing;
}

static void
table_free(struct key_table *table)
{
    for (size_t i = 0; i < table->n; i++) {
        jwt_key_free(table->keys[i].open);
        jwt_key_free(table->keys[i].private);
    }
    free(table);
}

static struct key_table *
table_get(struct signing *signing)
{
    pthread_mutex_lock(&signing->lock);
    struct key_table *table = signing->table;
    if (table != NULL)
        table->users++;
    pthread_mutex_unlock(&signing->lock);
    return table;
}

static void
table_done(struct signing *signing, struct key_table *table)
{
    bool last = false;

    if (table == NULL)
        return;
    pthread_mutex_lock(&signing->lock);
    last = --table->users == 0;
    pthread_mutex_unlock(&signing->lock);
    if (last)
        table_free(table);
}

/* NULL: none from now on. */
static void
table_put(struct signing *signing, struct key_table *table)
{
    pthread_mutex_lock(&signing->lock);
    struct key_table *old = signing->table;
    signing->table = table;
    if (table != NULL)
        table->users++;
    pthread_mutex_unlock(&signing->lock);
    table_done(signing, old);
}

void
signing_free(struct signing *signing)
{
    if (signing == NULL)
        return;
    table_put(signing, NULL);
    pthread_mutex_destroy(&signing->lock);
    pthread_mutex_destroy(&signing->loading);
    free(signing);
}

static struct seal_place
place_of(const char *kid)
{
    return (struct seal_place){ "signing_keys", kid, "private_sealed" };
}

/* A key that does not open can still verify; the one that should sign then says so. */
static struct jwt_key *
open_private(const struct core *core, const struct signing_key_row *row)
{
    const struct seal_place place = place_of(row->kid);
    struct err why = { 0 };
    struct secret *jwk SECRET_SCOPED = seal_open(core->keys, &place, row->private_sealed, &why);
    struct jwt_key *key = jwk == NULL ? NULL
                                      : jwt_key_read((enum jwt_alg)row->alg, row->kid,
                                                     secret_bytes(jwk), secret_size(jwk), &why);

    if (key == NULL)
        log_event(LOG_ERROR, "signing_key_unusable", LOG_T("kid", row->kid),
                  LOG_T("note", why.note));
    return key;
}

static bool
put_key(const struct core *core, struct key_table *table, const struct signing_key_row *row)
{
    struct known_key *key = &table->keys[table->n];
    struct err why = { 0 };

    *key = (struct known_key){ .signs_at = row->signs_at,
                               .retires_at = row->retires_at,
                               .number = row->number };
    key->open = jwt_key_read((enum jwt_alg)row->alg, row->kid, row->public_jwk,
                             strlen(row->public_jwk), &why);
    if (key->open == NULL) {
        log_event(LOG_ERROR, "signing_key_unusable", LOG_T("kid", row->kid),
                  LOG_T("note", why.note));
        return false;
    }
    key->private = open_private(core, row);
    table->n++;
    return true;
}

static struct key_table *
load(struct unit *u, struct err *err)
{
    int64_t begun = clock_ms();
    const struct list *rows = store_signing_keys_list(db_single(u->db), false, u->mem, err);

    if (rows == NULL)
        return NULL;

    struct key_table *table = must(calloc(1, sizeof *table + rows->n * sizeof table->keys[0]));
    table->users = 1;
    table->loaded_ms = begun;
    for (size_t i = 0; i < rows->n; i++) {
        const struct signing_key_row *row = rows->v[i];

        table->ahead_ms = row->now - begun;
        table->is_private = table->is_private || row->is_uncommitted;
        (void)put_key(u->core, table, row);
    }
    return table;
}

/* Reads the table again unless another thread has done so since have (NULL: none) was read. With
 * miss, for the sake of an unknown kid, only so often: otherwise the table is what it was. */
static struct key_table *
reload(struct unit *u, const struct key_table *have, bool miss, struct err *err)
{
    struct signing *signing = u->core->signing;

    pthread_mutex_lock(&signing->loading);
    int64_t now = clock_ms();
    struct key_table *table = table_get(signing);
    bool is_late = miss && now - signing->missed_ms < signing->rules.miss_ms;
    if (table == NULL || (table == have && !is_late)) {
        table_done(signing, table);
        table = load(u, err);
        /* A look that failed does not count: what could not be read is not unknown. */
        if (miss && table != NULL)
            signing->missed_ms = now;
        if (table != NULL && !table->is_private)
            table_put(signing, table);
    }
    pthread_mutex_unlock(&signing->loading);
    return table;
}

/* The table, young enough. NULL with err; give it back with table_done. */
static struct key_table *
know(struct unit *u, struct err *err)
{
    struct signing *signing = u->core->signing;
    struct key_table *table = table_get(signing);

    if (table != NULL && clock_ms() - table->loaded_ms < signing->rules.reload_ms)
        return table;
    struct key_table *fresh = reload(u, table, false, err);
    table_done(signing, table);
    return fresh;
}

/* By the clock of the database. */
static int64_t
now_of(const struct key_table *table)
{
    return clock_ms() + table->ahead_ms;
}

static bool
is_believed(const struct known_key *key, int64_t now)
{
    return key->retires_at == 0 || key->retires_at > now;
}

/* The youngest of those that may sign; the table has the youngest first. */
static const struct known_key *
signer_of(const struct key_table *table, enum jwt_alg alg)
{
    int64_t now = now_of(table);

    for (size_t i = 0; i < table->n; i++) {
        const struct known_key *key = &table->keys[i];

        if (jwt_key_alg(key->open) == alg && key->signs_at <= now && is_believed(key, now))
            return key;
    }
    return NULL;
}

/* In the transaction: the key as it stands in the table from the commit on; NULL with err. */
static struct signing_key_row *
insert(struct unit *u, struct db_tx *tx, const struct signing_key_new *fresh, struct err *err)
{
    struct signing_key_row *row = store_signing_keys_insert(tx, fresh, u->mem, err);

    if (row == NULL ||
        !store_signing_keys_retire(tx, fresh, TOKEN_LIFE_S * INT64_C(1000) + SKEW_MS, u->mem, err))
        return NULL;
    return row;
}

/* A pair, ready to be inserted; texts in mem. */
static bool
make(struct unit *u, enum jwt_alg alg, struct signing_key_new *fresh, struct err *err)
{
    struct secret *private SECRET_SCOPED = NULL;
    struct jwt_key *key = jwt_key_new(alg, &private, err);

    if (key == NULL)
        return false;
    *fresh = (struct signing_key_new){ .kid = arena_text(u->mem, jwt_key_kid(key)),
                                       .alg = (int64_t)alg,
                                       .public_jwk = arena_text(u->mem, jwt_key_public(key)) };
    jwt_key_free(key);
    const struct seal_place place = place_of(fresh->kid);
    fresh->private_sealed =
        seal(u->core->keys, &place, secret_bytes(private), secret_size(private), u->mem, err);
    return fresh->private_sealed.v != NULL;
}

/* Under the lock: whether a key of alg can sign now, or will. */
static bool
has_key(struct unit *u, struct db_tx *tx, enum jwt_alg alg, bool *has, struct err *err)
{
    const struct list *rows = store_signing_keys_list(tx, false, u->mem, err);

    *has = false;
    for (size_t i = 0; rows != NULL && i < rows->n; i++)
        *has = *has || ((const struct signing_key_row *)rows->v[i])->alg == (int64_t)alg;
    return rows != NULL;
}

/* Of several that try at once the first makes it. */
static bool
make_first(struct unit *u, enum jwt_alg alg, struct err *err)
{
    struct signing_key_new fresh;
    bool has = false;
    struct db_tx *tx DB_SCOPED = db_begin(u->db, err);

    if (tx == NULL || !store_signing_keys_lock(tx, u->mem, err) || !has_key(u, tx, alg, &has, err))
        return false;
    if (!has && (!make(u, alg, &fresh, err) || insert(u, tx, &fresh, err) == NULL))
        return false;
    if (!db_commit(tx, err))
        return false;
    if (!has)
        log_event(LOG_INFO, "signing_key_made", LOG_T("kid", fresh.kid),
                  LOG_T("alg", jwt_alg_names[alg]));
    return true;
}

/* The table with a key of alg in it that signs. What a transaction has not committed yet is not for
 * others: a table that was read inside of one is not kept. */
static struct key_table *
know_signer(struct unit *u, enum jwt_alg alg, struct err *err)
{
    struct key_table *table = know(u, err);

    if (table == NULL || signer_of(table, alg) != NULL)
        return table;
    struct key_table *fresh = NULL;
    if (make_first(u, alg, err))
        fresh = db_in_transaction(u->db) ? load(u, err) : reload(u, table, false, err);
    table_done(u->core->signing, table);
    return fresh;
}

char *
signing_sign(struct unit *u, enum jwt_alg alg, const char *type, const char *claims,
             struct err *err)
{
    struct key_table *table = know_signer(u, alg, err);
    char *token = NULL;

    if (table == NULL)
        return NULL;
    const struct known_key *key = signer_of(table, alg);
    if (key == NULL || key->private == NULL)
        err_fault(err, ERR_INTERNAL_ERROR, "no usable key for %s", jwt_alg_names[alg]);
    else
        token = jwt_sign(key->private, type, claims, u->mem, err);
    table_done(u->core->signing, table);
    return token;
}

/* What jwt_verify asks: the keys, and leave to look again for an unknown one. */
struct look {
    struct unit *u;
    struct key_table *table;
};

static const struct jwt_key *
find_in(const struct key_table *table, const char *kid)
{
    int64_t now = now_of(table);

    for (size_t i = 0; i < table->n; i++)
        if (strcmp(jwt_key_kid(table->keys[i].open), kid) == 0)
            return is_believed(&table->keys[i], now) ? table->keys[i].open : NULL;
    return NULL;
}

static const struct jwt_key *
find_key(void *arg, const char *kid, struct err *err)
{
    struct look *look = arg;
    struct signing *signing = look->u->core->signing;
    const struct jwt_key *key = find_in(look->table, kid);

    if (key != NULL || strlen(kid) != JWT_KID_SIZE - 1)
        return key;
    struct key_table *fresh = reload(look->u, look->table, true, err);
    if (fresh == NULL)
        return NULL;
    table_done(signing, look->table);
    look->table = fresh;
    return find_in(fresh, kid);
}

const char *
signing_verify(struct unit *u, const char *token, const char *type, struct err *err)
{
    struct look look = { u, know(u, err) };
    const struct jwt_keys keys = { find_key, &look };

    if (look.table == NULL)
        return NULL;
    const char *claims = jwt_verify(&keys, token, strlen(token), type, u->mem, err);
    table_done(u->core->signing, look.table);
    return claims;
}

const char *
signing_jwks(struct unit *u, struct err *err)
{
    struct key_table *table = know_signer(u, JWT_RS256, err);

    if (table == NULL)
        return NULL;

    const struct jwt_key **keys = arena_alloc(u->mem, (table->n + 1) * sizeof *keys);
    int64_t now = now_of(table);
    size_t n = 0;
    for (size_t i = 0; i < table->n; i++)
        if (is_believed(&table->keys[i], now))
            keys[n++] = table->keys[i].open;
    const char *set = jwt_set(keys, n, u->mem);
    table_done(u->core->signing, table);
    return set;
}

struct list *
signing_published(struct unit *u, struct err *err)
{
    struct key_table *table = know_signer(u, JWT_RS256, err);
    struct list *keys = ARENA_NEW(u->mem, struct list);

    if (table == NULL)
        return NULL;
    keys->v = arena_alloc(u->mem, (table->n + 1) * sizeof *keys->v);
    int64_t now = now_of(table);
    for (size_t i = 0; i < table->n; i++) {
        struct signing_public *key = ARENA_NEW(u->mem, struct signing_public);

        if (!is_believed(&table->keys[i], now))
            continue;
        key->number = table->keys[i].number;
        key->jwk = arena_text(u->mem, jwt_key_public(table->keys[i].open));
        keys->v[keys->n++] = key;
    }
    table_done(u->core->signing, table);
    return keys;
}

bool
signing_rotate(struct unit *u, enum jwt_alg alg, const char **kid, struct err *err)
{
    struct signing_key_new fresh;
    bool has = false;

    if (!make(u, alg, &fresh, err))
        return false;
    struct db_tx *tx DB_SCOPED = db_begin(u->db, err);
    if (tx == NULL || !store_signing_keys_lock(tx, u->mem, err) || !has_key(u, tx, alg, &has, err))
        return false;
    fresh.publish_ms = has ? u->core->signing->rules.publish_ms : 0;
    if (insert(u, tx, &fresh, err) == NULL || !db_commit(tx, err))
        return false;
    table_put(u->core->signing, NULL);
    *kid = fresh.kid;
    return true;
}

struct list *
signing_list(struct unit *u, struct err *err)
{
    const struct list *rows = store_signing_keys_list(db_single(u->db), true, u->mem, err);
    struct list *keys = ARENA_NEW(u->mem, struct list);
    bool signs[] = { [JWT_RS256] = false, [JWT_ES256] = false };

    if (rows == NULL)
        return NULL;
    keys->v = arena_alloc(u->mem, (rows->n + 1) * sizeof *keys->v);
    for (size_t i = 0; i < rows->n; i++) {
        const struct signing_key_row *row = rows->v[i];
        struct signing_key *key = ARENA_NEW(u->mem, struct signing_key);

        *key = (struct signing_key){ .kid = row->kid,
                                     .alg = (int)row->alg,
                                     .state = SIGNING_RETIRING,
                                     .created_at = row->created_at,
                                     .signs_at = row->signs_at,
                                     .retires_at = row->retires_at };
        if (row->retires_at != 0 && row->retires_at <= row->now) {
            key->state = SIGNING_RETIRED;
        } else if (row->signs_at > row->now) {
            key->state = SIGNING_PUBLISHED;
        } else if (!signs[row->alg]) {
            key->state = SIGNING_SIGNS;
            signs[row->alg] = true;
        }
        keys->v[keys->n++] = key;
    }
    return keys;
}
