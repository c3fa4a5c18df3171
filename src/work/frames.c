/* Reading and writing frames. */
#include "work/frames.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/ids.h"
#include "json/spec.h"

#include <inttypes.h>
#include <string.h>

enum { TEXT_MAX = 256, CARD_MAX = 262144 };

/* ---- reading ---- */

static const struct field hello_fields[] = {
    { "instance_id", TEXT_AT(struct frame_hello, instance_id), F_REQUIRED, .min = 1,
      .max = INSTANCE_ID_MAX },
    { "agent_type", TEXT_AT(struct frame_hello, agent_type), F_REQUIRED, .min = 1,
      .max = AGENT_TYPE_MAX },
    { "agent_version", TEXT_AT(struct frame_hello, agent_version), F_NULLABLE, .max = TEXT_MAX },
    { "sdk_version", TEXT_AT(struct frame_hello, sdk_version), F_NULLABLE, .max = TEXT_MAX },
    { "agent_card", JSON_AT(struct frame_hello, agent_card), F_NULLABLE, .max = CARD_MAX },
    { "features", TEXTS_AT(struct frame_hello, features), F_NULLABLE, .max = 32 },
    FIELD_LAST,
};

static const struct spec hello_spec = { "Hello", sizeof(struct frame_hello), hello_fields,
                                        .open = true };

static const struct field heartbeat_fields[] = { FRAME_HEARTBEAT_FIELDS(struct frame_heartbeat, ),
                                                 FIELD_LAST };

static const struct spec heartbeat_spec = { "Heartbeat", sizeof(struct frame_heartbeat),
                                            heartbeat_fields, .open = true };

/* What an agent says of a fault is for people: it may be of several lines, and is told as one. NULL
 * when it says nothing. */
