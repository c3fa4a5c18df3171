/* Frames of agents and of us: what is taken, what is refused, and that what we write can be read.
 */
#include "work/frames.h"

#include "json/spec.h"
#include "model/instance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

static bool
take(const char *text, struct frame *frame, struct arena *mem, struct err *err)
{
    *err = (struct err){ 0 };
    return frame_read(text, strlen(text), frame, mem, err);
}

#define FRAME(type, payload) "{\"v\":1,\"type\":\"" type "\",\"id\":\"i\",\"payload\":" payload "}"
#define ANSWER(type, payload)                                                                      \
    "{\"v\":1,\"type\":\"" type "\",\"id\":\"i\",\"in_reply_to\":\"d\",\"payload\":" payload "}"
#define HELLO(rest) FRAME("hello", "{\"instance_id\":\"a\",\"agent_type\":\"t\"" rest "}")
#define DIGITS_64   "0123456789012345678901234567890123456789012345678901234567890123"

static const struct {
    const char *text;
    enum frame_type type;
} good[] = {
    { HELLO(""), FRAME_HELLO },
    { HELLO(",\"agent_card\":{}"), FRAME_HELLO },
    { HELLO(",\"agent_version\":null,\"sdk_version\":\"2\",\"features\":[\"resume\"]"),
      FRAME_HELLO },
    { HELLO(",\"something_new\":[1,2]"), FRAME_HELLO },
    { FRAME("heartbeat", "{}"), FRAME_HEARTBEAT },
    { FRAME("heartbeat", "{\"status\":\"available\",\"current_sessions\":0}"), FRAME_HEARTBEAT },
    { FRAME("heartbeat", "{\"current_sessions\":2147483647}"), FRAME_HEARTBEAT },
    { ANSWER("dispatch_result", "{\"result\":null}"), FRAME_RESULT },
    { ANSWER("dispatch_result", "{}"), FRAME_RESULT },
    { ANSWER("error", "{}"), FRAME_ERROR },
    { ANSWER("error", "{\"code\":5,\"message\":[]}"), FRAME_ERROR },
    { FRAME("error", "{\"code\":\"X\"}"), FRAME_ERROR },
    { FRAME("something_new", "{}"), FRAME_OTHER },
    { "{\"v\":1,\"type\":\"something_new\",\"id\":\"i\"}", FRAME_OTHER },
    { "{\"v\":1,\"type\":\"something_new\",\"id\":\"i\",\"payload\":7}", FRAME_OTHER },
    { "{\"v\":1,\"type\":\"x\",\"id\":\"" DIGITS_64 DIGITS_64 "\"}", FRAME_OTHER },
};

static void
frames_of_agents_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        struct arena *mem = arena_new();
        struct frame frame;
        struct err err;

        if (!take(good[i].text, &frame, mem, &err))
            fail_msg("%s: %s", good[i].text, err.reason);
        assert_int_equal(frame.type, good[i].type);
        assert_non_null(frame.id);
        arena_free(mem);
    }
}

