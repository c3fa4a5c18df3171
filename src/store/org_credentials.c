/* SQL for org_credentials. */
#include "store/org_credentials.h"

#include "store_priv.h"

static const struct db_col columns[] = {
    { TEXT_AT(struct org_credential, id) },         { TEXT_AT(struct org_credential, org_id) },
    { TEXT_AT(struct org_credential, name) },       { TEXT_AT(struct org_credential, hint) },
    { INT_AT(struct org_credential, scopes) },      { TIME_AT(struct org_credential, created_at) },
    { TIME_AT(struct org_credential, revoked_at) },
};

static const struct db_shape row = DB_SHAPE(struct org_credential, columns);

static const struct db_col proof_columns[] = {
    { TEXT_AT(struct org_credential_proof, id) },
    { TEXT_AT(struct org_credential_proof, org_id) },
    { INT_AT(struct org_credential_proof, scopes) },
    { ENUM_AT(struct org_credential_proof, org_state) },
    { BOOL_AT(struct org_credential_proof, proved) },
};

static const struct db_shape proof_row = DB_SHAPE(struct org_credential_proof, proof_columns);

struct holding {
    bool holds;
};

static const struct db_col holding_columns[] = {
    { BOOL_AT(struct holding, holds) },
};

static const struct db_shape holding_row = DB_SHAPE(struct holding, holding_columns);

#define COLUMNS "id, org_id, name, hint, scopes::bigint, ms(created_at), ms(revoked_at)"

enum { INSERT, LIST, PROVE, HOLDS, REVOKE };

/* clang-format off */
const struct stmt store_org_credentials_stmts[] = {
    [INSERT] = { "org_credentials_insert",
        "INSERT INTO org_credentials (id, org_id, name, hash, hint, scopes)"
        " VALUES ($1::uuid, $2::uuid, $3::text, $4::bytea, $5::text, $6::int) RETURNING " COLUMNS,
        &row },
    [LIST] = { "org_credentials_list",
        "SELECT " COLUMNS " FROM org_credentials WHERE org_id = coalesce($1::uuid, org_id)"
        " ORDER BY created_at DESC, id DESC LIMIT $2::bigint",
        &row },
    [PROVE] = { "org_credentials_prove",
        "SELECT c.id, c.org_id, c.scopes::bigint, o.state,"
        " c.revoked_at IS NULL AND c.hash = $2::bytea"
        " FROM org_credentials c JOIN organizations o ON o.id = c.org_id WHERE c.id = $1::uuid",
        &proof_row },
    [HOLDS] = { "org_credentials_holds",
        "SELECT EXISTS (SELECT FROM org_credentials"
        " WHERE id = $1::uuid AND org_id = $2::uuid AND revoked_at IS NULL)",
        &holding_row },
    [REVOKE] = { "org_credentials_revoke",
        "UPDATE org_credentials SET revoked_at = now()"
        " WHERE id = $1::uuid AND revoked_at IS NULL RETURNING " COLUMNS,
        &row },
    STMT_END,
};
/* clang-format on */

struct org_credential *
store_org_credentials_insert(struct db_tx *tx, const struct org_credential_new *fresh,
                             struct arena *mem, struct err *err)
{
    return db_one(tx, &store_org_credentials_stmts[INSERT],
                  DB_ARGS(DB_TEXT(fresh->id), DB_TEXT(fresh->org_id), DB_TEXT(fresh->name),
                          DB_BYTES(fresh->hash), DB_TEXT(fresh->hint), DB_INT(fresh->scopes)),
                  mem, err);
}

struct list *
store_org_credentials_list(struct db_tx *tx, const char *org, int64_t limit, struct arena *mem,
                           struct err *err)
{
    return store_all(tx, &store_org_credentials_stmts[LIST], DB_ARGS(DB_TEXT(org), DB_INT(limit)),
                     mem, err);
}

struct org_credential_proof *
store_org_credentials_prove(struct db_tx *tx, const struct uuid *id, struct bytes hash,
                            struct arena *mem, struct err *err)
{
    return db_one(tx, &store_org_credentials_stmts[PROVE], DB_ARGS(DB_UUID(id), DB_BYTES(hash)),
                  mem, err);
}

bool
store_org_credentials_holds(struct db_tx *tx, const char *id, const char *org, bool *holds,
                            struct arena *mem, struct err *err)
{
    const struct holding *found = db_one(tx, &store_org_credentials_stmts[HOLDS],
                                         DB_ARGS(DB_TEXT(id), DB_TEXT(org)), mem, err);

    if (found != NULL)
        *holds = found->holds;
    return found != NULL;
}

struct org_credential *
store_org_credentials_revoke(struct db_tx *tx, const struct uuid *id, struct arena *mem,
                             struct err *err)
{
    return db_one(tx, &store_org_credentials_stmts[REVOKE], DB_ARGS(DB_UUID(id)), mem, err);
}
