/* SQL for messages. */
#include "store/messages.h"

#include "store_priv.h"

static const struct db_col columns[] = {
    { TEXT_AT(struct message, id) },         { TEXT_AT(struct message, session_id) },
    { TEXT_AT(struct message, agent_type) }, { TEXT_AT(struct message, instance_id) },
    { ENUM_AT(struct message, state) },      { TEXT_AT(struct message, error) },
    { TIME_AT(struct message, created_at) }, { TIME_AT(struct message, updated_at) },
    { JSON_AT(struct message, request) },    { JSON_AT(struct message, result) },
};

#define COLUMNS                                                                                    \
    "m.id, m.session_id, coalesce(a.mesh_type, a.permanent_id), m.instance_id, m.state, m.error,"  \
    " ms(m.created_at), ms(m.updated_at)"
#define WHOLE        COLUMNS ", m.request, m.result"
#define SUMMARY      "SELECT " COLUMNS ", NULL::json, NULL::json FROM messages m" JOIN_AGENT
#define JOIN_AGENT   " LEFT JOIN agents a ON a.id = m.agent_id"
#define NEWEST_FIRST " ORDER BY m.created_at DESC, m.id DESC"
#define PAGE         NEWEST_FIRST " LIMIT $3::bigint OFFSET $4::bigint"

/* A statement of its own for each index: by organization, by session, and what waits. */
#define OF_ORG     " WHERE m.org_id = $1::uuid AND ($2::smallint = -1 OR m.state = $2::smallint)"
#define OF_SESSION OF_ORG " AND m.session_id = $5::uuid"
#define PENDING                                                                                    \
    " WHERE m.org_id = $1::uuid AND m.state = 2 AND $2::smallint = 2"                              \
    " AND ($5::uuid IS NULL OR m.session_id = $5::uuid)"
#define COUNT_IN(where)                                                                            \
    "SELECT count(*) FROM (SELECT 1 FROM messages m" where " LIMIT $3::bigint) c"

static const struct db_shape row = DB_SHAPE(struct message, columns);

struct counted {
    int64_t n;
};

static const struct db_col count_columns[] = { { INT_AT(struct counted, n) } };
static const struct db_shape count_row = DB_SHAPE(struct counted, count_columns);

static const struct db_clash clashes[] = {
    { "messages_session_fkey", ERR_SESSION_NOT_FOUND, "session_id" },
    DB_CLASH_END,
};

enum {
    INSERT,
    FIND,
    LIST,
    LIST_OF_SESSION,
    LIST_PENDING,
    COUNT_ALL,
    COUNT_OF_SESSION,
    COUNT_PENDING,
    TURNS,
    END,
    TOUCH,
    EXPIRE,
    CLEAN,
};

/* clang-format off */
const struct stmt store_messages_stmts[] = {
    [INSERT] = { "messages_insert",
        "WITH m AS (INSERT INTO messages"
        " (id, org_id, session_id, agent_id, state, request, created_at, updated_at)"
        " SELECT $2::uuid, $1::uuid, $3::uuid, t.id, 1, $5::json, roster_now(), roster_now()"
        " FROM agents t WHERE t.org_id = $1::uuid AND t.life = 0"
        " AND (t.mesh_type = $4::text OR t.permanent_id = $4::text) LIMIT 1 RETURNING *)"
        " SELECT " WHOLE " FROM m" JOIN_AGENT,
        &row, clashes },
    [FIND] = { "messages_find",
        "SELECT " WHOLE " FROM messages m" JOIN_AGENT
        " WHERE m.org_id = $1::uuid AND m.id = $2::uuid",
        &row },
    [LIST] = { "messages_list", SUMMARY OF_ORG PAGE, &row },
    [LIST_OF_SESSION] = { "messages_list_of_session", SUMMARY OF_SESSION PAGE, &row },
    [LIST_PENDING] = { "messages_list_pending", SUMMARY PENDING PAGE, &row },
    [COUNT_ALL] = { "messages_count", COUNT_IN(OF_ORG), &count_row },
    [COUNT_OF_SESSION] = { "messages_count_of_session",
        "SELECT count(*) FROM (SELECT 1 FROM messages m" OF_SESSION
        " LIMIT $3::bigint OFFSET $4::bigint) c",
        &count_row },
    [COUNT_PENDING] = { "messages_count_pending",
        "SELECT count(*) FROM (SELECT 1 FROM messages m" PENDING
        " LIMIT $3::bigint OFFSET $4::bigint) c",
        &count_row },
    [TURNS] = { "messages_turns",
        "SELECT * FROM (" SUMMARY " WHERE m.session_id = $1::uuid" NEWEST_FIRST
        " LIMIT $2::bigint) t ORDER BY 7, 1",
        &row },
    [END] = { "messages_end",
        "UPDATE messages SET state = $3::smallint, instance_id = coalesce($4::text, instance_id),"
        " result = $5::json, error = $6::text, updated_at = roster_now()"
        " WHERE org_id = $1::uuid AND id = $2::uuid AND state < 3" },
    [TOUCH] = { "messages_touch",
        "UPDATE sessions s SET last_activity = roster_now(), status = greatest(s.status, 1)"
        " FROM messages m"
        " WHERE m.org_id = $1::uuid AND m.id = $2::uuid AND s.id = m.session_id"
        " AND s.ended_at IS NULL" },
    [EXPIRE] = { "messages_expire",
        "UPDATE messages SET state = 4, error = 'AGENT_DISCONNECTED', updated_at = roster_now()"
        " WHERE ctid = ANY (ARRAY(SELECT ctid FROM messages WHERE state < 2"
        " AND updated_at < roster_now() - $1::bigint * interval '1 ms'"
        " ORDER BY updated_at LIMIT $2::bigint FOR UPDATE SKIP LOCKED))" },
    [CLEAN] = { "messages_clean",
        "DELETE FROM messages WHERE ctid = ANY (ARRAY(SELECT ctid FROM messages"
        " WHERE created_at < roster_now() - $1::bigint * interval '1 ms' AND state > 1"
        " LIMIT $2::bigint FOR UPDATE SKIP LOCKED))" },
    STMT_END,
};
/* clang-format on */