static const char *const bad[] = {
    "",
    "x",
    "7",
    "null",
    "[]",
    "{}",
    "{\"v\":1}",
    "{\"v\":2,\"type\":\"hello\",\"id\":\"i\",\"payload\":{}}",
    "{\"v\":\"1\",\"type\":\"hello\",\"id\":\"i\",\"payload\":{}}",
    "{\"v\":1.0,\"type\":\"x\",\"id\":\"i\"}",
    "{\"v\":1,\"type\":\"x\",\"id\":\"\"}",
    "{\"v\":1,\"type\":\"x\",\"id\":7}",
    "{\"v\":1,\"type\":\"\",\"id\":\"i\"}",
    "{\"v\":1,\"type\":\"x\",\"id\":\"a\\u0000b\"}",
    "{\"v\":1,\"type\":\"x\",\"id\":\"a\\u001bb\"}",
    "{\"v\":1,\"type\":\"x\",\"id\":\"i\",\"id\":\"j\"}",
    "{\"v\":1,\"type\":\"x\",\"id\":\"\\ud800\"}",
    "{\"v\":1,\"type\":\"x\",\"id\":\"" DIGITS_64 DIGITS_64 "0\"}",
    "{\"v\":1,\"type\":\"x\",\"id\":\"i\",\"in_reply_to\":7}",
    FRAME("hello", "{}"),
    FRAME("hello", "[]"),
    FRAME("hello", "null"),
    "{\"v\":1,\"type\":\"hello\",\"id\":\"i\"}",
    HELLO(",\"agent_card\":[]"),
    HELLO(",\"agent_card\":\"x\""),
    HELLO(",\"features\":[7]"),
    FRAME("hello", "{\"instance_id\":\"\",\"agent_type\":\"t\"}"),
    FRAME("hello", "{\"instance_id\":\"" DIGITS_64 DIGITS_64 "0\",\"agent_type\":\"t\"}"),
    FRAME("heartbeat", "{\"status\":\"fine\"}"),
    FRAME("heartbeat", "{\"status\":0}"),
    FRAME("heartbeat", "{\"current_sessions\":-1}"),
    FRAME("heartbeat", "{\"current_sessions\":2147483648}"),
    FRAME("heartbeat", "{\"current_sessions\":9223372036854775808}"),
    FRAME("heartbeat", "{\"current_sessions\":1e400}"),
    FRAME("heartbeat", "{\"max_concurrent_sessions\":1.5}"),
    FRAME("heartbeat", "{\"consecutive_failures\":\"1\"}"),
    FRAME("dispatch_result", "[]"),
    FRAME("error", "\"text\""),
};

static void
what_is_no_frame_is_refused_with_a_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct arena *mem = arena_new();
        struct frame frame;
        struct err err;

        if (take(bad[i], &frame, mem, &err))
            fail_msg("taken: %s", bad[i]);
        assert_true(err.code == ERR_VALIDATION_ERROR || err.code == ERR_MALFORMED_JSON);
        assert_true(err.reason[0] != '\0');
        assert_non_null(frame_refusal(frame.id, &err, mem));
        arena_free(mem);
    }
}

static void
a_heartbeat_leaves_open_what_it_does_not_say(void **state)
{
    struct arena *mem = arena_new();
    struct frame frame;
    struct err err;

    (void)state;
    assert_true(take(FRAME("heartbeat", "{}"), &frame, mem, &err));
    assert_null(frame.heartbeat.instance_id);
    assert_int_equal(frame.heartbeat.status, -1);
    assert_int_equal(frame.heartbeat.sessions, -1);
    assert_int_equal(frame.heartbeat.max_sessions, -1);
    assert_int_equal(frame.heartbeat.failures, -1);
    assert_true(take(FRAME("heartbeat", "{\"status\":\"busy\",\"consecutive_failures\":3}"), &frame,
                     mem, &err));
    assert_int_equal(frame.heartbeat.status, INSTANCE_BUSY);
    assert_int_equal(frame.heartbeat.failures, 3);
    arena_free(mem);
}

static const struct {
    const char *payload, *result;
} results[] = {
    { ANSWER("dispatch_result", "{}"), "null" },
    { ANSWER("dispatch_result", "{\"result\": null}"), "null" },
    { ANSWER("dispatch_result", "{\"result\": \"a\\u0007\"}"), "\"a\\u0007\"" },
    { ANSWER("dispatch_result", "{\"result\": [1, 2.50]}"), "[1,2.5]" },
    { ANSWER("dispatch_result", "{\"result\": {\"b\": 1}}"), "{\"b\":1}" },
    { ANSWER("dispatch_result", "{\"result\": false, \"other\": 1}"), "false" },
};

static void
a_result_is_json_of_any_kind(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(results); i++) {
        struct arena *mem = arena_new();
        struct frame frame;
        struct err err;

        assert_true(take(results[i].payload, &frame, mem, &err));
        assert_string_equal(frame.in_reply_to, "d");
        assert_string_equal(frame.result, results[i].result);
        arena_free(mem);
    }
}

