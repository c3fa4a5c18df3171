/* SQL for idempotency. */
#include "store/idempotency.h"

static const struct db_col columns[] = {
    { BYTES_AT(struct idempotency_row, fingerprint) }, { INT_AT(struct idempotency_row, status) },
    { TEXT_AT(struct idempotency_row, location) },     { TEXT_AT(struct idempotency_row, body) },
    { BYTES_AT(struct idempotency_row, full_sealed) },
};

static const struct db_shape row = DB_SHAPE(struct idempotency_row, columns);

struct lock_row {
    bool locked;
};

static const struct db_col lock_columns[] = {
    { BOOL_AT(struct lock_row, locked) },
};

static const struct db_shape lock_shape = DB_SHAPE(struct lock_row, lock_columns);

enum { LOCK, FIND, INSERT, WIPE, CLEAN };

#define BEFORE(ms) "roster_now() - " ms " * interval '1 millisecond'"

/* clang-format off */
const struct stmt store_idempotency_stmts[] = {
    [LOCK] = { "idempotency_lock", "SELECT pg_try_advisory_xact_lock($1::bigint)", &lock_shape },
    [FIND] = { "idempotency_find",
        "SELECT fingerprint, status, location, body,"
        " CASE WHEN created_at > " BEFORE("$6::bigint") " THEN full_sealed END"
        " FROM idempotency WHERE org_id = $1::uuid AND subject = $2::text"
        " AND operation = $3::text AND key_hash = $4::bytea"
        " AND created_at > " BEFORE("$5::bigint"),
        &row },
    [INSERT] = { "idempotency_insert",
        "INSERT INTO idempotency (org_id, subject, operation, key_hash, fingerprint, status,"
        " location, body, full_sealed, created_at) VALUES ($1::uuid, $2::text, $3::text,"
        " $4::bytea, $5::bytea, $6::integer, $7::text, $8::text, $9::bytea, roster_now())"
        " ON CONFLICT ON CONSTRAINT idempotency_pkey DO UPDATE SET"
        " fingerprint = excluded.fingerprint, status = excluded.status,"
        " location = excluded.location, body = excluded.body,"
        " full_sealed = excluded.full_sealed, created_at = excluded.created_at" },
    [WIPE] = { "idempotency_wipe",
        "UPDATE idempotency SET full_sealed = NULL WHERE ctid = ANY (ARRAY("
        " SELECT ctid FROM idempotency WHERE full_sealed IS NOT NULL"
        " AND created_at <= " BEFORE("$1::bigint") " LIMIT $2::bigint FOR UPDATE SKIP LOCKED))" },
    [CLEAN] = { "idempotency_clean",
        "DELETE FROM idempotency WHERE ctid = ANY (ARRAY("
        " SELECT ctid FROM idempotency"
        " WHERE created_at <= " BEFORE("$1::bigint") " LIMIT $2::bigint FOR UPDATE SKIP LOCKED))" },
    STMT_END,
};
/* clang-format on */

bool
store_idempotency_lock(struct db_tx *tx, int64_t number, bool *locked, struct arena *mem,
                       struct err *err)
{
    const struct lock_row *got =
        db_one(tx, &store_idempotency_stmts[LOCK], DB_ARGS(DB_INT(number)), mem, err);

    *locked = got != NULL && got->locked;
    return got != NULL;
}

struct idempotency_row *
store_idempotency_find(struct db_tx *tx, const struct idempotency_id *id, int64_t keep_ms,
                       int64_t full_ms, struct arena *mem, struct err *err)
{
    return db_one(tx, &store_idempotency_stmts[FIND],
                  DB_ARGS(DB_TEXT(id->org), DB_TEXT(id->subject), DB_TEXT(id->operation),
                          DB_BYTES(id->key_hash), DB_INT(keep_ms), DB_INT(full_ms)),
                  mem, err);
}

bool
store_idempotency_insert(struct db_tx *tx, const struct idempotency_id *id,
                         const struct idempotency_row *kept, struct arena *mem, struct err *err)
{
    return db_exec(tx, &store_idempotency_stmts[INSERT],
                   DB_ARGS(DB_TEXT(id->org), DB_TEXT(id->subject), DB_TEXT(id->operation),
                           DB_BYTES(id->key_hash), DB_BYTES(kept->fingerprint),
                           DB_INT(kept->status), DB_TEXT(kept->location), DB_TEXT(kept->body),
                           DB_BYTES(kept->full_sealed)),
                   mem, err) >= 0;
}

long
store_idempotency_wipe(struct db_tx *tx, int64_t full_ms, int64_t limit, struct arena *mem,
                       struct err *err)
{
    return db_exec(tx, &store_idempotency_stmts[WIPE], DB_ARGS(DB_INT(full_ms), DB_INT(limit)), mem,
                   err);
}

long
store_idempotency_clean(struct db_tx *tx, int64_t keep_ms, int64_t limit, struct arena *mem,
                        struct err *err)
{
    return db_exec(tx, &store_idempotency_stmts[CLEAN], DB_ARGS(DB_INT(keep_ms), DB_INT(limit)),
                   mem, err);
}
