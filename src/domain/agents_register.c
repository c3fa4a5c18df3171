/* Registering agents: those that come at the same time are inserted by one statement, which costs
 * the database a third of what as many statements do. */
#include "domain/agents.h"

#include "domain_priv.h"

#include <assert.h>

enum {
    PERMANENT_TRIES = 5,
    AT_ONCE = 2, /* statements: one waits for the disk while the other is worked on */
    CROWD = 4,   /* which the second is worth                                       */
};

struct registration {
    struct combined link; /* first */
    struct agent_new fresh;
    struct err err;
};

/* ---- for all that wait ---- */

/* One agent that the database refuses takes all others of the statement with it. */
static void
insert_alone(struct unit *u, struct registration *one)
{
    struct agent_new *fresh = &one->fresh;

    if (!store_agents_insert(db_single(u->db), &fresh, 1, u->mem, &one->err))
        assert(one->err.code != ERR_NONE);
}

static struct registration *
next_of(struct registration *one)
{
    return (struct registration *)one->link.next;
}

/* Each gets its row or its error. When the link broke nobody knows whether it was inserted. */
static void
insert_all(struct combined *chain, size_t n, void *arg)
{
    struct unit *u = arg;
    struct registration *first = (struct registration *)chain;
    struct err err = { 0 };
    size_t i = 0;

    /* Having waited, this thread may have too little time left: what it gave up, the database could
     * still do. The statement has its whole time. */
    db_deadline(u->db, 0);
    if (n == 1) {
        insert_alone(u, first);
        return;
    }

    struct agent_new **fresh = arena_alloc(u->mem, n * sizeof *fresh);

    for (struct registration *one = first; one != NULL; one = next_of(one))
        fresh[i++] = &one->fresh;
    if (store_agents_insert(db_single(u->db), fresh, n, u->mem, &err))
        return;
    for (struct registration *one = first; one != NULL; one = next_of(one)) {
        if (err.code == ERR_DATABASE_UNAVAILABLE)
            one->err = err;
        else
            insert_alone(u, one);
        if (one->err.code == ERR_DATABASE_UNAVAILABLE)
            err = one->err;
    }
}

struct combiner *
agents_registrations(void)
{
    return combiner_new(insert_all, AT_ONCE, CROWD);
}

/* ---- one ---- */

/* What is part of a transaction of the caller's cannot be inserted by others. */
static void
insert_once(struct unit *u, struct registration *one)
{
    if (db_in_transaction(u->db))
        insert_alone(u, one);
    else
        combiner_run(u->core->registrations, &one->link, u);
}

/* Permanent ids are short: a clash with a living or retired one is drawn again. */
static struct agent_row *
insert(struct unit *u, struct agent *agent, const struct token *token, struct err *err)
{
    const struct audit_entry created = { .action = AUDIT_AGENT_CREATED,
                                         .metadata = "{\"origin\":\"portal\"}" };
    const struct audit_new event = audit_stamp(u, &created);

    for (int i = 0; i < PERMANENT_TRIES; i++) {
        struct registration one = { .fresh = { agent, bytes_of_digest(&token->hash), &event, u->mem,
                                               NULL } };

        agent->permanent_id = ids_permanent(u->mem);
        insert_once(u, &one);
        if (one.err.code != ERR_NONE)
            *err = one.err;
        if (one.fresh.row != NULL || err->code != ERR_NONE)
            return one.fresh.row;
    }
    err_fault(err, ERR_INTERNAL_ERROR, "no free permanent id in %d tries", PERMANENT_TRIES);
    return NULL;
}

struct agent *
agents_register(struct unit *u, const struct agent_draft *draft, struct err *err)
{
    struct token token = token_new(TOKEN_AGENT, u->mem);
    struct agent fresh = { .id = ids_uuid(u->mem),
                           .org_id = u->by->org_text,
                           .token_hint = token.hint };

    if (!draft_put(u, &fresh, draft, err) ||
        !agents_fallback(u, db_single(u->db), draft->fallback_agent_id, fresh.id,
                         &fresh.draft.fallback_agent_id, err))
        return NULL;

    struct agent_row *row = insert(u, &fresh, &token, err);
    if (row == NULL || agents_draw(u, row, err) == NULL)
        return NULL;
    row->agent.token = token.text;
    return &row->agent;
}
