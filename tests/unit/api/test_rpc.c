/* JSON-RPC of A2A: requests of both versions, and what is wrong with others. */
#include "api/mesh/rpc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

static int
setup(void **state)
{
    *state = arena_new();
    return 0;
}

static int
teardown(void **state)
{
    arena_free(*state);
    return 0;
}

#define SEND(method, params)                                                                       \
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"" method "\",\"params\":" params "}"
#define MESSAGE(rest) "{\"message\":{\"messageId\":\"m\",\"role\":\"user\"," rest "}}"
#define PARTS(parts)  MESSAGE("\"parts\":[" parts "]")

static void
same(const char *got, const char *want)
{
    if (want == NULL)
        assert_null(got);
    else if (got == NULL)
        fail_msg("nothing instead of %s", want);
    else
        assert_string_equal(got, want);
}

static void
calls_of_both_versions_are_read(void **state)
{
    static const struct {
        const char *text;
        struct rpc_call want;
    } cases[] = {
        { SEND("message/send", PARTS("{\"kind\":\"text\",\"text\":\"hi\"}")),
          { .id = "1",
            .method = RPC_SEND,
            .args = "{\"message\":{\"messageId\":\"m\",\"role\":\"user\",\"parts\":"
                    "[{\"kind\":\"text\",\"text\":\"hi\"}]}}" } },
        { SEND("message/stream",
               PARTS("{\"kind\":\"data\",\"data\":{\"agent_type\":\"a\",\"skill_id\":\"s\","
                     "\"args\":{\"x\":1.0}}}")),
          { .id = "1",
            .method = RPC_STREAM,
            .agent_type = "a",
            .skill_id = "s",
            .args = "{\"x\":1.0}" } },
        { "{\"jsonrpc\":\"2.0\",\"id\":\"\\u00e9\\\"\",\"method\":\"SendMessage\",\"params\":{"
          "\"message\":{\"messageId\":\"m\",\"role\":\"ROLE_USER\",\"contextId\":\"c\","
          "\"taskId\":\"\",\"parts\":[{\"data\":{\"target_agent\":\"a\",\"args\":{}}},"
          "{\"text\":\"hi\"}]},\"metadata\":{\"agent_type\":\"other\",\"skill_id\":\"s\"}}}",
          { .id = "\"\xc3\xa9\\\"\"",
            .v1 = true,
            .method = RPC_SEND,
            .context_id = "c",
            .agent_type = "a",
            .skill_id = "s",
            .args = "{}" } },
        { SEND("SendStreamingMessage", PARTS("{\"raw\":\"aGk=\"},{\"data\":[1],\"metadata\":{}}")),
          { .id = "1",
            .v1 = true,
            .method = RPC_STREAM,
            .args = "{\"message\":{\"messageId\":\"m\",\"role\":\"user\",\"parts\":"
                    "[{\"raw\":\"aGk=\"},{\"data\":[1],\"metadata\":{}}]}}" } },
        { SEND("tasks/get", "{\"id\":\"t\"}"), { .id = "1", .method = RPC_GET, .task_id = "t" } },
        { SEND("GetTask", "{\"id\":\"t\",\"historyLength\":1}"),
          { .id = "1", .v1 = true, .method = RPC_GET, .task_id = "t" } },
        { SEND("tasks/cancel", "{\"id\":\"t\"}"),
          { .id = "1", .method = RPC_CANCEL, .task_id = "t" } },
        { SEND("CancelTask", "{\"id\":\"t\"}"),
          { .id = "1", .v1 = true, .method = RPC_CANCEL, .task_id = "t" } },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rpc_call call;
        struct rpc_fault fault = { 0 };

        if (!rpc_read(cases[i].text, strlen(cases[i].text), *state, &call, &fault))
            fail_msg("%s: %s", cases[i].text, fault.reason);
        same(call.id, cases[i].want.id);
        assert_int_equal(call.v1, cases[i].want.v1);
        assert_int_equal(call.method, cases[i].want.method);
        same(call.task_id, cases[i].want.task_id);
        same(call.context_id, cases[i].want.context_id);
        same(call.agent_type, cases[i].want.agent_type);
        same(call.skill_id, cases[i].want.skill_id);
        same(call.args, cases[i].want.args);
        assert_int_equal(call.message != NULL, call.method <= RPC_STREAM);
    }
}

