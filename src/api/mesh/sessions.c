/* /sessions: units of work, and the instances that they are bound to. */
#include "api/mesh/sessions.h"

#include "api/mesh/lists.h"
#include "domain/sessions.h"
#include "json/formats.h"
#include "model/instance.h"
#include "model/scope.h"

#include <string.h>

/* ---- specs ---- */

static const struct field agent_fields[] = {
    { "agent_type", TEXT_AT(struct session_agent, agent_type), 0, .min = 1, .doc = "Which agent." },
    { "instance_id", TEXT_AT(struct session_agent, instance_id), 0, .min = 1,
      .doc = "The instance that the calls of the session go to." },
    { "join_reason", ENUM_AT(struct session_agent, join_reason), 0, .names = join_reason_words,
      .doc = "How it came in." },
    { "joined_at", TIME_AT(struct session_agent, joined_at), 0, .doc = "Since when." },
    FIELD_LAST,
};

static const struct spec agent_spec = { "MeshSessionAgent", sizeof(struct session_agent),
                                        agent_fields };

/* clang-format off */
#define SESSION_ID(type, member)                                                                   \
    { "session_id", TEXT_AT(type, member), 0, .format = &format_uuid, .doc = "Of the session." }
#define STATUS(type, member)                                                                       \
    { "status", ENUM_AT(type, member), 0, .names = session_status_words,                           \
      .doc = "opening until an agent has joined; completed when it has ended." }
#define SESSION_REF(type, member)                                                                  \
    { "session_id", TEXT_AT(type, member), F_REQUIRED, .min = 1, .max = 128,                       \
      .format = &format_plain, .doc = "Of the session." }
/* clang-format on */

static const struct field session_fields[] = {
    SESSION_ID(struct session, id),
    { "tenant_id", TEXT_AT(struct session, tenant_id), 0, .format = &format_uuid,
      .doc = "The organization." },
    { "user_id", TEXT_AT(struct session, user_id), 0, .min = 1, .doc = "For whom it is." },
    STATUS(struct session, status),
    { "total_turns", INT_AT(struct session, total_turns), 0,
      .doc = "Calls of the session that went to an agent." },
    { "total_tokens", INT_AT(struct session, total_tokens), 0,
      .doc = "Always 0: this service runs no model." },
    { "created_at", TIME_AT(struct session, created_at), 0, .doc = "When it was opened." },
    { "ended_at", TIME_AT(struct session, ended_at), F_NULLABLE, .doc = "Null: it is open." },
    FIELD_LAST,
};

static const struct spec session_spec = { "MeshSession", sizeof(struct session), session_fields };

static const struct field list_fields[] = { MESH_LIST_FIELDS("sessions", &session_spec) };

static const struct spec list_spec = { "MeshSessionList", sizeof(struct mesh_list), list_fields };

static const struct field filter_fields[] = {
    { "status", ENUM_AT(struct session_filter, status), 0, .names = session_status_words,
      .doc = "Only those that are so." },
    MESH_PAGE_WANT(struct session_filter),
    FIELD_LAST,
};

static const struct spec filter_spec = { "MeshSessionFilter", sizeof(struct session_filter),
                                         filter_fields };
static const struct session_filter filter_defaults = { .page = 1,
                                                       .page_size = MESH_PAGE_SIZE,
                                                       .status = -1 };

static const struct field draft_fields[] = {
    { "instance_id", TEXT_AT(struct session_draft, instance_id), 0, .min = 1,
      .max = INSTANCE_ID_MAX, .format = &format_plain,
      .doc = "The instance that it begins with. Either this or session_id is needed." },
    { "session_id", TEXT_AT(struct session_draft, session_id), 0, .min = 1, .max = 128,
      .format = &format_plain,
      .doc = "An id of the caller's own, a UUID, for a session that begins without an agent." },
    { "user_id", TEXT_AT(struct session_draft, user_id), 0, .min = 1, .max = SESSION_USER_MAX,
      .format = &format_plain, .doc = "For whom it is; whoever calls when not given." },
    FIELD_LAST,
};

static const struct spec draft_spec = { "MeshSessionDraft", sizeof(struct session_draft),
                                        draft_fields };

struct opened {
    bool ok;
    struct session_opened session;
};

