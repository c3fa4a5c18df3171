/* One JSON-RPC call of A2A: its body is collected, a worker records the message, the dispatch runs,
 * a worker records how it ended, and the caller is told: at the end, or as it happens. A worker has
 * the request only while its connection rests: before the answer begins, or when all of it that is
 * there has been sent. */
#include "api/mesh/send.h"

#include "api/mesh/cards.h"
#include "api/mesh/errors.h"
#include "api/mesh/rpc_draw.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/must.h"
#include "domain/cards.h"
#include "domain/messages.h"
#include "domain/sessions.h"
#include "http/draw.h"
#include "json/spec.h"
#include "model/scope.h"
#include "work/dispatch.h"
#include "work/pipeline.h"

#include <stdlib.h>
#include <string.h>

struct sent {
    struct lane lane; /* first: rq->lane points here */
    struct request *rq;
    struct buf body, events; /* the request; what of a stream waits to be read */
    struct rpc_call call;
    struct rpc_fault fault;
    struct rpc_task task;
    struct dispatch_want want;
    struct message_end end;
    struct err failure; /* of the dispatch                                   */
    bool asking;        /* a worker has the request                          */
    bool left;          /* the caller has hung up: nothing is to be done     */
    bool dispatching;   /* dispatch_begin was called, and has not come back  */
    bool dispatched;    /* it has                                            */
    bool recorded;      /* the end is in the database, or could not be       */
    bool streaming;     /* the answer has begun, as a stream                 */
    bool answered;
};

static struct sent *
sent_of(struct request *rq)
{
    return (struct sent *)rq->lane;
}

/* ---- answering ---- */

static void
answer(struct sent *s, const char *text)
{
    struct request *rq = s->rq;

    s->answered = true;
    rq->err = (struct err){ 0 };
    rq->reply.status = 200;
    rq->reply.type = "application/json";
    rq->reply.bytes = text;
    rq->reply.size = strlen(text);
    reply_header(rq, "Cache-Control", "no-store");
    pipeline_finish(rq);
}

/* What is wrong with the service is said by HTTP, all else by JSON-RPC. */
static bool
is_ours(enum err_code code)
{
    return code == ERR_INTERNAL_ERROR || code == ERR_DATABASE_UNAVAILABLE ||
           code == ERR_OVERLOADED || code == ERR_DRAINING || code == ERR_PAYLOAD_TOO_LARGE;
}

static void
answer_error(struct sent *s, const struct err *err)
{
    struct request *rq = s->rq;

    if (!is_ours(err->code)) {
        answer(s, rpc_draw_error(&s->call, err, mesh_word(err->code), s->task.id, rq->mem));
        return;
    }
    s->answered = true;
    rq->err = *err;
    pipeline_finish(rq);
}

static void
put_event(struct sent *s, const char *text)
{
    buf_text(&s->events, "data: ");
    buf_text(&s->events, text);
    buf_text(&s->events, "\n\n");
}

/* ---- with a worker ---- */

/* The first skill of a card; NULL when it has none. */
static const char *
first_skill(const struct card_type *type, struct arena *mem)
{
    struct err ignored = { 0 };
    json_t *card =
        type->card == NULL ? NULL : json_read(type->card, strlen(type->card), mem, &ignored);
    json_t *skill = json_array_get(json_object_get(card, "skills"), 0);
    const char *id = json_string_value(json_object_get(skill, "id"));

    return id == NULL || id[0] == '\0' ? NULL : arena_text(mem, id);
}

/* A skill of the aggregate card names its agent type as well: "type:skill". */
static bool
split_skill(struct sent *s, struct err *err)
{
    struct rpc_call *call = &s->call;
    const char *colon = call->skill_id == NULL ? NULL : strrchr(call->skill_id, ':');

    if (call->agent_type == NULL) {
        if (colon == NULL || colon == call->skill_id || colon[1] == '\0')
            return err_set(err, ERR_VALIDATION_ERROR, "agent_type",
                           "agent_type: is required, in a data part or in the metadata.");
        call->agent_type =
            arena_textn(s->rq->mem, call->skill_id, (size_t)(colon - call->skill_id));
        call->skill_id = colon + 1;
        return true;
    }
    size_t n = strlen(call->agent_type);
    if (call->skill_id != NULL && strncmp(call->skill_id, call->agent_type, n) == 0 &&
        call->skill_id[n] == ':' && call->skill_id[n + 1] != '\0')
        call->skill_id += n + 1;
    return true;
}