struct message *
store_messages_insert(struct db_tx *tx, const char *org, const struct message_new *fresh,
                      struct arena *mem, struct err *err)
{
    return db_one(tx, &store_messages_stmts[INSERT],
                  DB_ARGS(DB_TEXT(org), DB_TEXT(fresh->id), DB_TEXT(fresh->session_id),
                          DB_TEXT(fresh->agent_type), DB_TEXT(fresh->request)),
                  mem, err);
}

struct message *
store_messages_find(struct db_tx *tx, const char *org, const char *id, struct arena *mem,
                    struct err *err)
{
    return db_one(tx, &store_messages_stmts[FIND], DB_ARGS(DB_TEXT(org), DB_TEXT(id)), mem, err);
}

/* Which of three statements in a row a filter takes. */
static int
which(int first, const struct message_filter *filter)
{
    return first + (filter->state == MESSAGE_INPUT_REQUIRED ? 2 : filter->session_id != NULL);
}

struct list *
store_messages_list(struct db_tx *tx, const char *org, const struct message_filter *filter,
                    struct arena *mem, struct err *err)
{
    int stmt = which(LIST, filter);
    const struct db_arg args[] = {
        DB_TEXT(org),
        DB_INT(filter->state),
        DB_INT(filter->page_size),
        DB_INT((filter->page - 1) * filter->page_size),
        DB_TEXT(filter->session_id),
    };

    return store_all(tx, &store_messages_stmts[stmt],
                     (struct db_args){ args, stmt == LIST ? 4 : COUNT(args) }, mem, err);
}

int64_t
store_messages_count(struct db_tx *tx, const char *org, const struct message_filter *filter,
                     struct arena *mem, struct err *err)
{
    int stmt = which(COUNT_ALL, filter);
    const struct db_arg args[] = {
        DB_TEXT(org), DB_INT(filter->state),       DB_INT(MESH_COUNT_MAX),
        DB_INT(0),    DB_TEXT(filter->session_id),
    };
    const struct counted *found =
        db_one(tx, &store_messages_stmts[stmt],
               (struct db_args){ args, stmt == COUNT_ALL ? 3 : COUNT(args) }, mem, err);

    return found == NULL ? -1 : found->n;
}

struct list *
store_messages_turns(struct db_tx *tx, const char *session, int64_t limit, struct arena *mem,
                     struct err *err)
{
    return store_all(tx, &store_messages_stmts[TURNS], DB_ARGS(DB_TEXT(session), DB_INT(limit)),
                     mem, err);
}

long
store_messages_end(struct db_tx *tx, const char *org, const char *id, const struct message_end *end,
                   struct arena *mem, struct err *err)
{
    return db_exec(tx, &store_messages_stmts[END],
                   DB_ARGS(DB_TEXT(org), DB_TEXT(id), DB_INT(end->state), DB_TEXT(end->instance_id),
                           DB_TEXT(end->result), DB_TEXT(end->error)),
                   mem, err);
}

bool
store_messages_touch(struct db_tx *tx, const char *org, const char *id, struct arena *mem,
                     struct err *err)
{
    return db_exec(tx, &store_messages_stmts[TOUCH], DB_ARGS(DB_TEXT(org), DB_TEXT(id)), mem,
                   err) >= 0;
}

long
store_messages_expire(struct db_tx *tx, int64_t old_ms, int64_t limit, struct arena *mem,
                      struct err *err)
{
    return db_exec(tx, &store_messages_stmts[EXPIRE], DB_ARGS(DB_INT(old_ms), DB_INT(limit)), mem,
                   err);
}

long
store_messages_clean(struct db_tx *tx, int64_t keep_ms, int64_t limit, struct arena *mem,
                     struct err *err)
{
    return db_exec(tx, &store_messages_stmts[CLEAN], DB_ARGS(DB_INT(keep_ms), DB_INT(limit)), mem,
                   err);
}