static const struct field opened_fields[] = {
    { "ok", BOOL_AT(struct opened, ok), 0, .doc = "Always true." },
    SESSION_ID(struct opened, session.session.id),
    STATUS(struct opened, session.session.status),
    { "instance_id", TEXT_AT(struct opened, session.instance_id), F_OMIT_NULL, .min = 1,
      .doc = "As it was asked for." },
    { "agent_type", TEXT_AT(struct opened, session.agent_type), F_OMIT_NULL, .min = 1,
      .doc = "Of that instance." },
    { "agents", LIST_AT(struct opened, session.agents), 0, .spec = &agent_spec,
      .doc = "Who is in it." },
    FIELD_LAST,
};

static const struct spec opened_spec = { "MeshSessionOpened", sizeof(struct opened),
                                         opened_fields };

struct close_want {
    const char *session_id;
};

static const struct field close_fields[] = { SESSION_REF(struct close_want, session_id),
                                             FIELD_LAST };

static const struct spec close_spec = { "MeshSessionRef", sizeof(struct close_want), close_fields };

struct closed {
    bool ok;
    const char *session_id;
    int status;
};

static const struct field closed_fields[] = {
    { "ok", BOOL_AT(struct closed, ok), 0, .doc = "Always true." },
    SESSION_ID(struct closed, session_id),
    STATUS(struct closed, status),
    FIELD_LAST,
};

static const struct spec closed_spec = { "MeshSessionClosed", sizeof(struct closed),
                                         closed_fields };

enum { INCLUDE_MAX = 8 };

static const char *const include_words[] = { "history", "agents", NULL };

struct detail_want {
    const char *session_id;
    struct texts include;
};

static const struct field want_fields[] = {
    SESSION_REF(struct detail_want, session_id),
    { "include", TEXTS_AT(struct detail_want, include), 0, .max = INCLUDE_MAX,
      .names = include_words,
      .doc = "What else to tell: history (turns and last_activity), agents." },
    FIELD_LAST,
};

static const struct spec want_spec = { "MeshSessionWant", sizeof(struct detail_want), want_fields };

struct detailed {
    bool ok;
    struct session session;
    struct list turns, agents;
    int64_t last_activity;
};

static const struct field detailed_fields[] = {
    { "ok", BOOL_AT(struct detailed, ok), 0, .doc = "Always true." },
    { "session", OBJECT_AT(struct detailed, session, struct session), 0, .spec = &session_spec,
      .doc = "The session." },
    { "turns", LIST_AT(struct detailed, turns), F_OMIT_NULL, .spec = &mesh_message_spec,
      .doc = "With history: its last messages (at most 100), oldest first." },
    { "last_activity", TIME_AT(struct detailed, last_activity), F_OMIT_NULL,
      .doc = "With history: when something happened last." },
    { "agents", LIST_AT(struct detailed, agents), F_OMIT_NULL, .spec = &agent_spec,
      .doc = "With agents: who is in it; nobody when it has ended." },
    FIELD_LAST,
};

static const struct spec detailed_spec = { "MeshSessionDetail", sizeof(struct detailed),
                                           detailed_fields };

static const struct field invitation_fields[] = {
    SESSION_REF(struct session_invitation, session_id),
    { "agent_type", TEXT_AT(struct session_invitation, agent_type), F_REQUIRED, .min = 1,
      .max = AGENT_TYPE_MAX, .format = &format_plain, .doc = "The type, or a permanent id." },
    { "instance_id", TEXT_AT(struct session_invitation, instance_id), 0, .min = 1,
      .max = INSTANCE_ID_MAX, .format = &format_plain,
      .doc = "One of its instances; the service picks the least loaded when not given." },
    FIELD_LAST,
};

static const struct spec invitation_spec = { "MeshInvitation", sizeof(struct session_invitation),
                                             invitation_fields };

struct joined {
    bool ok;
    const char *session_id;
    struct session_agent agent;
};

static const struct field joined_fields[] = {
    { "ok", BOOL_AT(struct joined, ok), 0, .doc = "Always true." },
    SESSION_ID(struct joined, session_id),
    { "agent", OBJECT_AT(struct joined, agent, struct session_agent), 0, .spec = &agent_spec,
      .doc = "Who has joined." },
    FIELD_LAST,
};

static const struct spec joined_spec = { "MeshJoined", sizeof(struct joined), joined_fields };

