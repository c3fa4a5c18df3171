/* Client secrets. Every change holds the agent's row, so that the count of secrets in force and the
 * agent's life stand still meanwhile. */
#include "domain/credentials.h"

#include "base/clock.h"
#include "domain/audit.h"
#include "domain_priv.h"
#include "model/scope.h"
#include "store/clients.h"
#include "store/credentials.h"

#include <string.h>

static bool
read_id(const char *text, const char *field, struct uuid *id, struct err *err)
{
    return ids_uuid_read(text, id) ||
           err_setf(err, ERR_VALIDATION_ERROR, field, "%s must be a UUID.", field);
}

/* The agent, held; the caller may manage its credentials. */
static const struct client_row *
hold_agent(struct unit *u, struct db_tx *tx, const char *agent_id, struct err *err)
{
    struct uuid id;

    if (!read_id(agent_id, "agentId", &id, err))
        return NULL;
    const struct client_row *agent = store_clients_lock(tx, &id, u->mem, err);
    if (err->code != ERR_NONE)
        return NULL;
    const char *org = agent == NULL ? NULL : agent->org_id;
    return identities_reach(u, org, agent_id, err) ? agent : NULL;
}

static bool
check_active(const struct client_row *agent, struct err *err)
{
    static const char *const words[] = { [LIFE_ACTIVE] = "active",
                                         [LIFE_ARCHIVED] = "suspended",
                                         [LIFE_REVOKED] = "decommissioned",
                                         [LIFE_DISABLED] = "suspended" };

    if (agent->life == LIFE_ACTIVE)
        return true;
    err_set(err, ERR_AGENT_NOT_ACTIVE, NULL, NULL);
    err_fact_text(err, "status", words[agent->life]);
    return false;
}

static bool
check_terms(const struct credential_terms *terms, struct err *err)
{
    return terms->expires_at <= 0 || terms->expires_at > clock_wall_ms() ||
           err_set(err, ERR_VALIDATION_ERROR, "expiresAt", "expiresAt must be in the future.");
}

/* Room for one more besides but (NULL: all count). */
static bool
check_room(struct unit *u, struct db_tx *tx, const char *agent, const char *but, struct err *err)
{
    int64_t active = store_credentials_count_active(tx, agent, but, u->mem, err);

    if (active < 0)
        return false;
    if (active < CREDENTIALS_MAX)
        return true;
    err_set(err, ERR_CREDENTIAL_LIMIT, NULL, NULL);
    err_fact_number(err, "limit", CREDENTIALS_MAX);
    return false;
}

static bool
write_event(struct unit *u, struct db_tx *tx, enum audit_action action,
            const struct client_row *agent, const struct credential *credential, struct err *err)
{
    const struct audit_entry entry = {
        .action = action,
        .org_id = agent->org_id,
        .agent_id = agent->id,
        .metadata = arena_printf(u->mem, "{\"credentialId\":\"%s\"}", credential->id),
    };

    return audit_write(u, tx, &entry, err);
}

struct credential *
credentials_create(struct unit *u, const char *agent_id, const struct credential_terms *terms,
                   struct err *err)
{
    struct db_tx *tx DB_SCOPED = db_begin(u->db, err);
    if (tx == NULL)
        return NULL;

    const struct client_row *agent = hold_agent(u, tx, agent_id, err);
    if (agent == NULL || !check_terms(terms, err) || !check_active(agent, err) ||
        !check_room(u, tx, agent->id, NULL, err))
        return NULL;

    struct token token = token_new(TOKEN_LIVE, u->mem);
    const struct credential_new fresh = { ids_uuid(u->mem), agent->id, token.hint,
                                          bytes_of_digest(&token.hash),
                                          terms->expires_at > 0 ? terms->expires_at : 0 };
    struct credential *made = store_credentials_insert(tx, &fresh, u->mem, err);
    if (made == NULL || !write_event(u, tx, AUDIT_CREDENTIAL_GENERATED, agent, made, err) ||
        !db_commit(tx, err))
        return NULL;
    made->secret = token.text;
    return made;
}