/* A context that is a session of ours is one; any other is the caller's own affair. */
static bool
find_session(struct sent *s, struct unit *u, struct err *err)
{
    const struct session_detail *found = NULL;
    struct err missing = { 0 };

    if (s->call.context_id == NULL)
        return true;
    found = sessions_get(u, s->call.context_id, false, false, &missing);
    if (found == NULL && missing.code == ERR_SESSION_NOT_FOUND)
        return true;
    if (found == NULL) {
        *err = missing;
        return false;
    }
    s->want.session_id = found->session.id;
    return true;
}

static bool
ask_begin(struct request *rq, struct err *err)
{
    struct sent *s = sent_of(rq);
    struct rpc_call *call = &s->call;

    if (!split_skill(s, err) || !find_session(s, rq->unit, err))
        return false;
    const struct card_type *type = cards_own(rq->unit, call->agent_type, err);
    if (type == NULL)
        return false;
    if (call->skill_id == NULL)
        call->skill_id = first_skill(type, rq->mem);
    s->want.agent_type = type->agent_type;
    s->want.skill_id = call->skill_id == NULL ? "message" : call->skill_id;
    s->want.args = call->args;

    const struct message_new fresh = { .session_id = s->want.session_id,
                                       .agent_type = type->agent_type,
                                       .request = call->message };
    const struct message *message = messages_begin(rq->unit, &fresh, err);
    if (message == NULL)
        return false;
    s->task = (struct rpc_task){ .id = message->id,
                                 .context_id = call->context_id,
                                 .state = MESSAGE_WORKING,
                                 .at = message->updated_at };
    return true;
}

/* The context that a recorded message named. */
static const char *
context_of(const struct message *message, struct arena *mem)
{
    struct err ignored = { 0 };
    json_t *request = json_read(message->request, strlen(message->request), mem, &ignored);
    const char *given = json_string_value(json_object_get(request, "contextId"));

    return given == NULL || given[0] == '\0' ? message->session_id : arena_text(mem, given);
}

static void
take_message(struct sent *s, const struct message *message)
{
    s->task = (struct rpc_task){ .id = message->id,
                                 .context_id = context_of(message, s->rq->mem),
                                 .state = message->state,
                                 .at = message->updated_at,
                                 .result = message->result,
                                 .problem = message->error };
}

/* An answer that comes after a cancellation is dropped: the message is told as it stands. */
static bool
ask_end(struct request *rq, struct err *err)
{
    struct sent *s = sent_of(rq);
    bool late;

    if (!messages_end(rq->unit, s->task.id, &s->end, &late, err))
        return false;
    const struct message *message = messages_get(rq->unit, s->task.id, err);
    if (message == NULL)
        return false;
    take_message(s, message);
    if (late)
        s->failure = (struct err){ 0 };
    return true;
}

static bool
ask_task(struct request *rq, struct err *err)
{
    struct sent *s = sent_of(rq);
    const struct message *message = s->call.method == RPC_CANCEL
                                        ? messages_cancel(rq->unit, s->call.task_id, err)
                                        : messages_get(rq->unit, s->call.task_id, err);

    if (message != NULL)
        take_message(s, message);
    return message != NULL;
}

/* ---- on the loop ---- */

static void
ask(struct sent *s, bool (*what)(struct request *rq, struct err *err),
    void (*then)(struct request *rq))
{
    s->asking = true;
    pipeline_work(s->rq, what, then);
}

/* The end, to someone who waits for it. */
static void
tell_end(struct sent *s)
{
    if (s->failure.code != ERR_NONE)
        answer_error(s, &s->failure);
    else
        answer(s, rpc_draw_task(&s->call, &s->task, s->rq->mem));
}