/* ---- handlers ---- */

static bool
open_session(struct request *rq, struct err *err)
{
    struct opened *out = ARENA_NEW(rq->mem, struct opened);
    const struct session_opened *opened = sessions_open(rq->unit, rq->in, err);

    if (opened == NULL)
        return false;
    *out = (struct opened){ true, *opened };
    rq->out = out;
    return true;
}

static bool
close_session(struct request *rq, struct err *err)
{
    const struct close_want *want = rq->in;
    struct closed *out = ARENA_NEW(rq->mem, struct closed);

    if (!sessions_close(rq->unit, want->session_id, err))
        return false;
    *out = (struct closed){ true, want->session_id, SESSION_COMPLETED };
    rq->out = out;
    return true;
}

static bool
list_sessions(struct request *rq, struct err *err)
{
    return mesh_list_answer(rq, sessions_list(rq->unit, rq->in, err));
}

static bool
includes(const struct detail_want *want, const char *part)
{
    for (size_t i = 0; i < want->include.n; i++)
        if (strcmp(want->include.v[i], part) == 0)
            return true;
    return false;
}

static bool
get_session(struct request *rq, struct err *err)
{
    const struct detail_want *want = rq->in;
    struct detailed *out = ARENA_NEW(rq->mem, struct detailed);
    bool history = includes(want, "history");
    const struct session_detail *detail =
        sessions_get(rq->unit, want->session_id, history, includes(want, "agents"), err);

    if (detail == NULL)
        return false;
    *out = (struct detailed){ true, detail->session, detail->turns, detail->agents,
                              history ? detail->session.last_activity : 0 };
    rq->out = out;
    return true;
}

static bool
invite_agent(struct request *rq, struct err *err)
{
    const struct session_invitation *invitation = rq->in;
    struct joined *out = ARENA_NEW(rq->mem, struct joined);
    const struct session_agent *agent = sessions_invite(rq->unit, invitation, err);

    if (agent == NULL)
        return false;
    *out = (struct joined){ true, invitation->session_id, *agent };
    rq->out = out;
    return true;
}

/* ---- the rows ---- */

#define READS  .who = WHO_KEY, .scope = SCOPE_AGENTS_READ, .limit = LIMIT_OWNER
#define WRITES .who = WHO_KEY, .scope = SCOPE_AGENTS_WRITE, .limit = LIMIT_OWNER

const struct route mesh_sessions_routes[] = {
    { "POST", "/sessions/init", open_session, "openMeshSession", "Open a session", WRITES,
      .in = &draft_spec, .out = &opened_spec, .ok = 200, .flags = ROUTE_CREATES,
      .fails = { ERR_INSTANCE_NOT_FOUND, ERR_NO_AVAILABLE_INSTANCE, ERR_SESSION_CLOSED },
      .doc =
          "With instance_id the service makes the id, and that instance joins. With an id of the "
          "caller's own it begins without an agent; when that session is open already, it is "
          "told of." },
    { "POST", "/sessions/close", close_session, "closeMeshSession", "End a session", WRITES,
      .in = &close_spec, .out = &closed_spec, .ok = 200,
      .fails = { ERR_SESSION_NOT_FOUND, ERR_SESSION_CLOSED },
      .doc = "Its instances are free for others from then on." },
    { "POST", "/sessions/get", list_sessions, "listMeshSessions", "List sessions", READS,
      .in = &filter_spec, .defaults = &filter_defaults, .out = &list_spec, .ok = 200,
      .flags = ROUTE_EMPTY_BODY },
    { "POST", "/sessions/get_by_id", get_session, "getMeshSession", "Read one session", READS,
      .in = &want_spec, .out = &detailed_spec, .ok = 200, .fails = { ERR_SESSION_NOT_FOUND } },
    { "POST", "/sessions/invite", invite_agent, "inviteToMeshSession", "Invite an agent", WRITES,
      .in = &invitation_spec, .out = &joined_spec, .ok = 200,
      .fails = { ERR_SESSION_NOT_FOUND, ERR_SESSION_CLOSED, ERR_AGENT_NOT_FOUND,
                 ERR_INSTANCE_NOT_FOUND, ERR_NO_AVAILABLE_INSTANCE },
      .doc = "An agent that is in it already stays, unless another of its instances is named." },
    ROUTE_LAST,
};
