/* Sessions: who is in them, and how they end. */
#include "domain/sessions.h"

#include "store/messages.h"

#include <string.h>

enum { PLACES = 16, SWEEP_ROWS = 500 };

const char *const session_status_words[] = { "opening", "active", "paused", "completed", NULL };
const char *const join_reason_words[] = { "auto_attach", "invitation", "self_join", "routed",
                                          NULL };

/* ---- reading ---- */

static struct session *
find(struct unit *u, struct db_tx *tx, const char *id, bool lock, struct err *err)
{
    struct session *session = NULL;
    struct uuid uuid;

    if (ids_uuid_read(id, &uuid))
        session = store_sessions_find(tx, u->by->org_text, id, lock, u->mem, err);
    if (session == NULL && err->code == ERR_NONE)
        err_set(err, ERR_SESSION_NOT_FOUND, "session_id", NULL);
    return session;
}

/* Held, so that it does not end meanwhile. */
static struct session *
find_open(struct unit *u, struct db_tx *tx, const char *id, struct err *err)
{
    struct session *session = find(u, tx, id, true, err);

    if (session == NULL || session->ended_at == 0)
        return session;
    err_set(err, ERR_SESSION_CLOSED, "session_id", NULL);
    return NULL;
}

void
mesh_page_put(struct mesh_page *page, const struct list *rows, int64_t number, int64_t size)
{
    page->data = *rows;
    page->page = number;
    page->page_size = size;
    page->total_pages = (page->count + size - 1) / size;
}

struct mesh_page *
sessions_list(struct unit *u, const struct session_filter *filter, struct err *err)
{
    const char *org = u->by->org_text;
    struct mesh_page *page = ARENA_NEW(u->mem, struct mesh_page);
    const struct list *rows = store_sessions_list(db_single(u->db), org, filter, u->mem, err);

    if (rows == NULL)
        return NULL;
    page->count = store_sessions_count(db_single(u->db), org, filter->status, u->mem, err);
    if (page->count < 0)
        return NULL;
    mesh_page_put(page, rows, filter->page, filter->page_size);
    return page;
}

/* A list that was asked for is there, even when nothing is in it. */
static bool
take_list(struct unit *u, const struct list *rows, struct list *to)
{
    if (rows == NULL)
        return false;
    *to = *rows;
    if (to->v == NULL)
        to->v = arena_alloc(u->mem, sizeof *to->v);
    return true;
}

struct session_detail *
sessions_get(struct unit *u, const char *id, bool turns, bool agents, struct err *err)
{
    struct db_tx *tx = db_single(u->db);
    struct session_detail *detail = ARENA_NEW(u->mem, struct session_detail);
    const struct session *session = find(u, tx, id, false, err);

    if (session == NULL)
        return NULL;
    detail->session = *session;
    if (turns &&
        !take_list(u, store_messages_turns(tx, id, SESSION_TURNS_MAX, u->mem, err), &detail->turns))
        return NULL;
    if (agents && !take_list(u, store_sessions_agents(tx, id, u->mem, err), &detail->agents))
        return NULL;
    return detail;
}

/* ---- joining ---- */

static bool
no_room(struct err *err)
{
    return err_set(err, ERR_NO_AVAILABLE_INSTANCE, NULL, NULL);
}

/* *room: it was bound. Others that would bind it, too, wait for the end of tx. */
static bool
try_bind(struct unit *u, struct db_tx *tx, const struct session_bind *bind, bool *room,
         struct err *err)
{
    const struct uuid *instance = &bind->place->instance;

    return store_sessions_hold(tx, instance, u->mem, err) &&
           store_sessions_room(tx, instance, room, u->mem, err) &&
           (!*room || store_sessions_bind(tx, bind, u->mem, err));
}

static bool
bind_named(struct unit *u, struct db_tx *tx, const struct session_bind *bind, struct err *err)
{
    bool room;

    return try_bind(u, tx, bind, &room, err) && (room || no_room(err));
}

static const struct session_place *
find_place(struct unit *u, struct db_tx *tx, const char *instance_id, const char *agent_type,
           struct err *err)
{
    const struct session_place *place =
        store_sessions_place(tx, u->by->org_text, instance_id, agent_type, u->mem, err);

    if (place == NULL && err->code == ERR_NONE)
        err_set(err, ERR_INSTANCE_NOT_FOUND, "instance_id", NULL);
    return place;
}

/* The first that takes it; those before it were taken by others meanwhile. */
static const struct session_place *
bind_best(struct unit *u, struct db_tx *tx, const struct session_invitation *invitation,
          struct err *err)
{
    const struct list *places =
        store_sessions_places(tx, u->by->org_text, invitation->agent_type, PLACES, u->mem, err);
    bool room = false;

    if (places == NULL)
        return NULL;
    for (size_t i = 0; i < places->n; i++) {
        const struct session_place *place = places->v[i];
        const struct session_bind bind = { invitation->session_id, place, JOIN_INVITED };

        if (!try_bind(u, tx, &bind, &room, err))
            return NULL;
        if (room)
            return place;
    }
    no_room(err);
    return NULL;
}

static struct session_agent *
agent_in(const struct list *agents, const char *agent_type)
{
    for (size_t i = 0; i < agents->n; i++) {
        struct session_agent *agent = agents->v[i];

        if (strcmp(agent->agent_type, agent_type) == 0)
            return agent;
    }
    return NULL;
}

