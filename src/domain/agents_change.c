/* What an owner changes about an agent: its draft, its token, its life. Each change is one
 * transaction that holds the row and tells the caches. */
#include "domain/agents.h"

#include "domain_priv.h"
#include "store/connections.h"
#include "store/presence.h"

/* What the audit log is told of a change. */
struct change {
    enum audit_action action;
    const char *metadata;
};

static bool
tell(struct unit *u, struct db_tx *tx, const struct agent *agent, const struct change *change,
     struct err *err)
{
    const struct audit_entry entry = { .action = change->action,
                                       .org_id = agent->org_id,
                                       .agent_id = agent->id,
                                       .metadata = change->metadata };

    return audit_write(u, tx, &entry, err);
}

/* Draws the changed row and commits, with the hint and the event. */
static struct agent *
finish(struct unit *u, struct db_tx *tx, struct agent_row *row, const struct change *change,
       struct err *err)
{
    struct uuid *id = ARENA_NEW(u->mem, struct uuid);

    if (row == NULL) {
        if (err->code == ERR_NONE)
            err_fault(err, ERR_INTERNAL_ERROR, "a locked agent is gone");
        return NULL;
    }

    struct agent *agent = agents_draw(u, row, err);

    if (agent == NULL || !ids_uuid_read(agent->id, id) ||
        !hints_forget(u, tx, HINT_AGENT, id, 1, err) || !tell(u, tx, agent, change, err) ||
        !db_commit(tx, err))
        return NULL;
    return agent;
}

struct agent *
agents_edit(struct unit *u, const char *ref, int64_t if_match, agents_overlay_fn *overlay,
            void *arg, struct err *err)
{
    static const struct change updated = { AUDIT_AGENT_UPDATED, NULL };
    struct db_tx *tx DB_SCOPED = db_begin(u->db, err);
    if (tx == NULL)
        return NULL;

    struct agent *agent = agents_lock(u, tx, ref, if_match, err);
    if (agent == NULL)
        return NULL;

    struct agent_draft draft = agent->draft;
    draft.endpoint_api_key = agent_keep_key;
    if (!overlay(arg, &draft, err) || !draft_put(u, agent, &draft, err) ||
        !agents_fallback(u, tx, draft.fallback_agent_id, agent->id, &agent->draft.fallback_agent_id,
                         err))
        return NULL;
    return finish(u, tx, store_agents_update(tx, agent, u->mem, err), &updated, err);
}

struct agent *
agents_rotate_token(struct unit *u, const char *ref, int64_t if_match, struct err *err)
{
    static const struct change updated = { AUDIT_AGENT_UPDATED, "{\"change\":\"token\"}" };
    struct db_tx *tx DB_SCOPED = db_begin(u->db, err);
    if (tx == NULL)
        return NULL;

    struct agent *agent = agents_lock(u, tx, ref, if_match, err);
    if (agent == NULL)
        return NULL;
    if (agent->life == LIFE_REVOKED) {
        err_set(err, ERR_AGENT_STATE, NULL, "A revoked agent gets no new token.");
        return NULL;
    }

    struct token token = token_new(TOKEN_AGENT, u->mem);
    agent->token_hint = token.hint;
    struct agent *fresh =
        finish(u, tx, store_agents_set_token(tx, agent, bytes_of_digest(&token.hash), u->mem, err),
               &updated, err);
    if (fresh != NULL)
        fresh->token = token.text;
    return fresh;
}

/* One step of life. */
struct step {
    unsigned from; /* bits of enum agent_life */
    enum agent_life to;
    int reason; /* enum presence_reason, when the agent leaves */
    struct change change;
    const char *refusal;
};

static const struct step revoke = { 1 << LIFE_ACTIVE,
                                    LIFE_REVOKED,
                                    REASON_REVOKED,
                                    { AUDIT_AGENT_DECOMMISSIONED, NULL },
                                    "Only an active agent can be revoked." };