static void
faults_have_the_codes_of_json_rpc_and_the_callers_id(void **state)
{
    static const struct {
        const char *text;
        enum rpc_code code;
        const char *id, *says;
    } cases[] = {
        { "", RPC_PARSE_ERROR, "null", "" },
        { "{", RPC_PARSE_ERROR, "null", "" },
        { "{\"id\":1,\"id\":2}", RPC_PARSE_ERROR, "null", "" },
        { "[]", RPC_INVALID_REQUEST, "null", "batches" },
        { "{}", RPC_INVALID_REQUEST, "null", "id" },
        { "{\"id\":null}", RPC_INVALID_REQUEST, "null", "id" },
        { "{\"id\":1.5}", RPC_INVALID_REQUEST, "null", "id" },
        { "{\"id\":7}", RPC_INVALID_REQUEST, "7", "jsonrpc" },
        { "{\"id\":7,\"jsonrpc\":\"1.0\"}", RPC_INVALID_REQUEST, "7", "jsonrpc" },
        { "{\"id\":7,\"jsonrpc\":\"2.0\"}", RPC_INVALID_REQUEST, "7", "method" },
        { SEND("message/gone", "{}"), RPC_NO_METHOD, "1", "method" },
        { SEND("message/send", "[]"), RPC_INVALID_PARAMS, "1", "params" },
        { SEND("message/send", "{}"), RPC_INVALID_PARAMS, "1", "message:" },
        { SEND("message/send", "{\"message\":{}}"), RPC_INVALID_PARAMS, "1", "messageId" },
        { SEND("message/send", "{\"message\":{\"messageId\":\"m\"}}"), RPC_INVALID_PARAMS, "1",
          "role" },
        { SEND("message/send", "{\"message\":{\"messageId\":\"m\",\"role\":\"agent\"}}"),
          RPC_INVALID_PARAMS, "1", "role" },
        { SEND("message/send", PARTS("")), RPC_INVALID_PARAMS, "1", "parts" },
        { SEND("message/send", PARTS("1")), RPC_INVALID_PARAMS, "1", "parts" },
        { SEND("message/send", PARTS("{\"text\":1}")), RPC_INVALID_PARAMS, "1", "parts" },
        { SEND("message/send", PARTS("{\"text\":\"a\",\"data\":{}}")), RPC_INVALID_PARAMS, "1",
          "parts" },
        { SEND("message/send", PARTS("{\"kind\":\"data\",\"text\":\"a\"}")), RPC_INVALID_PARAMS,
          "1", "kind" },
        { SEND("message/send", PARTS("{\"data\":{\"args\":1}}")), RPC_INVALID_PARAMS, "1", "args" },
        { SEND("message/send", PARTS("{\"data\":{\"agent_type\":1}}")), RPC_INVALID_PARAMS, "1",
          "agent_type" },
        { SEND("message/send", PARTS("{\"data\":{\"agent_type\":\"a\",\"target_agent\":\"b\"}}")),
          RPC_INVALID_PARAMS, "1", "target_agent" },
        { SEND("message/send", PARTS("{\"data\":{\"skill_id\":\"a\\n\"}}")), RPC_INVALID_PARAMS,
          "1", "skill_id" },
        { SEND("message/send", MESSAGE("\"taskId\":\"t\",\"parts\":[{\"text\":\"a\"}]")),
          RPC_UNSUPPORTED, "1", "task" },
        { SEND("tasks/get", "{}"), RPC_INVALID_PARAMS, "1", "id" },
        { SEND("CancelTask", "{\"id\":5}"), RPC_INVALID_PARAMS, "1", "id" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rpc_call call;
        struct rpc_fault fault = { 0 };

        if (rpc_read(cases[i].text, strlen(cases[i].text), *state, &call, &fault))
            fail_msg("%s was taken", cases[i].text);
        if (fault.code != cases[i].code || strstr(fault.reason, cases[i].says) == NULL)
            fail_msg("%s: %d %s", cases[i].text, fault.code, fault.reason);
        assert_string_equal(call.id, cases[i].id);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(calls_of_both_versions_are_read, setup, teardown),
        cmocka_unit_test_setup_teardown(faults_have_the_codes_of_json_rpc_and_the_callers_id, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
