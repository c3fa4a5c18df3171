/* Credentials of organizations. What they prove is in tokens.c; here is their own life. */
#include "domain/org_credentials.h"

#include "domain/audit.h"
#include "domain_priv.h"
#include "store/orgs.h"

#include <string.h>

static const char *
org_of(struct unit *u, const char *org, struct err *err)
{
    struct uuid uuid;
    const struct org_row *owner =
        store_orgs_find(db_single(u->db), ids_uuid_read(org, &uuid) ? org : NULL, org, u->mem, err);

    if (owner == NULL && err->code == ERR_NONE)
        err_set(err, ERR_NOT_FOUND, "org", "There is no such organization.");
    return owner == NULL ? NULL : owner->id;
}

static bool
write_event(struct unit *u, struct db_tx *tx, enum audit_action action,
            const struct org_credential *credential, struct err *err)
{
    const struct audit_entry entry = {
        .action = action,
        .org_id = credential->org_id,
        .agent_id = credential->id,
        .metadata = arena_printf(u->mem, "{\"credentialId\":\"%s\"}", credential->id),
    };

    return audit_write(u, tx, &entry, err);
}

struct org_credential *
org_credentials_create(struct unit *u, const char *org, const char *name, unsigned scopes,
                       struct err *err)
{
    struct db_tx *tx DB_SCOPED = db_begin(u->db, err);
    if (tx == NULL)
        return NULL;

    const char *owner = org_of(u, org, err);
    if (owner == NULL)
        return NULL;
    struct token token = token_new(TOKEN_LIVE, u->mem);
    const struct org_credential_new fresh = {
        ids_uuid(u->mem), owner, name, token.hint, bytes_of_digest(&token.hash), scopes
    };
    struct org_credential *made = store_org_credentials_insert(tx, &fresh, u->mem, err);
    if (made == NULL || !write_event(u, tx, AUDIT_CREDENTIAL_GENERATED, made, err) ||
        !db_commit(tx, err))
        return NULL;
    made->secret = token.text;
    return made;
}

struct list *
org_credentials_list(struct unit *u, const char *org, struct err *err)
{
    const char *owner = org == NULL ? NULL : org_of(u, org, err);

    if (org != NULL && owner == NULL)
        return NULL;
    return store_org_credentials_list(db_single(u->db), owner, ORG_CREDENTIALS_LISTED, u->mem, err);
}

bool
org_credentials_revoke(struct unit *u, const char *id, struct err *err)
{
    struct uuid uuid, *org = ARENA_NEW(u->mem, struct uuid);

    if (!ids_uuid_read(id, &uuid))
        return err_set(err, ERR_VALIDATION_ERROR, "id", "id: must be a UUID.");

    struct db_tx *tx DB_SCOPED = db_begin(u->db, err);
    if (tx == NULL)
        return false;

    const struct org_credential *ended = store_org_credentials_revoke(tx, &uuid, u->mem, err);
    if (ended == NULL)
        return err->code == ERR_NONE ? err_set(err, ERR_CREDENTIAL_NOT_FOUND, NULL, NULL) : false;
    return ids_uuid_read(ended->org_id, org) && hints_forget(u, tx, HINT_ORG, org, 1, err) &&
           write_event(u, tx, AUDIT_CREDENTIAL_REVOKED, ended, err) && db_commit(tx, err);
}

/* Sets the error; when not even the event could be written, that is the error. */
static bool
fail(struct unit *u, const struct org_credential_proof *credential, enum err_code code,
     const char *reason, struct err *err)
{
    const char *metadata = arena_printf(u->mem, "{\"reason\":\"%s\"}", reason);

    if (clients_note_failure(u, credential->org_id, credential->id, metadata, err))
        err_set(err, code, NULL, NULL);
    return false;
}

bool
org_credentials_prove(struct unit *u, const struct client_proof *proof,
                      const struct org_credential_proof **found, struct err *err)
{
    struct digest hash = hash_sha256(proof->secret, strlen(proof->secret));
    struct uuid id;

    *found = NULL;
    if (!ids_uuid_read(proof->id, &id))
        return true;

    const struct org_credential_proof *credential =
        store_org_credentials_prove(db_single(u->db), &id, bytes_of_digest(&hash), u->mem, err);

    if (credential == NULL)
        return err->code == ERR_NONE;
    if (!credential->proved)
        return fail(u, credential, ERR_INVALID_CLIENT, "bad_secret", err);
    if (credential->org_state != ORG_ACTIVE)
        return fail(u, credential, ERR_UNAUTHORIZED_CLIENT, "not_active", err);
    *found = credential;
    return true;
}