struct numbered_page *
credentials_list(struct unit *u, const char *agent_id, const struct credential_filter *filter,
                 struct err *err)
{
    const struct credential_range range = { filter->status, filter->limit,
                                            (filter->page - 1) * filter->limit };
    struct numbered_page *page = ARENA_NEW(u->mem, struct numbered_page);
    struct db_tx *tx DB_SCOPED = db_begin(u->db, err);
    if (tx == NULL)
        return NULL;

    const struct client_row *agent = hold_agent(u, tx, agent_id, err);
    if (agent == NULL)
        return NULL;
    int64_t total = store_credentials_count(tx, agent->id, filter->status, u->mem, err);
    if (total < 0)
        return NULL;
    const struct list *rows = store_credentials_list(tx, agent->id, &range, u->mem, err);
    if (rows == NULL || !db_commit(tx, err))
        return NULL;
    *page = (struct numbered_page){ *rows, total, filter->page, filter->limit };
    return page;
}

/* One of the agent's that is not revoked. */
static struct credential *
find_living(struct unit *u, struct db_tx *tx, const struct client_row *agent, const char *id,
            struct err *err)
{
    struct uuid uuid;

    if (!read_id(id, "credentialId", &uuid, err))
        return NULL;
    struct credential *found = store_credentials_find(tx, agent->id, id, u->mem, err);
    if (err->code != ERR_NONE)
        return NULL;
    if (found != NULL && found->revoked_at == 0)
        return found;
    err_set(err, found == NULL ? ERR_CREDENTIAL_NOT_FOUND : ERR_CREDENTIAL_ALREADY_REVOKED, NULL,
            NULL);
    err_fact_text(err, "credentialId", id);
    return NULL;
}

static int64_t
terms_after(const struct credential *before, const struct credential_terms *terms)
{
    if (terms->expires_at >= 0)
        return terms->expires_at;
    return before->expires_at > clock_wall_ms() ? before->expires_at : 0;
}

struct credential *
credentials_rotate(struct unit *u, const struct credential_ref *ref,
                   const struct credential_terms *terms, struct err *err)
{
    struct db_tx *tx DB_SCOPED = db_begin(u->db, err);
    if (tx == NULL)
        return NULL;

    const struct client_row *agent = hold_agent(u, tx, ref->agent_id, err);
    if (agent == NULL)
        return NULL;
    const struct credential *before = find_living(u, tx, agent, ref->credential_id, err);
    if (before == NULL || !check_terms(terms, err) || !check_active(agent, err) ||
        !check_room(u, tx, agent->id, before->id, err))
        return NULL;

    struct token token = token_new(TOKEN_LIVE, u->mem);
    const struct credential_new fresh = { before->id, agent->id, token.hint,
                                          bytes_of_digest(&token.hash),
                                          terms_after(before, terms) };
    struct credential *made = store_credentials_rotate(tx, &fresh, u->mem, err);
    if (made == NULL && err->code == ERR_NONE)
        err_fault(err, ERR_INTERNAL_ERROR, "a credential of a held agent is gone");
    if (made == NULL || !write_event(u, tx, AUDIT_CREDENTIAL_ROTATED, agent, made, err) ||
        !db_commit(tx, err))
        return NULL;
    made->secret = token.text;
    return made;
}

bool
credentials_revoke(struct unit *u, const struct credential_ref *ref, struct err *err)
{
    struct db_tx *tx DB_SCOPED = db_begin(u->db, err);
    if (tx == NULL)
        return false;

    const struct client_row *agent = hold_agent(u, tx, ref->agent_id, err);
    if (agent == NULL)
        return false;
    const struct credential *found = find_living(u, tx, agent, ref->credential_id, err);

    return found != NULL && store_credentials_revoke(tx, found->id, u->mem, err) &&
           write_event(u, tx, AUDIT_CREDENTIAL_REVOKED, agent, found, err) && db_commit(tx, err);
}