static const struct {
    const char *payload, *code, *message;
} faults[] = {
    { "{\"code\":\"X\",\"message\":\"m\"}", "X", "m" },
    { "{\"code\":\"X\",\"message\":\"one\\n\\ttwo\\u007f\"}", "X", "one  two " },
    { "{\"code\":\"\",\"message\":\"\"}", "HANDLER_ERROR", "The agent gave no message." },
    { "{\"code\":null,\"message\":null}", "HANDLER_ERROR", "The agent gave no message." },
    { "{\"code\":{},\"message\":7}", "HANDLER_ERROR", "The agent gave no message." },
    { "{\"code\":-32603,\"message\":\"m\"}", "-32603", "m" },
    { "{}", "HANDLER_ERROR", "The agent gave no message." },
};

static void
what_an_agent_says_of_a_fault_is_a_line_of_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(faults); i++) {
        struct arena *mem = arena_new();
        const char *frame_text = arena_printf(mem, ANSWER("error", "%s"), faults[i].payload);
        const char *call_text = arena_printf(mem, "{\"error\":%s}", faults[i].payload);
        struct frame_error error = { NULL };
        struct frame frame;
        struct err err;

        if (!take(frame_text, &frame, mem, &err))
            fail_msg("%s: %s", frame_text, err.reason);
        assert_string_equal(frame.error.code, faults[i].code);
        assert_string_equal(frame.error.message, faults[i].message);
        assert_null(frame_call_result(call_text, strlen(call_text), &error, mem));
        assert_string_equal(error.code, faults[i].code);
        assert_string_equal(error.message, faults[i].message);
        arena_free(mem);
    }
}

static void
a_frame_of_too_many_values_or_too_deep_is_refused(void **state)
{
    static const char head[] = "{\"v\":1,\"type\":\"x\",\"id\":\"i\",\"payload\":";
    size_t size = sizeof head + 2 * (size_t)FRAME_NODES_MAX + 8;
    struct arena *mem = arena_new();
    char *text = arena_alloc(mem, size);
    struct frame frame;
    struct err err;

    (void)state;
    strcpy(text, head);
    memset(text + strlen(text), '[', 100);
    assert_false(take(text, &frame, mem, &err));
    assert_int_equal(err.code, ERR_MALFORMED_JSON);

    strcpy(text, head);
    char *to = text + strlen(text);
    *to++ = '[';
    for (int i = 0; i < FRAME_NODES_MAX; i++, to += 2)
        memcpy(to, "1,", 2);
    strcpy(to, "1]}");
    assert_false(take(text, &frame, mem, &err));
    assert_int_equal(err.code, ERR_MALFORMED_JSON);
    arena_free(mem);
}

static const struct {
    const char *answer, *result, *code; /* one of the two */
} calls[] = {
    { "", NULL, "INVALID_ANSWER" },
    { "x", NULL, "INVALID_ANSWER" },
    { "[]", NULL, "INVALID_ANSWER" },
    { "{}", NULL, "INVALID_ANSWER" },
    { "{\"result\":7}", NULL, "INVALID_ANSWER" },
    { "{\"error\":7,\"result\":[]}", NULL, "INVALID_ANSWER" },
    { "{\"error\":{}}", NULL, "HANDLER_ERROR" },
    { "{\"error\":{\"code\":-32601}}", NULL, "-32601" },
    { "{\"result\":{\"status\":{\"state\":\"failed\"}}}", NULL, "TASK_FAILED" },
    { "{\"result\":{\"status\":{\"state\":\"rejected\"}}}", NULL, "TASK_FAILED" },
    { "{\"result\":{}}", "{}", NULL },
    { "{\"error\":null,\"result\":{\"a\":1}}", "{\"a\":1}", NULL },
    { "{\"result\":{\"parts\":[7,{\"data\":3},{\"data\":{\"result\":[1]}},"
      "{\"data\":{\"result\":2}}]}}",
      "[1]", NULL },
    { "{\"result\":{\"artifacts\":[{\"parts\":[]},{\"parts\":[{\"data\":{\"result\":null}}]}]}}",
      "null", NULL },
    { "{\"result\":{\"status\":{\"message\":{\"parts\":[{\"data\":{\"result\":\"m\"}}]}}}}",
      "\"m\"", NULL },
    { "{\"result\":{\"status\":7,\"parts\":{\"data\":1},\"artifacts\":{}}}",
      "{\"status\":7,\"parts\":{\"data\":1},\"artifacts\":{}}", NULL },
};

