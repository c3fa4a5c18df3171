/* Agents as identities. What their life changes is left to the rules of agents, so that presence,
 * caches and the audit log hear of it in one way. */
#include "domain/identities.h"

#include "domain/audit.h"
#include "domain_priv.h"
#include "model/scope.h"
#include "store/identities.h"

#include <string.h>

enum { PERMANENT_TRIES = 5 };

const char *const identity_type_words[] = { "screener",  "classifier", "orchestrator",
                                            "extractor", "summarizer", "router",
                                            "monitor",   "custom",     NULL };
const char *const identity_env_words[] = { "development", "staging", "production", NULL };

static bool
is_operator(const struct unit *u)
{
    return (u->by->scopes & SCOPE_ADMIN_ORGS) != 0;
}

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
identities_reach(const struct unit *u, const char *org, const char *id, struct err *err)
{
    bool foreign = org != NULL && strcmp(org, u->by->org_text) != 0 && !is_operator(u);

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

/* ---- registering ---- */

/* The organization that a registration goes to: the built-in one has a name of its own. */
static const char *
org_of(struct unit *u, const struct identity_draft *draft)
{
    if (draft->org_id == NULL || !is_operator(u))
        return u->by->org_text;
    return strcmp(draft->org_id, "org_system") == 0 ? ORG_SYSTEM_ID : draft->org_id;
}

static const struct org_caps *
caps_of(struct unit *u, struct db_tx *tx, const char *org, bool alone, struct err *err)
{
    const struct org_caps *caps = store_identities_caps(tx, org, alone, u->mem, err);

    if (caps == NULL && err->code == ERR_NONE)
        err_set(err, ERR_VALIDATION_ERROR, "organization_id", "There is no such organization.");
    if (caps != NULL && caps->state == ORG_SUSPENDED) {
        err_set(err, ERR_FORBIDDEN, NULL, "This organization is suspended.");
        return NULL;
    }
    return caps;
}

/* As many as may register beside each other are kept free of the cap: see identities_register. */
static bool
is_full(struct unit *u, struct db_tx *tx, const char *org, const struct org_caps *caps,
        struct err *err)
{
    int64_t current = store_identities_count_living(tx, org, u->mem, err);
    long long most = caps->max_agents;

    if (current < most - caps->others)
        return false;
    if (caps->others > 0)
        return true;
    err_setf(err, ERR_TIER_LIMIT_EXCEEDED, NULL,
             "Free tier limit of %lld registered agents has been reached.", most);
    err_fact_number(err, "limit", most);
    err_fact_number(err, "current", current);
    return true;
}

static struct identity *
insert(struct unit *u, struct db_tx *tx, struct identity *fresh, const struct org_caps *caps,
       struct err *err)
{
    /* Its agent token is nobody's until the owner asks for one. */
    struct token token = token_new(TOKEN_AGENT, u->mem);
    const struct identity_new new = { fresh, bytes_of_digest(&token.hash), token.hint,
                                      caps->max_agents - caps->others };

    for (int i = 0; i < PERMANENT_TRIES; i++) {
        fresh->permanent_id = ids_permanent(u->mem);
        struct identity *row = store_identities_insert(tx, &new, u->mem, err);
        if (row != NULL || err->code != ERR_NONE)
            return row;
        if (is_full(u, tx, fresh->org_id, caps, err) || err->code != ERR_NONE)
            return NULL;
    }
    err_fault(err, ERR_INTERNAL_ERROR, "no free permanent id in %d tries", PERMANENT_TRIES);
    return NULL;
}

static bool
write_event(struct unit *u, struct db_tx *tx, enum audit_action action,
            const struct identity *identity, struct err *err)
{
    static const char *const words[] = { "screener",   "classifier", "orchestrator", "extractor",
                                         "summarizer", "router",     "monitor",      "custom" };
    const struct audit_entry entry = {
        .action = action,
        .org_id = identity->org_id,
        .agent_id = identity->id,
        .metadata = arena_printf(u->mem, "{\"agentType\":\"%s\"}", words[identity->type]),
    };

    return audit_write(u, tx, &entry, err);
}

/* NULL with err unset: there may be no room, and to say so one must be alone. */
static struct identity *
try_to_register(struct unit *u, const struct identity_draft *draft, bool alone, struct err *err)
{
    struct db_tx *tx DB_SCOPED = db_begin(u->db, err);
    if (tx == NULL)
        return NULL;

    struct identity fresh = { .id = ids_uuid(u->mem),
                              .org_id = org_of(u, draft),
                              .email = draft->email,
                              .type = draft->type,
                              .version = draft->version,
                              .capabilities = draft->capabilities,
                              .owner = draft->owner,
                              .env = draft->env };
    const struct org_caps *caps = caps_of(u, tx, fresh.org_id, alone, err);
    if (caps == NULL)
        return NULL;

    struct identity *row = insert(u, tx, &fresh, caps, err);
    if (err->code == ERR_AGENT_ALREADY_EXISTS)
        err_fact_text(err, "email", draft->email);
    return row != NULL && write_event(u, tx, AUDIT_AGENT_CREATED, row, err) && db_commit(tx, err)
               ? row
               : NULL;
}

/* Far from its cap an organization takes registrations side by side: each sees at least all but
 * those under way, and of these there are no more than the database has connections. Near the cap,
 * one at a time, once all under way have ended: then the count is the truth. Inside a transaction
 * there is no second try: who is in with others cannot wait for them to leave. */
struct identity *
identities_register(struct unit *u, const struct identity_draft *draft, struct err *err)
{
    struct identity *row = try_to_register(u, draft, db_in_transaction(u->db), err);

    return row != NULL || err->code != ERR_NONE ? row : try_to_register(u, draft, true, err);
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
    if (row == NULL || (!moves && !write_event(u, tx, AUDIT_AGENT_UPDATED, row, err)) ||
        !db_commit(tx, err))
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
