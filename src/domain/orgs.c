/* Organizations. A change of state holds the row against everyone who registers an agent or makes
 * an API key in it, so that what is counted or forgotten is all there is. */
#include "domain/orgs.h"

#include "domain_priv.h"
#include "store/orgs.h"

#include <ctype.h>
#include <string.h>

enum { SLUG_MAX = 50 };

const struct org_draft orgs_draft_defaults = { .max_agents = 100, .max_tokens_per_month = 10000 };

static const char *
id_of(const char *ref, struct err *err)
{
    struct uuid uuid;

    if (strcmp(ref, ORGS_SYSTEM) == 0)
        return ORG_SYSTEM_ID;
    if (ids_uuid_read(ref, &uuid))
        return ref;
    err_set(err, ERR_VALIDATION_ERROR, "orgId", "orgId: must be a UUID or " ORGS_SYSTEM ".");
    return NULL;
}

static struct org *
get(struct unit *u, struct db_tx *tx, const char *ref, enum org_hold hold, struct err *err)
{
    const char *id = id_of(ref, err);

    if (id == NULL)
        return NULL;
    struct org *org = store_orgs_get(tx, id, hold, u->mem, err);
    if (org == NULL && err->code == ERR_NONE)
        err_set(err, ERR_ORG_NOT_FOUND, NULL, NULL);
    return org;
}

struct org *
orgs_create(struct unit *u, const struct org_draft *draft, struct err *err)
{
    struct org *org = store_orgs_insert(db_single(u->db), ids_uuid(u->mem), draft, u->mem, err);

    if (org == NULL && err->code == ERR_NONE)
        err_set(err, ERR_VALIDATION_ERROR, "slug", "slug: is taken by another organization.");
    return org;
}

struct org *
orgs_get(struct unit *u, const char *ref, struct err *err)
{
    return get(u, db_single(u->db), ref, ORG_READ, err);
}

struct numbered_page *
orgs_list(struct unit *u, const struct org_filter *filter, struct err *err)
{
    struct numbered_page *page = ARENA_NEW(u->mem, struct numbered_page);
    const struct list *rows = store_orgs_list(db_single(u->db), filter, u->mem, err);

    if (rows == NULL)
        return NULL;
    *page = (struct numbered_page){ *rows, store_orgs_count(db_single(u->db), filter, u->mem, err),
                                    filter->page, filter->limit };
    return page->total < 0 ? NULL : page;
}

/* The caches forget these keys, and the access tokens of the organization, with the commit. */
static bool
forget_callers(struct unit *u, struct db_tx *tx, const struct org *org, const struct list *keys,
               struct err *err)
{
    if (keys == NULL)
        return false;

    struct uuid *ids = arena_alloc(u->mem, keys->n * sizeof *ids),
                *id = ARENA_NEW(u->mem, struct uuid);
    for (size_t i = 0; i < keys->n; i++)
        ids[i] = ((const struct org_key *)keys->v[i])->id;
    return ids_uuid_read(org->id, id) && hints_forget(u, tx, HINT_KEY, ids, keys->n, err) &&
           hints_forget(u, tx, HINT_ORG, id, 1, err);
}

static bool
is_system(const struct org *org)
{
    return strcmp(org->id, ORG_SYSTEM_ID) == 0;
}

struct org *
orgs_edit(struct unit *u, const char *ref, orgs_overlay_fn *overlay, void *arg, struct err *err)
{
    struct db_tx *tx DB_SCOPED = db_begin(u->db, err);
    if (tx == NULL)
        return NULL;

    struct org *org = get(u, tx, ref, ORG_LOCK, err);
    if (org == NULL)
        return NULL;

    int before = org->draft.state;
    if (!overlay(arg, &org->draft, err))
        return NULL;
    if (is_system(org) && org->draft.state != ORG_ACTIVE) {
        err_set(err, ERR_FORBIDDEN, "status", "The built-in organization cannot be suspended.");
        return NULL;
    }
    if (org->draft.state != before &&
        !forget_callers(u, tx, org, store_orgs_keys(tx, org->id, u->mem, err), err))
        return NULL;

    struct org *fresh = store_orgs_update(tx, org, u->mem, err);
    if (fresh == NULL && err->code == ERR_NONE)
        err_fault(err, ERR_INTERNAL_ERROR, "a locked organization is gone");
    return fresh != NULL && db_commit(tx, err) ? fresh : NULL;
}

/* Nobody registers an agent while the row is locked, and the database refuses it afterwards. */
static bool
check_no_agents(struct unit *u, struct db_tx *tx, const struct org *org, struct err *err)
{
    const struct org_usage *usage = store_orgs_usage(tx, org->id, u->mem, err);

    if (usage != NULL && usage->agents == 0)
        return true;
    if (usage != NULL) {
        err_set(err, ERR_ORG_HAS_ACTIVE_AGENTS, NULL, NULL);
        err_fact_number(err, "current", usage->agents);
    } else if (err->code == ERR_NONE) {
        err_fault(err, ERR_INTERNAL_ERROR, "a locked organization is gone");
    }
    return false;
}

bool
orgs_delete(struct unit *u, const char *ref, struct err *err)
{
    struct db_tx *tx DB_SCOPED = db_begin(u->db, err);
    if (tx == NULL)
        return false;

    struct org *org = get(u, tx, ref, ORG_LOCK, err);
    if (org == NULL)
        return false;
    if (is_system(org))
        return err_set(err, ERR_FORBIDDEN, NULL, "The built-in organization cannot be deleted.");
    org->draft.state = ORG_DELETED;
    return check_no_agents(u, tx, org, err) &&
           forget_callers(u, tx, org, store_orgs_revoke_keys(tx, org->id, u->mem, err), err) &&
           store_orgs_disband(tx, org->id, u->mem, err) &&
           store_orgs_update(tx, org, u->mem, err) != NULL && db_commit(tx, err);
}

struct member *
orgs_join(struct unit *u, const char *ref, const struct member_draft *draft, struct err *err)
{
    struct db_tx *tx DB_SCOPED = db_begin(u->db, err);
    if (tx == NULL)
        return NULL;

    const struct org *org = get(u, tx, ref, ORG_SHARE, err);
    if (org == NULL)
        return NULL;

    struct member *member = store_orgs_join(tx, org->id, draft, u->mem, err);
    if (member == NULL && err->code == ERR_NONE) {
        err_set(err, ERR_AGENT_NOT_FOUND, NULL, NULL);
        err_fact_text(err, "agentId", draft->agent_id);
    }
    return member != NULL && db_commit(tx, err) ? member : NULL;
}

struct org_usage *
orgs_usage(struct unit *u, struct err *err)
{
    struct org_usage *usage = store_orgs_usage(db_single(u->db), u->by->org_text, u->mem, err);

    if (usage == NULL && err->code == ERR_NONE)
        err_fault(err, ERR_INTERNAL_ERROR, "the caller's organization is gone");
    return usage;
}

char *
orgs_slug_of(const char *name, struct arena *mem)
{
    char *slug = arena_alloc(mem, strlen(name) + 1);
    size_t n = 0;

    for (; *name != '\0' && n < SLUG_MAX; name++) {
        unsigned char c = (unsigned char)*name;

        if (c < 0x80 && isalnum(c))
            slug[n++] = (char)tolower(c);
        else if (n > 0 && slug[n - 1] != '-')
            slug[n++] = '-';
    }
    while (n > 0 && slug[n - 1] == '-')
        n--;
    slug[n] = '\0';
    return slug;
}
