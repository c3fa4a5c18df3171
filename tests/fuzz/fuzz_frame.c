/* What agents say, over a socket or as the answer to a call: reading ends with what can be told to
 * a caller, or with one error that can be told to the agent. */
#include "work/frames.h"

#include "json/spec.h"

#include "fuzz.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void
check_json(const char *text)
{
    json_t *json = json_loads(text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);

    assert(json != NULL);
    json_decref(json);
}

/* Fit for the member of an answer: UTF-8, one line, not empty. */
static void
check_line(const char *text)
{
    json_t *json = json_string(text);

    assert(json != NULL && text[0] != '\0');
    for (; *text != '\0'; text++)
        assert((unsigned char)*text >= 0x20 && *text != 0x7f);
    json_decref(json);
}

static void
check_frame(const struct frame *frame)
{
    check_line(frame->id);
    switch (frame->type) {
    case FRAME_HELLO:
        check_line(frame->hello.instance_id);
        check_line(frame->hello.agent_type);
        if (frame->hello.agent_card != NULL)
            check_json(frame->hello.agent_card);
        break;
    case FRAME_HEARTBEAT:
        assert(frame->heartbeat.status >= -1 && frame->heartbeat.status <= 5);
        assert(frame->heartbeat.sessions >= -1 && frame->heartbeat.sessions <= INT32_MAX);
        assert(frame->heartbeat.max_sessions >= -1 && frame->heartbeat.max_sessions <= INT32_MAX);
        assert(frame->heartbeat.failures >= -1 && frame->heartbeat.failures <= INT32_MAX);
        break;
    case FRAME_RESULT:
        check_json(frame->result);
        break;
    case FRAME_ERROR:
        check_line(frame->error.code);
        check_line(frame->error.message);
        break;
    case FRAME_OTHER:
        break;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    const char *text = (const char *)bytes;
    struct arena *mem = arena_new();
    struct frame_error error = { NULL };
    struct frame frame;
    struct err err = { 0 };
    bool ok = frame_read(text, n, &frame, mem, &err);

    assert(ok == (err.code == ERR_NONE));
    if (ok)
        check_frame(&frame);
    else
        check_json(frame_refusal(frame.id, &err, mem));

    const char *result = frame_call_result(text, n, &error, mem);
    if (result != NULL) {
        check_json(result);
    } else {
        check_line(error.code);
        check_line(error.message);
    }
    arena_free(mem);
    return 0;
}