/* The same to one who listens. */
static void
stream_end(struct sent *s)
{
    struct arena *mem = s->rq->mem;

    if (s->failure.code != ERR_NONE) {
        s->task.state = MESSAGE_FAILED;
        s->task.problem =
            arena_printf(mem, "%s: %s", mesh_word(s->failure.code), s->failure.reason);
    }
    if (s->task.result != NULL)
        put_event(s, rpc_draw_artifact(&s->call, &s->task, mem));
    put_event(s, rpc_draw_status(&s->call, &s->task, mem));
}

static void
end_recorded(struct request *rq)
{
    struct sent *s = sent_of(rq);

    s->asking = false;
    if (s->left)
        return;
    /* It has happened all the same: whoever asked is told, and the record fails by itself later. */
    if (rq->err.code != ERR_NONE) {
        s->task.state = s->end.state;
        s->task.result = s->end.result;
        s->task.at = clock_wall_ms();
        rq->err = (struct err){ 0 };
    }
    s->recorded = true;
    if (!s->streaming) {
        tell_end(s);
        return;
    }
    stream_end(s);
    http_wake(rq);
}

static void
record_end(struct sent *s)
{
    struct request *rq = s->rq;

    rq->err = (struct err){ 0 };
    ask(s, ask_end, end_recorded);
}

static void
take_end(struct sent *s, const struct dispatch_done *done, const struct err *err)
{
    struct err *failure = &s->failure;

    s->dispatching = false;
    s->dispatched = true;
    *failure = *err;
    s->end = (struct message_end){ .state = MESSAGE_COMPLETED };
    if (done != NULL) {
        s->end.instance_id = done->instance_id;
        s->end.result = done->result;
    }
    if (err->code == ERR_HANDLER_ERROR && done != NULL) {
        err_fact_text(failure, "agent_code", done->agent_code);
        err_fact_text(failure, "agent_message", done->agent_message);
    }
    if (err->code != ERR_NONE) {
        s->end.state = MESSAGE_FAILED;
        s->end.result = NULL;
        s->end.error = mesh_word(err->code);
    }
}

static void
dispatch_ended(struct request *rq)
{
    struct sent *s = sent_of(rq);

    take_end(s, rq->task, &rq->err);
    rq->err = (struct err){ 0 };
    if (s->streaming)
        http_wake(rq); /* it is recorded when what is there has been read */
    else
        record_end(s);
}

static void
begin_dispatch(struct sent *s)
{
    s->dispatching = true;
    dispatch_begin(s->rq, &s->want, dispatch_ended);
}

/* The message is recorded. */
static void
begun(struct request *rq)
{
    struct sent *s = sent_of(rq);

    s->asking = false;
    if (s->left)
        return;
    if (rq->err.code != ERR_NONE) {
        const struct err err = rq->err;

        answer_error(s, &err);
        return;
    }
    if (s->call.method == RPC_SEND) {
        begin_dispatch(s);
        return;
    }
    s->streaming = s->answered = true;
    put_event(s, rpc_draw_task(&s->call, &s->task, rq->mem));
    rq->reply.status = 200;
    rq->reply.type = "text/event-stream";
    reply_header(rq, "Cache-Control", "no-store");
    reply_header(rq, "X-Accel-Buffering", "no");
    draw_standing(rq);
    http_answer_stream(rq, -1);
}

static void
task_found(struct request *rq)
{
    struct sent *s = sent_of(rq);
    const struct err err = rq->err;

    s->asking = false;
    if (s->left)
        return;
    if (err.code != ERR_NONE)
        answer_error(s, &err);
    else
        answer(s, rpc_draw_task(&s->call, &s->task, rq->mem));
}

/* ---- the lane ---- */

static size_t
upload(struct request *rq, const char *bytes, size_t n)
{
    struct sent *s = sent_of(rq);

    if (!s->answered && !buf_put(&s->body, bytes, n)) {
        struct err err = { 0 };

        err_set(&err, ERR_PAYLOAD_TOO_LARGE, NULL, NULL);
        answer_error(s, &err);
    }
    return n;
}