static char *
line_of(json_t *value, struct arena *mem)
{
    char *text = arena_text(mem, json_string_value(value));

    for (char *c = text; c != NULL && *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = ' ';
    return text == NULL || text[0] == '\0' ? NULL : text;
}

static void
put_fault(json_t *code, json_t *message, struct frame_error *error, struct arena *mem)
{
    const char *word = line_of(code, mem), *text = line_of(message, mem);

    if (json_is_integer(code))
        word = arena_printf(mem, "%lld", (long long)json_integer_value(code));
    error->code = word == NULL ? "HANDLER_ERROR" : word;
    error->message = text == NULL ? "The agent gave no message." : text;
}

static const struct {
    const char *word;
    enum frame_type type;
} types[] = {
    { "hello", FRAME_HELLO },
    { "heartbeat", FRAME_HEARTBEAT },
    { "dispatch_result", FRAME_RESULT },
    { "error", FRAME_ERROR },
};

static enum frame_type
type_of(const char *word)
{
    for (size_t i = 0; i < COUNT(types); i++)
        if (strcmp(types[i].word, word) == 0)
            return types[i].type;
    return FRAME_OTHER;
}

struct envelope {
    int64_t v;
    const char *type, *id, *in_reply_to;
};

static const struct field envelope_fields[] = {
    { "v", INT_AT(struct envelope, v), F_REQUIRED, .min = 1, .max = 1 },
    { "type", TEXT_AT(struct envelope, type), F_REQUIRED, .min = 1, .max = TEXT_MAX },
    { "id", TEXT_AT(struct envelope, id), F_REQUIRED, .min = 1, .max = FRAME_ID_MAX },
    { "in_reply_to", TEXT_AT(struct envelope, in_reply_to), F_NULLABLE, .max = FRAME_ID_MAX },
    FIELD_LAST,
};

static const struct spec envelope_spec = { "Envelope", sizeof(struct envelope), envelope_fields,
                                           .open = true };

static bool
read_payload(json_t *payload, struct frame *frame, struct arena *mem, struct err *err)
{
    json_t *result;

    switch (frame->type) {
    case FRAME_HELLO:
        return spec_read(&hello_spec, payload, &frame->hello, SPEC_WHOLE, mem, err);
    case FRAME_HEARTBEAT:
        frame->heartbeat = (struct frame_heartbeat)FRAME_HEARTBEAT_NONE;
        return spec_read(&heartbeat_spec, payload, &frame->heartbeat, SPEC_WHOLE, mem, err);
    case FRAME_ERROR:
        put_fault(json_object_get(payload, "code"), json_object_get(payload, "message"),
                  &frame->error, mem);
        return true;
    case FRAME_RESULT:
        result = json_object_get(payload, "result");
        frame->result = result == NULL ? "null" : json_text(result, 0, mem);
        return true;
    case FRAME_OTHER:
        break;
    }
    return true;
}

/* What a refusal answers to, even when nothing else of the frame is right. */
static const char *
id_of(json_t *body, struct arena *mem)
{
    const char *id = json_string_value(json_object_get(body, "id"));

    return id == NULL || id[0] == '\0' || strlen(id) > FRAME_ID_MAX ? NULL : arena_text(mem, id);
}

bool
frame_read(const char *text, size_t n, struct frame *frame, struct arena *mem, struct err *err)
{
    struct envelope envelope = { 0 };
    json_t *body = json_read_within(text, n, FRAME_NODES_MAX, mem, err);

    *frame = (struct frame){ .type = FRAME_OTHER };
    if (body == NULL)
        return false;
    if (!json_is_object(body))
        return err_set(err, ERR_VALIDATION_ERROR, NULL, "A frame is a JSON object.");
    frame->id = id_of(body, mem);
    if (!spec_read(&envelope_spec, body, &envelope, SPEC_WHOLE, mem, err))
        return false;
    frame->id = envelope.id;
    json_t *payload = json_object_get(body, "payload");
    frame->type = type_of(envelope.type);
    frame->in_reply_to = envelope.in_reply_to;
    if (!json_is_object(payload))
        return frame->type == FRAME_OTHER ||
               err_set(err, ERR_VALIDATION_ERROR, "payload", "payload: must be an object.");
    return read_payload(payload, frame, mem, err);
}

/* ---- writing ---- */

static void
put_string(struct buf *buf, const char *text)
{
    json_t *json = json_string(text);
    char *quoted = must(json_dumps(must(json), JSON_ENCODE_ANY | JSON_COMPACT));

    buf_text(buf, quoted);
    free(quoted);
    json_decref(json);
}

/* {"v":1,"type":…,"id":…,"ts":…[,"in_reply_to":…],"payload": */
static void
open_envelope(struct buf *buf, const char *type, const char *id, const char *in_reply_to)
{
    char fresh[UUID_TEXT_SIZE], ts[CLOCK_TEXT_SIZE];
    struct uuid uuid = ids_uuid_new();

    buf_printf(buf, "{\"v\":1,\"type\":\"%s\",\"id\":\"%s\",\"ts\":\"%s\"", type,
               id != NULL ? id : ids_uuid_text(&uuid, fresh), clock_text(clock_wall_ms(), ts));
    if (in_reply_to != NULL) {
        buf_text(buf, ",\"in_reply_to\":");
        put_string(buf, in_reply_to);
    }
    buf_text(buf, ",\"payload\":");
}

/* The text of the buffer, which is wiped, in mem. */
static char *
keep(struct buf *buf, struct arena *mem)
{
    char *text = arena_textn(mem, buf_bytes(buf), buf_size(buf));

    buf_done(buf);
    return text;
}

char *
frame_welcome(const char *in_reply_to, struct arena *mem)
{
    char ts[CLOCK_TEXT_SIZE];
    struct buf buf;

    buf_init(&buf, 0);
    open_envelope(&buf, "welcome", NULL, in_reply_to);
    buf_printf(&buf, "{\"resumed\":false,\"server_time\":\"%s\"}}",
               clock_text(clock_wall_ms(), ts));
    return keep(&buf, mem);
}

char *
frame_refusal(const char *in_reply_to, const struct err *err, struct arena *mem)
{
    struct buf buf;

    buf_init(&buf, 0);
    open_envelope(&buf, "error", NULL, in_reply_to);
    buf_text(&buf, "{\"code\":\"PROTOCOL_ERROR\",\"message\":");
    put_string(&buf, err->reason);
    buf_text(&buf, "}}");
    return keep(&buf, mem);
}

/* {"skill_id":…,"args":…,"session_context":…[,"svantic_auth":…]} */
static void
put_dispatch(struct buf *buf, const struct dispatch_text *text)
{
    unsigned char span[8];
    char span_text[2 * sizeof span + 1];

    ids_random(span, sizeof span);
    ids_hex(span, sizeof span, span_text);
    buf_text(buf, "{\"skill_id\":");
    put_string(buf, text->skill_id);
    buf_printf(buf, ",\"args\":%s,\"session_context\":{\"session_id\":",
               text->args == NULL ? "{}" : text->args);
    if (text->session_id == NULL)
        buf_text(buf, "null");
    else
        put_string(buf, text->session_id);
    buf_printf(buf,
               ",\"tenant_id\":\"%s\",\"propagation_headers\":{\"traceparent\":\"00-%s-%s-01\"},"
               "\"parent_trace_id\":\"%s\",\"parent_span_id\":\"%s\"}",
               text->tenant_id, text->trace_id, span_text, text->trace_id, span_text);
    if (text->scheme != NULL) {
        buf_printf(buf, ",\"svantic_auth\":{\"scheme\":\"%s\",\"token\":", text->scheme);
        put_string(buf, text->token);
        buf_printf(buf, ",\"expires_at\":%" PRId64 "}", text->expires_at);
    }
    buf_text(buf, "}");
}

char *
frame_dispatch(const struct dispatch_text *text, struct arena *mem)
{
    struct buf buf;

    buf_init(&buf, 0);
    open_envelope(&buf, "dispatch", text->id, NULL);
    put_dispatch(&buf, text);
    buf_text(&buf, "}");
    return keep(&buf, mem);
}

char *
frame_call(const struct dispatch_text *text, struct arena *mem)
{
    struct buf buf;

    buf_init(&buf, 0);
    buf_printf(&buf,
               "{\"jsonrpc\":\"2.0\",\"id\":\"%s\",\"method\":\"message/send\",\"params\":"
               "{\"message\":{\"kind\":\"message\",\"messageId\":\"%s\",\"role\":\"user\"",
               text->id, text->id);
    if (text->session_id != NULL) {
        buf_text(&buf, ",\"contextId\":");
        put_string(&buf, text->session_id);
    }
    buf_text(&buf, ",\"parts\":[{\"kind\":\"data\",\"data\":");
    put_dispatch(&buf, text);
    buf_text(&buf, "}]}}}");
    return keep(&buf, mem);
}

/* ---- what a hosted agent answers ---- */

/* The first data part with a result; else NULL. */
static json_t *
result_in_parts(json_t *parts)
{
    size_t i;
    json_t *part;

    json_array_foreach(parts, i, part)
    {
        json_t *result = json_object_get(json_object_get(part, "data"), "result");

        if (result != NULL)
            return result;
    }
    return NULL;
}

/* Of a message, or of a task: its artifacts, then the message of its status. */
static json_t *
result_in(json_t *answer)
{
    json_t *found = result_in_parts(json_object_get(answer, "parts")), *artifact;
    size_t i;

    json_array_foreach(json_object_get(answer, "artifacts"), i, artifact) if (found == NULL) found =
        result_in_parts(json_object_get(artifact, "parts"));
    if (found == NULL)
        found = result_in_parts(json_object_get(
            json_object_get(json_object_get(answer, "status"), "message"), "parts"));
    return found;
}

static bool
is_failed_task(json_t *answer)
{
    const char *state =
        json_string_value(json_object_get(json_object_get(answer, "status"), "state"));

    return state != NULL && (strcmp(state, "failed") == 0 || strcmp(state, "rejected") == 0 ||
                             strcmp(state, "canceled") == 0);
}

const char *
frame_call_result(const char *text, size_t n, struct frame_error *error, struct arena *mem)
{
    struct err err = { 0 };
    json_t *body = json_read_within(text, n, FRAME_NODES_MAX, mem, &err);
    json_t *fault = json_object_get(body, "error"), *answer = json_object_get(body, "result");

    if (json_is_object(fault)) {
        put_fault(json_object_get(fault, "code"), json_object_get(fault, "message"), error, mem);
        return NULL;
    }
    if (!json_is_object(answer)) {
        *error =
            (struct frame_error){ "INVALID_ANSWER", "The agent's answer is no JSON-RPC result." };
        return NULL;
    }
    if (is_failed_task(answer)) {
        *error = (struct frame_error){ "TASK_FAILED", "The agent's task failed." };
        return NULL;
    }
    json_t *result = result_in(answer);
    return json_text(result != NULL ? result : answer, 0, mem);
}