/* The type as the caller named it: a permanent id stands for the agent, too. */
static bool
bind_invited(struct unit *u, struct db_tx *tx, const struct session_invitation *invitation,
             const char **agent_type, struct err *err)
{
    const struct session_place *place;
    bool has;

    if (!store_sessions_has_type(tx, u->by->org_text, invitation->agent_type, &has, u->mem, err))
        return false;
    if (!has)
        return err_set(err, ERR_AGENT_NOT_FOUND, "agent_type", NULL);
    if (invitation->instance_id == NULL) {
        place = bind_best(u, tx, invitation, err);
    } else {
        place = find_place(u, tx, invitation->instance_id, invitation->agent_type, err);
        const struct session_bind bind = { invitation->session_id, place, JOIN_INVITED };
        if (place != NULL && !bind_named(u, tx, &bind, err))
            return false;
    }
    if (place == NULL)
        return false;
    *agent_type = place->agent_type;
    return true;
}

struct session_agent *
sessions_invite(struct unit *u, const struct session_invitation *invitation, struct err *err)
{
    struct db_tx *tx DB_SCOPED = db_begin(u->db, err);
    const char *agent_type = invitation->agent_type;

    if (tx == NULL || find_open(u, tx, invitation->session_id, err) == NULL)
        return NULL;

    const struct list *agents = store_sessions_agents(tx, invitation->session_id, u->mem, err);
    if (agents == NULL)
        return NULL;

    struct session_agent *there = agent_in(agents, agent_type);
    if (there != NULL && (invitation->instance_id == NULL ||
                          strcmp(there->instance_id, invitation->instance_id) == 0))
        return db_commit(tx, err) ? there : NULL;
    if (!bind_invited(u, tx, invitation, &agent_type, err))
        return NULL;
    agents = store_sessions_agents(tx, invitation->session_id, u->mem, err);
    there = agents == NULL ? NULL : agent_in(agents, agent_type);
    if (there == NULL && err->code == ERR_NONE)
        err_fault(err, ERR_INTERNAL_ERROR, "a session has lost its agent");
    return there != NULL && db_commit(tx, err) ? there : NULL;
}

/* ---- opening and closing ---- */

static bool
check_draft(const struct session_draft *draft, struct err *err)
{
    struct uuid uuid;

    if ((draft->session_id == NULL) == (draft->instance_id == NULL))
        return err_set(err, ERR_VALIDATION_ERROR, "instance_id",
                       "Either instance_id or session_id is required, and not both.");
    if (draft->session_id != NULL && !ids_uuid_read(draft->session_id, &uuid))
        return err_set(err, ERR_VALIDATION_ERROR, "session_id", "session_id: must be a UUID.");
    return true;
}

/* The new session; or, when the caller's own id is there already, that one. */
static const struct session *
insert(struct unit *u, struct db_tx *tx, const struct session_draft *draft, struct err *err)
{
    const char *caller = u->by->id_text[0] == '\0' ? u->by->org_text : u->by->id_text;
    const struct session fresh = {
        .id = draft->session_id == NULL ? ids_uuid(u->mem) : draft->session_id,
        .tenant_id = u->by->org_text,
        .user_id = draft->user_id == NULL ? caller : draft->user_id,
    };
    const struct session *session = store_sessions_insert(tx, &fresh, u->mem, err);

    if (session != NULL || err->code != ERR_NONE)
        return session;
    session = find_open(u, tx, fresh.id, err);
    if (err->code == ERR_SESSION_NOT_FOUND) {
        *err = (struct err){ 0 };
        err_set(err, ERR_VALIDATION_ERROR, "session_id", "This session_id cannot be had.");
    }
    return session;
}

struct session_opened *
sessions_open(struct unit *u, const struct session_draft *draft, struct err *err)
{
    struct session_opened *opened = ARENA_NEW(u->mem, struct session_opened);

    if (!check_draft(draft, err))
        return NULL;

    struct db_tx *tx DB_SCOPED = db_begin(u->db, err);
    const struct session *session = tx == NULL ? NULL : insert(u, tx, draft, err);

    if (session == NULL)
        return NULL;
    if (draft->instance_id != NULL) {
        const struct session_place *place = find_place(u, tx, draft->instance_id, NULL, err);
        const struct session_bind bind = { session->id, place, JOIN_SELF };

        if (place == NULL || !bind_named(u, tx, &bind, err))
            return NULL;
        opened->instance_id = place->instance_id;
        opened->agent_type = place->agent_type;
    }
    session = store_sessions_find(tx, u->by->org_text, session->id, false, u->mem, err);
    if (session == NULL)
        return NULL;
    opened->session = *session;
    return take_list(u, store_sessions_agents(tx, session->id, u->mem, err), &opened->agents) &&
                   db_commit(tx, err)
               ? opened
               : NULL;
}

bool
sessions_close(struct unit *u, const char *id, struct err *err)
{
    struct db_tx *tx DB_SCOPED = db_begin(u->db, err);

    return tx != NULL && find_open(u, tx, id, err) != NULL &&
           store_sessions_close(tx, u->by->org_text, id, u->mem, err) >= 0 && db_commit(tx, err);
}

bool
sessions_sweep(struct unit *u, int64_t idle_ms, bool *more, struct err *err)
{
    *more = false;
    if (idle_ms == 0)
        return true;

    long ended = store_sessions_sweep(db_single(u->db), idle_ms, SWEEP_ROWS, u->mem, err);

    *more = ended == SWEEP_ROWS;
    return ended >= 0;
}
