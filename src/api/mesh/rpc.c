/* A JSON-RPC request of A2A, and what of it is for us: whom the message is for, which skill, and
 * with which arguments. */
#include "api/mesh/rpc.h"

#include "base/err.h"
#include "json/spec.h"

#include <stdio.h>
#include <string.h>

struct reader {
    struct arena *mem;
    struct rpc_call *call;
    struct rpc_fault *fault;
};

static bool
refuse(struct reader *r, enum rpc_code code, const char *reason)
{
    *r->fault = (struct rpc_fault){ code, reason };
    return false;
}

static bool
bad_param(struct reader *r, const char *name, const char *must)
{
    return refuse(r, RPC_INVALID_PARAMS, arena_printf(r->mem, "%s: %s.", name, must));
}

/* A text that may be missing; clients of 1.0 send empty ones for those. */
static bool
read_name(struct reader *r, json_t *object, const char *key, const char **to)
{
    json_t *value = json_object_get(object, key);
    const char *text = json_string_value(value);

    if (value == NULL || json_is_null(value) || (text != NULL && text[0] == '\0'))
        return true;
    if (text == NULL || strlen(text) > RPC_NAME_MAX)
        return bad_param(r, key, "must be a text of at most 256 bytes");
    for (const char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7F)
            return bad_param(r, key, "must not contain control characters");
    if (*to != NULL && strcmp(*to, text) != 0)
        return bad_param(r, key, "is given twice, and not the same");
    *to = arena_text(r->mem, text);
    return true;
}

/* What a data part, or metadata, says of where the message goes. */
static bool
read_address(struct reader *r, json_t *object)
{
    struct rpc_call *call = r->call;

    return read_name(r, object, "agent_type", &call->agent_type) &&
           read_name(r, object, "target_agent", &call->agent_type) &&
           read_name(r, object, "skill_id", &call->skill_id);
}

static bool
read_data(struct reader *r, json_t *data)
{
    json_t *args = json_object_get(data, "args");

    if (!json_is_object(data))
        return true;
    if (args != NULL && !json_is_object(args))
        return bad_param(r, "args", "must be an object");
    if (args != NULL && r->call->args == NULL)
        r->call->args = json_text(args, 0, r->mem);
    return read_address(r, data);
}

/* Of 0.3, by its kind; of 1.0, by the one member that it has. */
static bool
read_part(struct reader *r, json_t *part)
{
    const char *kind = json_string_value(json_object_get(part, "kind"));
    json_t *text = json_object_get(part, "text"), *data = json_object_get(part, "data");
    bool other = json_object_get(part, "raw") != NULL || json_object_get(part, "url") != NULL ||
                 json_object_get(part, "file") != NULL;
    int members = (text != NULL) + (data != NULL) + other;

    if (!json_is_object(part) || members != 1 || (text != NULL && !json_is_string(text)))
        return bad_param(r, "message.parts", "each must have one of text, data, file, raw, url");
    if (kind != NULL && strcmp(kind, text != NULL ? "text" : data != NULL ? "data" : "file") != 0)
        return bad_param(r, "message.parts", "the kind of one is not what it has");
    return data == NULL || read_data(r, data);
}

static bool
read_parts(struct reader *r, json_t *parts)
{
    json_t *part;
    size_t i;

    if (!json_is_array(parts) || json_array_size(parts) == 0 ||
        json_array_size(parts) > RPC_PARTS_MAX)
        return bad_param(r, "message.parts", "must be a list of 1 to 100 parts");
    json_array_foreach(parts, i, part) if (!read_part(r, part)) return false;
    return true;
}

static bool
is_users(json_t *message)
{
    const char *role = json_string_value(json_object_get(message, "role"));

    return role != NULL && (strcmp(role, "user") == 0 || strcmp(role, "ROLE_USER") == 0);
}