static const struct step archive = { 1 << LIFE_ACTIVE,
                                     LIFE_ARCHIVED,
                                     REASON_ARCHIVED,
                                     { AUDIT_AGENT_SUSPENDED, NULL },
                                     "Only an active agent can be archived." };
static const struct step restore = { 1 << LIFE_ARCHIVED,
                                     LIFE_ACTIVE,
                                     0,
                                     { AUDIT_AGENT_REACTIVATED, NULL },
                                     "Only an archived agent can be restored." };

static const struct step decommission = {
    1 << LIFE_ACTIVE | 1 << LIFE_ARCHIVED | 1 << LIFE_DISABLED,
    LIFE_REVOKED,
    REASON_REVOKED,
    { AUDIT_AGENT_DECOMMISSIONED, NULL },
    "",
};

static struct agent *
take_step(struct unit *u, const char *ref, int64_t if_match, const struct step *step,
          struct err *err)
{
    struct db_tx *tx DB_SCOPED = db_begin(u->db, err);
    if (tx == NULL)
        return NULL;

    struct agent *agent = agents_lock(u, tx, ref, if_match, err);
    if (agent == NULL)
        return NULL;
    if (agent->life == (int)step->to)
        return db_commit(tx, err) ? agent : NULL;
    if ((step->from & 1u << agent->life) == 0) {
        err_set(err, ERR_AGENT_STATE, NULL, step->refusal);
        return NULL;
    }

    bool moved = step->to == LIFE_ACTIVE
                     ? store_presence_open(tx, agent->id, u->mem, err)
                     : store_presence_close(tx, agent->id, step->reason, u->mem, err);
    if (!moved)
        return NULL;
    return finish(u, tx, store_agents_set_life(tx, agent, (int)step->to, u->mem, err),
                  &step->change, err);
}

struct agent *
agents_revoke(struct unit *u, const char *ref, int64_t if_match, struct err *err)
{
    return take_step(u, ref, if_match, &revoke, err);
}

struct agent *
agents_decommission(struct unit *u, const char *ref, struct err *err)
{
    return take_step(u, ref, -1, &decommission, err);
}

struct agent *
agents_archive(struct unit *u, const char *ref, int64_t if_match, struct err *err)
{
    return take_step(u, ref, if_match, &archive, err);
}

struct agent *
agents_restore(struct unit *u, const char *ref, int64_t if_match, struct err *err)
{
    return take_step(u, ref, if_match, &restore, err);
}

/* The connections go first, so that their ids are known to the caches. */
static bool
drop_connections(struct unit *u, struct db_tx *tx, const struct agent *agent, struct err *err)
{
    const struct list *rows =
        store_connections_delete_of_agent(tx, agent->org_id, agent->id, u->mem, err);
    if (rows == NULL)
        return false;

    struct uuid *ids = arena_alloc(u->mem, rows->n * sizeof *ids);
    for (size_t i = 0; i < rows->n; i++)
        ids[i] = ((const struct connection_id *)rows->v[i])->id;
    return hints_forget(u, tx, HINT_CONNECTION, ids, rows->n, err);
}

bool
agents_delete(struct unit *u, const char *ref, int64_t if_match, struct err *err)
{
    static const struct change deleted = { AUDIT_AGENT_DECOMMISSIONED, "{\"change\":\"deleted\"}" };
    struct uuid *id = ARENA_NEW(u->mem, struct uuid);
    struct db_tx *tx DB_SCOPED = db_begin(u->db, err);
    if (tx == NULL)
        return false;

    struct agent *agent = agents_lock(u, tx, ref, if_match, err);

    return agent != NULL && ids_uuid_read(agent->id, id) && drop_connections(u, tx, agent, err) &&
           store_agents_delete(tx, agent, u->mem, err) &&
           hints_forget(u, tx, HINT_AGENT, id, 1, err) && tell(u, tx, agent, &deleted, err) &&
           db_commit(tx, err);
}
