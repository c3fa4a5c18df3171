/* /messages: what became of the messages that came by /send. */
#include "api/mesh/messages.h"

#include "api/mesh/lists.h"
#include "domain/messages.h"
#include "json/formats.h"
#include "model/scope.h"

/* ---- specs ---- */

static const struct field message_fields[] = { MESH_MESSAGE_FIELDS, FIELD_LAST };

const struct spec mesh_message_spec = { "MeshMessage", sizeof(struct message), message_fields };

static const struct field whole_fields[] = {
    MESH_MESSAGE_FIELDS,
    { "request", JSON_AT(struct message, request), 0, .doc = "The A2A message, as it came." },
    { "result", JSON_AT(struct message, result), F_NULLABLE,
      .doc = "What the agent answered; null: nothing yet, or it failed." },
    FIELD_LAST,
};

static const struct spec whole_spec = { "MeshMessageDetail", sizeof(struct message), whole_fields };

struct one_message {
    bool ok;
    struct message message;
};

static const struct field one_fields[] = {
    { "ok", BOOL_AT(struct one_message, ok), 0, .doc = "Always true." },
    { "message", OBJECT_AT(struct one_message, message, struct message), 0, .spec = &whole_spec,
      .doc = "The whole record." },
    FIELD_LAST,
};

static const struct spec one_spec = { "MeshMessageFound", sizeof(struct one_message), one_fields };

static const struct field list_fields[] = { MESH_LIST_FIELDS("messages", &mesh_message_spec) };

static const struct spec list_spec = { "MeshMessageList", sizeof(struct mesh_list), list_fields };

static const struct field filter_fields[] = {
    { "state", ENUM_AT(struct message_filter, state), 0, .names = message_state_words,
      .doc = "Only those in this state." },
    { "session_id", TEXT_AT(struct message_filter, session_id), 0, .format = &format_uuid,
      .doc = "Only those of this session." },
    MESH_PAGE_WANT(struct message_filter),
    FIELD_LAST,
};

static const struct spec filter_spec = { "MeshMessageFilter", sizeof(struct message_filter),
                                         filter_fields };
static const struct message_filter filter_defaults = { .page = 1,
                                                       .page_size = MESH_PAGE_SIZE,
                                                       .state = -1 };

static const struct field pending_fields[] = {
    { "session_id", TEXT_AT(struct message_filter, session_id), 0, .format = &format_uuid,
      .doc = "Only those of this session." },
    MESH_PAGE_WANT(struct message_filter),
    FIELD_LAST,
};

static const struct spec pending_spec = { "MeshPendingFilter", sizeof(struct message_filter),
                                          pending_fields };
static const struct message_filter pending_defaults = { .page = 1,
                                                        .page_size = MESH_PAGE_SIZE,
                                                        .state = MESSAGE_INPUT_REQUIRED };

struct message_ref {
    const char *id;
};

static const struct field ref_fields[] = {
    { "message_id", TEXT_AT(struct message_ref, id), F_REQUIRED, .min = 1, .max = 128,
      .format = &format_plain, .doc = "Of the message." },
    FIELD_LAST,
};

static const struct spec ref_spec = { "MeshMessageRef", sizeof(struct message_ref), ref_fields };

struct canceled {
    bool ok;
    const char *id;
};

static const struct field canceled_fields[] = {
    { "ok", BOOL_AT(struct canceled, ok), 0, .doc = "Always true." },
    { "message_id", TEXT_AT(struct canceled, id), 0, .format = &format_uuid,
      .doc = "It is canceled from now on." },
    FIELD_LAST,
};

static const struct spec canceled_spec = { "MeshMessageCanceled", sizeof(struct canceled),
                                           canceled_fields };

/* ---- handlers ---- */

bool
mesh_list_answer(struct request *rq, const struct mesh_page *page)
{
    struct mesh_list *list = ARENA_NEW(rq->mem, struct mesh_list);

    if (page == NULL)
        return false;
    *list = (struct mesh_list){ true, *page };
    rq->out = list;
    return true;
}

static bool
list_messages(struct request *rq, struct err *err)
{
    return mesh_list_answer(rq, messages_list(rq->unit, rq->in, err));
}

static bool
get_message(struct request *rq, struct err *err)
{
    const struct message_ref *ref = rq->in;
    struct one_message *one = ARENA_NEW(rq->mem, struct one_message);
    const struct message *message = messages_get(rq->unit, ref->id, err);

    if (message == NULL)
        return false;
    *one = (struct one_message){ true, *message };
    rq->out = one;
    return true;
}

static bool
cancel_message(struct request *rq, struct err *err)
{
    const struct message_ref *ref = rq->in;
    struct canceled *canceled = ARENA_NEW(rq->mem, struct canceled);
    const struct message *message = messages_cancel(rq->unit, ref->id, err);

    if (message == NULL)
        return false;
    *canceled = (struct canceled){ true, message->id };
    rq->out = canceled;
    return true;
}

/* ---- the rows ---- */

#define READS  .who = WHO_KEY, .scope = SCOPE_AGENTS_READ, .limit = LIMIT_OWNER
#define WRITES .who = WHO_KEY, .scope = SCOPE_AGENTS_WRITE, .limit = LIMIT_OWNER

const struct route mesh_messages_routes[] = {
    { "POST", "/messages/get", list_messages, "listMeshMessages", "List messages", READS,
      .in = &filter_spec, .defaults = &filter_defaults, .out = &list_spec, .ok = 200,
      .flags = ROUTE_EMPTY_BODY },
    { "POST", "/messages/get_by_id", get_message, "getMeshMessage", "Read one message", READS,
      .in = &ref_spec, .out = &one_spec, .ok = 200, .fails = { ERR_MESSAGE_NOT_FOUND } },
    { "POST", "/messages/pending", list_messages, "listPendingMeshMessages",
      "List messages that wait for a person", READS, .in = &pending_spec,
      .defaults = &pending_defaults, .out = &list_spec, .ok = 200, .flags = ROUTE_EMPTY_BODY },
    { "POST", "/messages/cancel", cancel_message, "cancelMeshMessage", "Cancel a message", WRITES,
      .in = &ref_spec, .out = &canceled_spec, .ok = 200,
      .fails = { ERR_MESSAGE_NOT_FOUND, ERR_MESSAGE_ENDED },
      .doc = "What the agent answers from then on is dropped. Whether it acted is not known." },
    ROUTE_LAST,
};