/* Data parts count first; metadata fills in what they leave open. */
static bool
read_message(struct reader *r, json_t *params)
{
    struct rpc_call *call = r->call, rest = { 0 };
    struct reader behind = { r->mem, &rest, r->fault };
    json_t *message = json_object_get(params, "message");
    const char *id = NULL, *task = NULL;

    if (!json_is_object(message))
        return bad_param(r, "message", "must be an object");
    if (!read_name(r, message, "messageId", &id))
        return false;
    if (id == NULL)
        return bad_param(r, "message.messageId", "is required");
    if (!is_users(message))
        return bad_param(r, "message.role", "must be user");
    if (!read_name(r, message, "contextId", &call->context_id) ||
        !read_name(r, message, "taskId", &task) ||
        !read_parts(r, json_object_get(message, "parts")))
        return false;
    if (task != NULL)
        return refuse(r, RPC_UNSUPPORTED, "A task takes no further messages.");
    if (!read_address(&behind, json_object_get(message, "metadata")) ||
        !read_address(&behind, json_object_get(params, "metadata")))
        return false;
    call->agent_type = call->agent_type == NULL ? rest.agent_type : call->agent_type;
    call->skill_id = call->skill_id == NULL ? rest.skill_id : call->skill_id;
    call->message = json_text(message, 0, r->mem);
    if (call->args == NULL)
        call->args = arena_printf(r->mem, "{\"message\":%s}", call->message);
    return true;
}

static bool
read_task(struct reader *r, json_t *params)
{
    return read_name(r, params, "id", &r->call->task_id) &&
           (r->call->task_id != NULL || bad_param(r, "id", "is required"));
}

static const struct {
    const char *name;
    enum rpc_method method;
    bool v1;
} methods[] = {
    { "message/send", RPC_SEND, false },     { "SendMessage", RPC_SEND, true },
    { "message/stream", RPC_STREAM, false }, { "SendStreamingMessage", RPC_STREAM, true },
    { "tasks/get", RPC_GET, false },         { "GetTask", RPC_GET, true },
    { "tasks/cancel", RPC_CANCEL, false },   { "CancelTask", RPC_CANCEL, true },
};

static bool
read_method(struct reader *r, json_t *request)
{
    const char *name = json_string_value(json_object_get(request, "method"));

    if (name == NULL)
        return refuse(r, RPC_INVALID_REQUEST, "method: must be a text.");
    for (size_t i = 0; i < COUNT(methods); i++)
        if (strcmp(methods[i].name, name) == 0) {
            r->call->method = methods[i].method;
            r->call->v1 = methods[i].v1;
            return true;
        }
    return refuse(r, RPC_NO_METHOD, "There is no such method here.");
}

static bool
read_envelope(struct reader *r, json_t *request)
{
    json_t *id = json_object_get(request, "id");
    const char *version = json_string_value(json_object_get(request, "jsonrpc"));

    if (!json_is_object(request))
        return refuse(r, RPC_INVALID_REQUEST, "A request is one object; there are no batches.");
    if (!json_is_string(id) && !json_is_integer(id))
        return refuse(r, RPC_INVALID_REQUEST, "id: must be a text or a whole number.");
    const char *text = json_text(id, 4 * RPC_NAME_MAX, r->mem);
    if (text == NULL)
        return refuse(r, RPC_INVALID_REQUEST, "id: must be shorter.");
    r->call->id = text;
    if (version == NULL || strcmp(version, "2.0") != 0)
        return refuse(r, RPC_INVALID_REQUEST, "jsonrpc: must be \"2.0\".");
    return read_method(r, request);
}

bool
rpc_read(const char *bytes, size_t n, struct arena *mem, struct rpc_call *call,
         struct rpc_fault *fault)
{
    struct reader r = { mem, call, fault };
    struct err err = { 0 };

    *call = (struct rpc_call){ .id = "null" };
    json_t *request = json_read(bytes, n, mem, &err);
    if (request == NULL)
        return refuse(&r, RPC_PARSE_ERROR, arena_text(mem, err.reason));
    if (!read_envelope(&r, request))
        return false;
    json_t *params = json_object_get(request, "params");
    if (!json_is_object(params))
        return bad_param(&r, "params", "must be an object");
    return call->method <= RPC_STREAM ? read_message(&r, params) : read_task(&r, params);
}
