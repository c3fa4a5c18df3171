/* Which agent types an organization admits. Whoever registers an instance looks at the list before
 * anything is locked, and holds its line; who takes a type off the list waits for him, and then
 * finds what he registered. */
#include "instances_priv.h"
#include "model/scope.h"
#include "store/orgs.h"

#include <string.h>

struct type_key
types_key(const char *agent_type, bool *is_id)
{
    struct agent_key key;

    *is_id = agents_key_read(agent_type, &key);
    return *is_id ? (struct type_key){ key.uuid, key.permanent_id, NULL }
                  : (struct type_key){ .type = agent_type };
}

/* Begins a change of the list of tenant. */
static struct db_tx *
begin(struct unit *u, const char *tenant, struct err *err)
{
    struct uuid uuid;
    bool own = ids_uuid_read(tenant, &uuid) && memcmp(&uuid, &u->by->org, sizeof uuid) == 0;

    if (!own && (u->by->scopes & SCOPE_ADMIN_ORGS) == 0) {
        err_set(err, ERR_TENANT_MISMATCH, "tenant_id", "This is another organization.");
        return NULL;
    }
    struct db_tx *tx = db_begin(u->db, err);
    if (tx == NULL)
        return NULL;
    if (ids_uuid_read(tenant, &uuid) && store_orgs_get(tx, tenant, ORG_SHARE, u->mem, err) != NULL)
        return tx;
    if (err->code == ERR_NONE)
        err_set(err, ERR_ORG_NOT_FOUND, "tenant_id", NULL);
    db_drop(tx);
    return NULL;
}

bool
instances_allow(struct unit *u, const char *tenant, const char *agent_type, bool *changed,
                struct err *err)
{
    const struct audit_entry entry = {
        .org_id = tenant,
        .metadata = arena_printf(u->mem, "{\"agentType\":\"%s\"}", agent_type),
    };
    struct db_tx *tx DB_SCOPED = begin(u, tenant, err);
    if (tx == NULL)
        return false;

    long n = store_types_allow(tx, tenant, agent_type, u->mem, err);

    *changed = n > 0;
    return n >= 0 && (n == 0 || instances_tell(u, tx, AUDIT_TYPE_ALLOWED, &entry, err)) &&
           db_commit(tx, err);
}

bool
instances_disallow(struct unit *u, const char *tenant, const char *agent_type, bool *changed,
                   int64_t *deregistered, struct err *err)
{
    bool is_id;
    const struct type_key key = types_key(agent_type, &is_id);
    const struct list *gone = ARENA_NEW(u->mem, struct list);
    struct db_tx *tx DB_SCOPED = begin(u, tenant, err);
    if (tx == NULL)
        return false;

    long n = store_types_disallow(tx, tenant, agent_type, u->mem, err);
    if (n < 0)
        return false;

    const struct type_row *type = store_types_find(tx, tenant, &key, TYPE_READ, u->mem, err);
    if (type != NULL)
        gone = store_instances_delete_all(tx, type->id, u->mem, err);
    if (err->code != ERR_NONE || gone == NULL)
        return false;
    *changed = n > 0;
    *deregistered = (int64_t)gone->n;
    const struct audit_entry entry = {
        .org_id = tenant,
        .agent_id = type == NULL ? NULL : type->id,
        .metadata = arena_printf(u->mem, "{\"agentType\":\"%s\",\"deregistered\":%zu}", agent_type,
                                 gone->n),
    };
    bool silent = n == 0 && gone->n == 0;

    if (!instances_forget(u, tx, gone, err) ||
        (!silent && !instances_tell(u, tx, AUDIT_TYPE_DISALLOWED, &entry, err)) ||
        !db_commit(tx, err))
        return false;
    instances_left(u, gone);
    return true;
}

bool
instances_set_policy(struct unit *u, const char *org, int mode, struct err *err)
{
    struct uuid uuid;
    struct db_tx *tx DB_SCOPED = db_begin(u->db, err);
    if (tx == NULL)
        return false;

    const struct org_row *found =
        store_orgs_find(tx, ids_uuid_read(org, &uuid) ? org : NULL, org, u->mem, err);
    if (found == NULL)
        return err->code == ERR_NONE &&
               err_set(err, ERR_NOT_FOUND, "org", "There is no such organization.");
    const struct audit_entry entry = {
        .org_id = found->id,
        .metadata = arena_printf(u->mem, "{\"policyMode\":\"%s\"}", policy_mode_words[mode]),
    };
    return store_types_set_policy(tx, found->id, mode, u->mem, err) &&
           instances_tell(u, tx, AUDIT_POLICY_SET, &entry, err) && db_commit(tx, err);
}
