/* Clients of the token endpoint, and the record of those that failed. */
#include "domain/clients.h"

#include "domain/audit.h"
#include "domain/keys.h"
#include "domain_priv.h"
#include "model/identity.h"
#include "model/scope.h"
#include "store/audit.h"

#include <string.h>

/* An attacker must not fill the table: at most one event a minute for each client and address, at
 * most ten a minute for each client, and ten a minute for all clients that are not known. The
 * counts are taken from the table itself, so they hold for all nodes together; requests that are
 * judged at the same moment may pass together, which the number of workers bounds. */
enum { FAILURES_A_MINUTE = 10 };

bool
clients_note_failure(struct unit *u, const char *org, const char *agent, const char *metadata,
                     struct err *err)
{
    const struct audit_entry entry = {
        .action = AUDIT_AUTH_FAILED,
        .failed = true,
        .org_id = org,
        .agent_id = agent,
        .metadata = metadata,
    };
    struct db_tx *tx DB_SCOPED = db_begin(u->db, err);
    if (tx == NULL)
        return false;

    const struct audit_failures *before = store_audit_failures(
        tx, entry.agent_id, u->client_ip == NULL ? "" : u->client_ip, u->mem, err);
    if (before == NULL)
        return false;
    if (before->from_ip > 0 || before->all >= FAILURES_A_MINUTE)
        return true;
    return audit_write(u, tx, &entry, err) && db_commit(tx, err);
}

/* Sets the error; when not even the event could be written, that is the error. */
static void
fail(struct unit *u, const struct client_row *client, enum err_code code, const char *reason,
     struct err *err)
{
    const char *metadata = arena_printf(u->mem, "{\"reason\":\"%s\"}", reason);

    /* Nobody's failures go to the built-in organization. */
    if (clients_note_failure(u, client == NULL ? ORG_SYSTEM_ID : client->org_id,
                             client == NULL ? NULL : client->id, metadata, err))
        err_set(err, code, NULL, NULL);
}

const struct client_row *
clients_prove(struct unit *u, const struct client_proof *proof, struct err *err)
{
    const char *secret = proof->secret == NULL ? "" : proof->secret;
    struct digest hash = hash_sha256(secret, strlen(secret));
    struct uuid id = { 0 };
    bool is_id = proof->id != NULL && ids_uuid_read(proof->id, &id);
    const struct client_row *client =
        store_clients_find(db_single(u->db), &id, bytes_of_digest(&hash), u->mem, err);

    if (err->code != ERR_NONE)
        return NULL;
    if (!is_id || client == NULL) {
        fail(u, NULL, ERR_INVALID_CLIENT, "unknown_client", err);
        return NULL;
    }
    if (!client->proved) {
        fail(u, client, ERR_INVALID_CLIENT, "bad_secret", err);
        return NULL;
    }
    if (client->life != LIFE_ACTIVE || client->org_state != ORG_ACTIVE) {
        fail(u, client, ERR_UNAUTHORIZED_CLIENT, "not_active", err);
        return NULL;
    }
    return client;
}

unsigned
clients_scopes(const struct client_row *client)
{
    unsigned all = (1u << SCOPE_COUNT) - 1;

    return client->is_admin ? all : all & ~(unsigned)SCOPE_ADMIN_ORGS;
}

bool
clients_call(struct unit *u, const struct client_proof *proof, unsigned need, struct caller *caller,
             struct err *err)
{
    const struct client_row *client = clients_prove(u, proof, err);

    if (client == NULL)
        return false;

    unsigned missing = need & ~clients_scopes(client);

    if (missing != 0) {
        err_set(err, ERR_INSUFFICIENT_SCOPE, NULL, NULL);
        err_fact_text(err, "scope", scopes_text(missing, u->mem));
        return false;
    }
    *caller = (struct caller){ .kind = CALLER_TOKEN, .scopes = clients_scopes(client) };
    ids_uuid_read(client->id, &caller->id);
    ids_uuid_read(client->org_id, &caller->org);
    ids_uuid_text(&caller->id, caller->id_text);
    ids_uuid_text(&caller->org, caller->org_text);
    memcpy(caller->permanent_id, client->permanent_id, sizeof caller->permanent_id);
    return true;
}