/* The agent of the path is the one that is meant. */
static bool
check_path(struct sent *s)
{
    const char *path = s->rq->args[0];

    if (path == NULL)
        return true;
    if (s->call.agent_type != NULL && strcmp(s->call.agent_type, path) != 0) {
        s->fault =
            (struct rpc_fault){ RPC_INVALID_PARAMS, "agent_type: is not the one of this address." };
        return false;
    }
    s->call.agent_type = path;
    return true;
}

static void
uploaded(struct request *rq)
{
    struct sent *s = sent_of(rq);

    if (s->answered)
        return;
    if (!rpc_read(buf_bytes(&s->body), buf_size(&s->body), rq->mem, &s->call, &s->fault) ||
        !check_path(s))
        answer(s, rpc_draw_fault(&s->call, &s->fault, rq->mem));
    else if (s->call.method <= RPC_STREAM)
        ask(s, ask_begin, begun);
    else
        ask(s, ask_task, task_found);
}

static ssize_t
read_events(struct request *rq, char *to, size_t most)
{
    struct sent *s = sent_of(rq);
    size_t n = buf_size(&s->events);

    if (n == 0 && s->recorded)
        return HTTP_READ_END;
    if (n == 0 && !s->asking) {
        /* The connection rests now, until something is there. */
        if (!s->dispatching && !s->dispatched)
            begin_dispatch(s);
        if (s->dispatched)
            record_end(s);
        return 0;
    }
    if (n > most)
        n = most;
    memcpy(to, buf_bytes(&s->events), n);
    buf_drop(&s->events, n);
    return (ssize_t)n;
}

static void
gone(struct request *rq)
{
    struct sent *s = sent_of(rq);

    s->left = true;
    if (s->dispatching)
        dispatch_cancel(rq);
    s->dispatching = false;
}

/* Draining has run out of time: the dispatch is ended by others, and so is this. */
static void
hurry(struct request *rq)
{
    (void)rq;
}

static void
done(struct request *rq)
{
    struct sent *s = sent_of(rq);

    if (s->dispatching)
        dispatch_cancel(rq);
    buf_done(&s->body);
    buf_done(&s->events);
    free(s);
}

static bool
begin_send(struct request *rq, struct err *err)
{
    struct sent *s = must(calloc(1, sizeof *s));

    s->lane = (struct lane){ upload, uploaded, read_events, gone, hurry, done };
    s->rq = rq;
    buf_init(&s->body, RPC_BODY_MAX);
    buf_init(&s->events, 0);
    rq->lane = &s->lane;
    if (rq->upload_size > RPC_BODY_MAX)
        return err_set(err, ERR_PAYLOAD_TOO_LARGE, NULL, NULL);
    rq->parked = true;
    http_accept(rq);
    return true;
}

/* ---- the rows ---- */

#define SENDS                                                                                      \
    .who = WHO_KEY, .scope = SCOPE_AGENTS_WRITE, .limit = LIMIT_OWNER, .ok = 200,                  \
    .flags = ROUTE_LOOP | ROUTE_STREAM, .out_type = "application/json",                            \
    .fails = { ERR_PAYLOAD_TOO_LARGE }
#define DOC                                                                                        \
    "JSON-RPC 2.0 of A2A 0.3 (message/send, message/stream, tasks/get, tasks/cancel) and 1.0 "     \
    "(SendMessage, SendStreamingMessage, GetTask, CancelTask). What is wrong with a call is said " \
    "by JSON-RPC with status 200. The body has at most 1 MiB."

const struct route mesh_send_routes[] = {
    { "POST", "/send", begin_send, "send", "Send a message to an agent", SENDS,
      .doc = DOC " Whom it is for stands in a data part or in the metadata, as agent_type (or "
                 "target_agent); skill_id and args beside it." },
    { "POST", "/agents/{agent_type}/send", begin_send, "sendToType",
      "Send a message to an agent of this type", SENDS, .args = mesh_type_args, .doc = DOC },
    ROUTE_LAST,
};
