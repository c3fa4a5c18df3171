/* Messages: under way, ended, kept for a while. */
#include "domain/messages.h"

#include "domain/sessions.h"

enum { CLEAN_ROWS = 2000 };

const char *const message_state_words[] = { "submitted", "working", "input-required",
                                            "completed", "failed",  "canceled",
                                            NULL };

static bool
check_session(struct unit *u, struct db_tx *tx, const char *id, struct err *err)
{
    const struct session *session = NULL;
    struct uuid uuid;

    if (ids_uuid_read(id, &uuid))
        session = store_sessions_find(tx, u->by->org_text, id, true, u->mem, err);
    if (err->code != ERR_NONE)
        return false;
    if (session == NULL)
        return err_set(err, ERR_SESSION_NOT_FOUND, "session_id", NULL);
    return session->ended_at == 0 || err_set(err, ERR_SESSION_CLOSED, "session_id", NULL);
}

struct message *
messages_begin(struct unit *u, const struct message_new *fresh, struct err *err)
{
    struct message_new given = *fresh;
    struct db_tx *tx DB_SCOPED = db_begin(u->db, err);

    if (tx == NULL || (given.session_id != NULL && !check_session(u, tx, given.session_id, err)))
        return NULL;
    given.id = ids_uuid(u->mem);

    struct message *message = store_messages_insert(tx, u->by->org_text, &given, u->mem, err);
    if (message == NULL && err->code == ERR_NONE)
        err_set(err, ERR_AGENT_NOT_FOUND, "agent_type", NULL);
    if (message == NULL || !store_messages_touch(tx, u->by->org_text, given.id, u->mem, err))
        return NULL;
    return db_commit(tx, err) ? message : NULL;
}

bool
messages_end(struct unit *u, const char *id, const struct message_end *end, bool *late,
             struct err *err)
{
    const char *org = u->by->org_text;
    struct db_tx *tx DB_SCOPED = db_begin(u->db, err);

    if (tx == NULL)
        return false;

    long n = store_messages_end(tx, org, id, end, u->mem, err);
    if (n < 0)
        return false;
    *late = n == 0;
    return (*late || store_messages_touch(tx, org, id, u->mem, err)) && db_commit(tx, err);
}

struct mesh_page *
messages_list(struct unit *u, const struct message_filter *filter, struct err *err)
{
    const char *org = u->by->org_text;
    struct db_tx *tx = db_single(u->db);
    struct mesh_page *page = ARENA_NEW(u->mem, struct mesh_page);
    const struct list *rows = store_messages_list(tx, org, filter, u->mem, err);

    if (rows == NULL)
        return NULL;
    page->count = store_messages_count(tx, org, filter, u->mem, err);
    if (page->count < 0)
        return NULL;
    mesh_page_put(page, rows, filter->page, filter->page_size);
    return page;
}

struct message *
messages_get(struct unit *u, const char *id, struct err *err)
{
    struct message *message = NULL;
    struct uuid uuid;

    if (ids_uuid_read(id, &uuid))
        message = store_messages_find(db_single(u->db), u->by->org_text, id, u->mem, err);
    if (message == NULL && err->code == ERR_NONE)
        err_set(err, ERR_MESSAGE_NOT_FOUND, "message_id", NULL);
    return message;
}

struct message *
messages_cancel(struct unit *u, const char *id, struct err *err)
{
    const struct message_end end = { .state = MESSAGE_CANCELED };
    struct message *message = messages_get(u, id, err);

    if (message == NULL)
        return NULL;

    long n = store_messages_end(db_single(u->db), u->by->org_text, id, &end, u->mem, err);
    if (n == 0)
        err_set(err, ERR_MESSAGE_ENDED, "message_id", NULL);
    message->state = MESSAGE_CANCELED;
    return n > 0 ? message : NULL;
}

bool
messages_clean(struct unit *u, int64_t keep_ms, int64_t lost_ms, bool *more, struct err *err)
{
    struct db_tx *tx = db_single(u->db);
    long done[3] = { 0 };

    *more = false;
    if ((done[0] = store_messages_expire(tx, lost_ms, CLEAN_ROWS, u->mem, err)) < 0 ||
        (done[1] = store_messages_clean(tx, keep_ms, CLEAN_ROWS, u->mem, err)) < 0 ||
        (done[2] = store_sessions_clean(tx, keep_ms, CLEAN_ROWS, u->mem, err)) < 0)
        return false;
    for (size_t i = 0; i < COUNT(done); i++)
        *more = *more || done[i] == CLEAN_ROWS;
    return true;
}
