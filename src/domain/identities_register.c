/* Registering agents as identities, under the cap of their organization. Those that come at the
 * same time are inserted together; who was not is told why by trying once more alone. */
#include "domain/identities.h"

#include "domain_priv.h"
#include "store/identities.h"

#include <string.h>

enum { PERMANENT_TRIES = 5 };

struct registration {
    struct combined link; /* first */
    struct identity_new fresh;
    struct err err;
};

/* ---- for all that wait ---- */

/* From here to the end of the transaction nobody else registers in these organizations: what is
 * counted then is the truth. */
static bool
insert_many(struct unit *u, struct identity_new *const *fresh, size_t n, struct err *err)
{
    struct texts orgs = { arena_alloc(u->mem, n * sizeof *orgs.v), n };
    struct db_tx *tx DB_SCOPED = db_begin(u->db, err);

    for (size_t i = 0; i < n; i++)
        orgs.v[i] = fresh[i]->identity->org_id;
    return tx != NULL && store_identities_enter(tx, &orgs, u->mem, err) &&
           store_identities_insert_many(tx, fresh, n, u->mem, err) && db_commit(tx, err);
}

/* What one of them is refused for, each finds out for itself. */
static void
insert_all(struct combined *first, size_t n, void *arg)
{
    struct unit *u = arg;
    struct identity_new **fresh = arena_alloc(u->mem, n * sizeof *fresh);
    struct err err = { 0 };
    size_t i = 0;

    /* As in agents_register.c: the statements have their whole time. */
    db_deadline(u->db, 0);
    for (struct combined *one = first; one != NULL; one = one->next)
        fresh[i++] = &((struct registration *)one)->fresh;
    if (insert_many(u, fresh, n, &err))
        return;
    for (struct combined *one = first; one != NULL; one = one->next) {
        struct registration *r = (struct registration *)one;

        r->fresh.row = NULL;
        if (err.code == ERR_DATABASE_UNAVAILABLE)
            r->err = err;
    }
}

struct combiner *
identities_registrations(void)
{
    /* One at a time: two would wait for each other in the database, if it is the same organization.
     */
    return combiner_new(insert_all, 1, 1);
}

/* ---- one alone ---- */

static bool
check_org(const struct org_caps *caps, struct err *err)
{
    if (caps == NULL)
        return err->code == ERR_NONE && err_set(err, ERR_VALIDATION_ERROR, "organization_id",
                                                "There is no such organization.");
    return caps->state != ORG_SUSPENDED ||
           err_set(err, ERR_FORBIDDEN, NULL, "This organization is suspended.");
}

static bool
is_full(struct unit *u, struct db_tx *tx, const char *org, int64_t most, struct err *err)
{
    int64_t current = store_identities_count_living(tx, org, u->mem, err);

    if (current < 0 || current < most)
        return current < 0;
    err_setf(err, ERR_TIER_LIMIT_EXCEEDED, NULL,
             "Free tier limit of %lld registered agents has been reached.", (long long)most);
    err_fact_number(err, "limit", most);
    err_fact_number(err, "current", current);
    return true;
}

/* Permanent ids are short: a clash with a living or retired one is drawn again. */
static bool
insert(struct unit *u, struct db_tx *tx, struct identity_new *fresh, struct identity *identity,
       int64_t most, struct err *err)
{
    for (int i = 0; i < PERMANENT_TRIES; i++) {
        identity->permanent_id = ids_permanent(u->mem);
        if (!store_identities_insert(tx, fresh, u->mem, err))
            return false;
        if (fresh->row != NULL)
            return true;
        if (is_full(u, tx, identity->org_id, most, err))
            return false;
    }
    return err_fault(err, ERR_INTERNAL_ERROR, "no free permanent id in %d tries", PERMANENT_TRIES);
}

static struct identity *
register_alone(struct unit *u, struct identity_new *fresh, struct identity *identity,
               struct err *err)
{
    struct db_tx *tx DB_SCOPED = db_begin(u->db, err);
    if (tx == NULL)
        return NULL;

    const struct org_caps *caps = store_identities_caps(tx, identity->org_id, u->mem, err);

    if (!check_org(caps, err) || !insert(u, tx, fresh, identity, caps->max_agents, err)) {
        if (err->code == ERR_AGENT_ALREADY_EXISTS)
            err_fact_text(err, "email", identity->email);
        return NULL;
    }
    return db_commit(tx, err) ? fresh->row : NULL;
}

/* ---- together or alone ---- */

/* The organization that a registration goes to: the built-in one has a name of its own. */
static const char *
org_of(struct unit *u, const struct identity_draft *draft)
{
    if (draft->org_id == NULL || !identities_by_operator(u))
        return u->by->org_text;
    return strcmp(draft->org_id, "org_system") == 0 ? ORG_SYSTEM_ID : draft->org_id;
}

struct identity *
identities_register(struct unit *u, const struct identity_draft *draft, struct err *err)
{
    /* Its agent token is nobody's until the owner asks for one. */
    struct token token = token_new(TOKEN_AGENT, u->mem);
    struct identity identity = { .id = ids_uuid(u->mem),
                                 .org_id = org_of(u, draft),
                                 .permanent_id = ids_permanent(u->mem),
                                 .email = draft->email,
                                 .type = draft->type,
                                 .version = draft->version,
                                 .capabilities = draft->capabilities,
                                 .owner = draft->owner,
                                 .env = draft->env };
    const struct audit_entry created = identities_event(AUDIT_AGENT_CREATED, &identity, u->mem);
    const struct audit_new event = audit_stamp(u, &created);
    struct registration one = { .fresh = { &identity, bytes_of_digest(&token.hash), token.hint,
                                           &event, u->mem, NULL } };

    /* What is part of a transaction of the caller's cannot be inserted by others. */
    if (!db_in_transaction(u->db))
        combiner_run(u->core->identities, &one.link, u);
    if (one.fresh.row == NULL && one.err.code == ERR_NONE)
        return register_alone(u, &one.fresh, &identity, err);
    *err = one.err;
    return one.fresh.row;
}