static void
what_a_hosted_agent_answers_is_found_or_a_fault(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(calls); i++) {
        struct arena *mem = arena_new();
        struct frame_error error = { NULL };
        const char *result =
            frame_call_result(calls[i].answer, strlen(calls[i].answer), &error, mem);

        if (calls[i].result == NULL) {
            assert_null(result);
            assert_string_equal(error.code, calls[i].code);
            assert_true(error.message[0] != '\0');
        } else {
            assert_non_null(result);
            assert_string_equal(result, calls[i].result);
        }
        arena_free(mem);
    }
}

static json_t *
parsed(const char *text)
{
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

    assert_non_null(json);
    return json;
}

static void
what_we_write_is_json_whatever_the_texts(void **state)
{
    struct arena *mem = arena_new();
    struct dispatch_text text = {
        .id = "d",
        .skill_id = "a \"b\"\\\n\x7f \xc3\xa9",
        .session_id = "\"",
        .tenant_id = "t",
        .trace_id = "0",
        .scheme = "shared_secret",
        .token = "\"secret\"\\",
        .expires_at = INT64_MAX,
    };
    json_t *frame = parsed(frame_dispatch(&text, mem)), *call = parsed(frame_call(&text, mem));
    json_t *payload = json_object_get(frame, "payload"), *data;
    char *skill, *token, *scheme, *args, *session;

    (void)state;
    assert_int_equal(
        json_unpack(call, "{s:{s:{s:[{s:o}]}}}", "params", "message", "parts", "data", &data), 0);
    assert_true(json_object_size(data) == json_object_size(payload));
    assert_int_equal(json_unpack(payload, "{s:s, s:{}, s:{s:s}, s:{s:s, s:s}}", "skill_id", &skill,
                                 "args", "session_context", "session_id", &session, "svantic_auth",
                                 "scheme", &scheme, "token", &token),
                     0);
    assert_string_equal(skill, text.skill_id);
    assert_string_equal(token, text.token);
    assert_string_equal(session, text.session_id);
    json_decref(frame);
    json_decref(call);

    text.args = "{\"x\":1}";
    text.scheme = text.session_id = NULL;
    frame = parsed(frame_dispatch(&text, mem));
    payload = json_object_get(frame, "payload");
    assert_null(json_object_get(payload, "svantic_auth"));
    args = json_dumps(json_object_get(payload, "args"), JSON_COMPACT);
    assert_string_equal(args, text.args);
    free(args);
    json_decref(frame);

    frame = parsed(frame_welcome("a\"b", mem));
    assert_string_equal(json_string_value(json_object_get(frame, "in_reply_to")), "a\"b");
    json_decref(frame);
    arena_free(mem);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_of_agents_are_read),
        cmocka_unit_test(what_is_no_frame_is_refused_with_a_reason),
        cmocka_unit_test(a_heartbeat_leaves_open_what_it_does_not_say),
        cmocka_unit_test(a_result_is_json_of_any_kind),
        cmocka_unit_test(what_an_agent_says_of_a_fault_is_a_line_of_text),
        cmocka_unit_test(a_frame_of_too_many_values_or_too_deep_is_refused),
        cmocka_unit_test(what_a_hosted_agent_answers_is_found_or_a_fault),
        cmocka_unit_test(what_we_write_is_json_whatever_the_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
