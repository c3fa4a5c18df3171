/* Secrets of single instances, under which their dispatches are signed. */
#include "instances_priv.h"

#include <string.h>

enum { FRESH_SIZE = 48 };

static char *
fresh_secret(struct arena *mem)
{
    unsigned char bytes[FRESH_SIZE];
    char *text = arena_alloc(mem, 2 * sizeof bytes + 1);

    ids_random(bytes, sizeof bytes);
    return ids_hex(bytes, sizeof bytes, text);
}

static const struct instance_held *
hold(struct unit *u, struct db_tx *tx, const char *instance_id, struct err *err)
{
    const struct instance_held *held = store_instances_hold(tx, instance_id, true, u->mem, err);

    if (err->code != ERR_NONE)
        return NULL;
    if (held == NULL || strcmp(held->org_id, u->by->org_text) != 0)
        err_set(err, ERR_INSTANCE_NOT_FOUND, "instance_id", NULL);
    else if (held->scheme != SCHEME_JWT)
        err_set(err, ERR_VALIDATION_ERROR, "instance_id",
                "instance_id: its secret is the one that it registered with.");
    return err->code == ERR_NONE ? held : NULL;
}

bool
instances_set_secret(struct unit *u, const char *instance_id, const char *secret, const char **told,
                     struct err *err)
{
    struct db_tx *tx DB_SCOPED = db_begin(u->db, err);
    const struct instance_held *held = tx == NULL ? NULL : hold(u, tx, instance_id, err);

    if (held == NULL)
        return false;
    *told = secret != NULL ? secret : fresh_secret(u->mem);

    const struct seal_place place = { held->org_id, held->id, SEAL_DISPATCH_SECRET };
    const struct audit_entry entry = {
        .org_id = held->org_id,
        .agent_id = held->agent_id,
        .metadata = arena_printf(u->mem, "{\"instanceId\":\"%s\"}", instance_id),
    };
    struct bytes sealed = seal(u->core->keys, &place, *told, strlen(*told), u->mem, err);
    return sealed.v != NULL && store_instances_set_secret(tx, held->id, sealed, u->mem, err) &&
           instances_tell(u, tx, AUDIT_SECRET_ROTATED, &entry, err) && db_commit(tx, err);
}
