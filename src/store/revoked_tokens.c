/* SQL for revoked_tokens. */
#include "store/revoked_tokens.h"

struct has_row {
    bool revoked;
};

static const struct db_col columns[] = {
    { BOOL_AT(struct has_row, revoked) },
};

static const struct db_shape row = DB_SHAPE(struct has_row, columns);

enum { INSERT, HAS, CLEAN };

/* clang-format off */
const struct stmt store_revoked_tokens_stmts[] = {
    [INSERT] = { "revoked_tokens_insert",
        "INSERT INTO revoked_tokens (jti, expires_at) VALUES ($1::uuid, $2::timestamptz)"
        " ON CONFLICT ON CONSTRAINT revoked_tokens_pkey DO NOTHING" },
    [HAS] = { "revoked_tokens_has",
        "SELECT EXISTS (SELECT 1 FROM revoked_tokens WHERE jti = $1::uuid)", &row },
    /* A minute later than need be: clocks of nodes may differ. */
    [CLEAN] = { "revoked_tokens_clean",
        "DELETE FROM revoked_tokens WHERE ctid = ANY (ARRAY(SELECT ctid FROM revoked_tokens"
        " WHERE expires_at < roster_now() - interval '1 minute'"
        " ORDER BY expires_at LIMIT $1::bigint FOR UPDATE SKIP LOCKED))" },
    STMT_END,
};
/* clang-format on */

long
store_revoked_tokens_insert(struct db_tx *tx, const char *jti, int64_t expires_at,
                            struct arena *mem, struct err *err)
{
    return db_exec(tx, &store_revoked_tokens_stmts[INSERT],
                   DB_ARGS(DB_TEXT(jti), DB_TIME(expires_at)), mem, err);
}

bool
store_revoked_tokens_has(struct db_tx *tx, const char *jti, bool *revoked, struct arena *mem,
                         struct err *err)
{
    const struct has_row *found =
        db_one(tx, &store_revoked_tokens_stmts[HAS], DB_ARGS(DB_TEXT(jti)), mem, err);

    *revoked = found != NULL && found->revoked;
    return found != NULL;
}

long
store_revoked_tokens_clean(struct db_tx *tx, int64_t limit, struct arena *mem, struct err *err)
{
    return db_exec(tx, &store_revoked_tokens_stmts[CLEAN], DB_ARGS(DB_INT(limit)), mem, err);
}
