/* Tasks, events and errors in the shapes of both versions of A2A. */
#include "api/mesh/rpc_draw.h"

#include "base/clock.h"
#include "http/draw.h"
#include "json/spec.h"

#include <string.h>

static const char *const states_v1[] = {
    "TASK_STATE_SUBMITTED", "TASK_STATE_WORKING", "TASK_STATE_INPUT_REQUIRED",
    "TASK_STATE_COMPLETED", "TASK_STATE_FAILED",  "TASK_STATE_CANCELED",
};

/* The id is copied as it came: a number stays a number. */
static char *
envelope(const struct rpc_call *call, const char *key, json_t *value, struct arena *mem)
{
    char *text = draw_json(mem, value, NULL);

    return arena_printf(mem, "{\"jsonrpc\":\"2.0\",\"id\":%s,\"%s\":%s}", call->id, key, text);
}

static const char *
context_of(const struct rpc_task *task)
{
    return task->context_id == NULL ? task->id : task->context_id;
}

static json_t *
draw_text_part(bool v1, const char *text)
{
    return must(v1 ? json_pack("{s:s}", "text", text)
                   : json_pack("{s:s, s:s}", "kind", "text", "text", text));
}

/* An agent's answer is the member "result" of a data part, as a hosted agent gives it; a text is a
 * text part, too. */
static json_t *
draw_parts(bool v1, const char *result)
{
    json_t *value = json_loads(result, JSON_DECODE_ANY, NULL), *parts = must(json_array());

    if (value == NULL) /* nothing that a client could read either */
        value = json_null();
    if (json_is_string(value) && json_string_value(value) != NULL)
        json_array_append_new(parts, draw_text_part(v1, json_string_value(value)));
    json_array_append_new(
        parts, must(v1 ? json_pack("{s:{s:o}}", "data", "result", value)
                       : json_pack("{s:s, s:{s:o}}", "kind", "data", "data", "result", value)));
    return parts;
}

static json_t *
draw_artifact(bool v1, const char *result)
{
    return must(json_pack("{s:s, s:s, s:o}", "artifactId", "result", "name", "result", "parts",
                          draw_parts(v1, result)));
}

static json_t *
draw_state(bool v1, const struct rpc_task *task, struct arena *mem)
{
    char at[CLOCK_TEXT_SIZE];
    json_t *status = must(json_pack("{s:s, s:s}", "state",
                                    v1 ? states_v1[task->state] : message_state_words[task->state],
                                    "timestamp", clock_text(task->at, at)));

    if (task->problem == NULL)
        return status;
    json_t *message = must(
        json_pack("{s:s, s:s, s:[o]}", "messageId", arena_printf(mem, "%s-status", task->id),
                  "role", v1 ? "ROLE_AGENT" : "agent", "parts", draw_text_part(v1, task->problem)));
    if (!v1)
        json_object_set_new(message, "kind", json_string("message"));
    json_object_set_new(status, "message", message);
    return status;
}

char *
rpc_draw_task(const struct rpc_call *call, const struct rpc_task *task, struct arena *mem)
{
    bool wrapped = call->v1 && call->method <= RPC_STREAM;
    json_t *drawn = must(json_pack("{s:s, s:s, s:o}", "id", task->id, "contextId", context_of(task),
                                   "status", draw_state(call->v1, task, mem)));

    if (!call->v1)
        json_object_set_new(drawn, "kind", json_string("task"));
    if (task->result != NULL)
        json_object_set_new(drawn, "artifacts",
                            json_pack("[o]", draw_artifact(call->v1, task->result)));
    return envelope(call, "result", wrapped ? must(json_pack("{s:o}", "task", drawn)) : drawn, mem);
}

char *
rpc_draw_artifact(const struct rpc_call *call, const struct rpc_task *task, struct arena *mem)
{
    json_t *drawn =
        must(json_pack("{s:s, s:s, s:o}", "taskId", task->id, "contextId", context_of(task),
                       "artifact", draw_artifact(call->v1, task->result)));

    json_object_set_new(drawn, "lastChunk", json_true());
    if (call->v1)
        return envelope(call, "result", must(json_pack("{s:o}", "artifactUpdate", drawn)), mem);
    json_object_set_new(drawn, "kind", json_string("artifact-update"));
    return envelope(call, "result", drawn, mem);
}

char *
rpc_draw_status(const struct rpc_call *call, const struct rpc_task *task, struct arena *mem)
{
    json_t *drawn = must(json_pack("{s:s, s:s, s:o}", "taskId", task->id, "contextId",
                                   context_of(task), "status", draw_state(call->v1, task, mem)));

    if (call->v1)
        return envelope(call, "result", must(json_pack("{s:o}", "statusUpdate", drawn)), mem);
    json_object_set_new(drawn, "kind", json_string("status-update"));
    json_object_set_new(drawn, "final", json_boolean(task->state >= MESSAGE_INPUT_REQUIRED));
    return envelope(call, "result", drawn, mem);
}

char *
rpc_draw_fault(const struct rpc_call *call, const struct rpc_fault *fault, struct arena *mem)
{
    return envelope(
        call, "error",
        must(json_pack("{s:i, s:s}", "code", (int)fault->code, "message", fault->reason)), mem);
}

static enum rpc_code
code_of(enum err_code code)
{
    switch ((int)code) {
    case ERR_MESSAGE_NOT_FOUND:
        return RPC_NO_TASK;
    case ERR_MESSAGE_ENDED:
        return RPC_NOT_CANCELABLE;
    case ERR_VALIDATION_ERROR:
    case ERR_AGENT_NOT_FOUND:
    case ERR_INSTANCE_NOT_FOUND:
    case ERR_SESSION_NOT_FOUND:
    case ERR_SESSION_CLOSED:
    case ERR_INVALID_DISPATCH:
        return RPC_INVALID_PARAMS;
    default:
        return RPC_INTERNAL;
    }
}

/* error.data is a list of one google.rpc.ErrorInfo, whose reason is the word of this dialect. */
char *
rpc_draw_error(const struct rpc_call *call, const struct err *err, const char *word,
               const char *task_id, struct arena *mem)
{
    enum rpc_code code = code_of(err->code);
    const char *reason = code == RPC_NO_TASK          ? "TASK_NOT_FOUND"
                         : code == RPC_NOT_CANCELABLE ? "TASK_NOT_CANCELABLE"
                                                      : word;
    const char *domain = code > RPC_INVALID_REQUEST ? "a2a-protocol.org" : "rosterd";
    json_t *facts = must(json_object());

    draw_facts(facts, err);
    if (task_id != NULL)
        json_object_set_new(facts, "taskId", json_string(task_id));
    json_object_set_new(facts, "code", json_string(word));
    return envelope(
        call, "error",
        must(json_pack("{s:i, s:s, s:[{s:s, s:s, s:s, s:o}]}", "code", (int)code, "message",
                       err->reason, "data", "@type", "type.googleapis.com/google.rpc.ErrorInfo",
                       "reason", reason, "domain", domain, "metadata", facts)),
        mem);
}
