/* Agents as identities; registering is in identities_register.c. What their life changes is left to
 * the rules of agents, so that presence, caches and the audit log hear of it in one way. */
#include "domain/identities.h"

#include "domain/audit.h"
#include "domain_priv.h"
#include "model/scope.h"
#include "store/identities.h"

#include <string.h>

const char *const identity_type_words[] = { "screener",  "classifier", "orchestrator",
                                            "extractor", "summarizer", "router",
                                            "monitor",   "custom",     NULL };
const char *const identity_env_words[] = { "development", "staging", "production", NULL };

/* The unit of an operator who acts inside another organization. */
struct acting {
    struct unit unit;
    struct caller by;
};

static struct unit *
act_in(struct unit *u, const char *org, struct acting *acting)
{
    acting->by = *u->by;
    memcpy(acting->by.org_text, org, strlen(org) + 1);
    acting->unit = *u;
    acting->unit.by = &acting->by;
    return &acting->unit;
}

/* ---- reading ---- */

bool
identities_by_operator(const struct unit *u)
{
    return (u->by->scopes & SCOPE_ADMIN_ORGS) != 0;
}

bool
identities_reach(const struct unit *u, const char *org, const char *id, struct err *err)
{
    bool foreign = org != NULL && strcmp(org, u->by->org_text) != 0 && !identities_by_operator(u);

    if (org != NULL && !foreign)
        return true;
    if (foreign && !u->core->strict_isolation)
        return err_set(err, ERR_FORBIDDEN, NULL, "This agent belongs to another organization.");
    err_set(err, ERR_AGENT_NOT_FOUND, NULL, NULL);
    err_fact_text(err, "agentId", id);
    return false;
}

static struct identity *
check_found(struct unit *u, const char *id, struct identity *identity, struct err *err)
{
    if (err->code != ERR_NONE)
        return NULL;
    const char *org = identity == NULL ? NULL : identity->org_id;
    return identities_reach(u, org, id, err) ? identity : NULL;
}

struct identity *
identities_get(struct unit *u, const char *id, struct err *err)
{
    return check_found(u, id, store_identities_find(db_single(u->db), id, u->mem, err), err);
}

struct numbered_page *
identities_list(struct unit *u, const struct identity_filter *filter, struct err *err)
{
    const char *org = u->by->org_text;
    struct numbered_page *page = ARENA_NEW(u->mem, struct numbered_page);
    struct db_tx *tx DB_SCOPED = db_begin(u->db, err);

    if (tx == NULL || !store_agents_plan_each(tx, u->mem, err))
        return NULL;
    const struct list *rows = store_identities_list(tx, org, filter, u->mem, err);
    if (rows == NULL)
        return NULL;
    *page = (struct numbered_page){ .data = *rows, .page = filter->page, .limit = filter->limit };
    page->total = store_identities_count(tx, org, filter, u->mem, err);
    return page->total >= 0 && db_commit(tx, err) ? page : NULL;
}

bool
identities_count_up(struct unit *u, bool *more, struct err *err)
{
    enum { FOLD_ROWS = 5000 };
    int64_t n = store_identities_fold(db_single(u->db), FOLD_ROWS, u->mem, err);

    *more = n == FOLD_ROWS;
    return n >= 0;
}

/* ---- changing ---- */

struct audit_entry
identities_event(enum audit_action action, const struct identity *identity, struct arena *mem)
{
    const char *type = identity_type_words[identity->type];

    return (struct audit_entry){ .action = action,
                                 .org_id = identity->org_id,
                                 .agent_id = identity->id,
                                 .metadata = arena_printf(mem, "{\"agentType\":\"%s\"}", type) };
}

static struct identity *
lock(struct unit *u, struct db_tx *tx, const char *id, struct err *err)
{
    struct identity *identity = check_found(u, id, store_identities_lock(tx, id, u->mem, err), err);

    if (identity == NULL || identity->status != IDENTITY_DECOMMISSIONED)
        return identity;
    err_set(err, ERR_AGENT_ALREADY_DECOMMISSIONED, NULL, NULL);
    err_fact_text(err, "agentId", id);
    return NULL;
}

static bool
change_status(struct unit *u, const struct identity *now, int status, struct err *err)
{
    struct acting acting;
    struct unit *as = act_in(u, now->org_id, &acting);

    if (status == IDENTITY_DECOMMISSIONED)
        return err_set(err, ERR_VALIDATION_ERROR, "status",
                       "status: must be active or suspended; DELETE decommissions.");
    if (now->life == LIFE_DISABLED)
        return err_set(err, ERR_FORBIDDEN, NULL, "This agent was disabled by the platform.");
    return (status == IDENTITY_SUSPENDED ? agents_archive(as, now->id, -1, err)
                                         : agents_restore(as, now->id, -1, err)) != NULL;
}

static bool
write_update(struct unit *u, struct db_tx *tx, const struct identity *row, struct err *err)
{
    const struct audit_entry entry = identities_event(AUDIT_AGENT_UPDATED, row, u->mem);

    return audit_write(u, tx, &entry, err);
}

struct identity *
identities_edit(struct unit *u, const char *id, identities_overlay_fn *overlay, void *arg,
                struct err *err)
{
    struct db_tx *tx DB_SCOPED = db_begin(u->db, err);
    if (tx == NULL)
        return NULL;

    struct identity *now = lock(u, tx, id, err);
    if (now == NULL)
        return NULL;

    struct identity_draft draft = { .type = now->type,
                                    .version = now->version,
                                    .capabilities = now->capabilities,
                                    .owner = now->owner,
                                    .env = now->env,
                                    .status = -1 };
    if (!overlay(arg, &draft, err))
        return NULL;
    now->type = draft.type;
    now->version = draft.version;
    now->capabilities = draft.capabilities;
    now->owner = draft.owner;
    now->env = draft.env;

    bool moves = draft.status != -1 && draft.status != now->status;
    if (moves && !change_status(u, now, draft.status, err))
        return NULL;
    struct identity *row = store_identities_update(tx, now, u->mem, err);
    if (row == NULL || (!moves && !write_update(u, tx, row, err)) || !db_commit(tx, err))
        return NULL;
    return row;
}

bool
identities_decommission(struct unit *u, const char *id, struct err *err)
{
    struct acting acting;
    struct db_tx *tx DB_SCOPED = db_begin(u->db, err);
    if (tx == NULL)
        return false;

    const struct identity *now = lock(u, tx, id, err);

    return now != NULL && store_identities_retire_secrets(tx, id, u->mem, err) &&
           agents_decommission(act_in(u, now->org_id, &acting), id, err) != NULL &&
           db_commit(tx, err);
}
