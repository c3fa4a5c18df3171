/* Answers of A2A in both versions, byte for byte. */
#include "api/mesh/rpc_draw.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#define STAMP  "\"timestamp\":\"2026-01-01T00:00:00.000Z\""
#define RPC(x) "{\"jsonrpc\":\"2.0\",\"id\":\"a\"," x "}"

static const struct rpc_call old = { .id = "\"a\"", .method = RPC_SEND };
static const struct rpc_call v1 = { .id = "\"a\"", .method = RPC_SEND, .v1 = true };
static const struct rpc_call get = { .id = "\"a\"", .method = RPC_GET, .v1 = true };
static const struct rpc_task working = { .id = "t", .state = MESSAGE_WORKING, .at = 1767225600000 };
static const struct rpc_task done = { .id = "t",
                                      .context_id = "c",
                                      .state = MESSAGE_COMPLETED,
                                      .at = 1767225600000,
                                      .result = "\"hi\"" };
static const struct rpc_task failed = {
    .id = "t", .state = MESSAGE_FAILED, .at = 1767225600000, .problem = "no"
};

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

static void
a_task_has_the_shape_of_the_callers_version(void **state)
{
    assert_string_equal(rpc_draw_task(&old, &working, *state),
                        RPC("\"result\":{\"id\":\"t\",\"contextId\":\"t\",\"status\":{\"state\":"
                            "\"working\"," STAMP "},\"kind\":\"task\"}"));
    assert_string_equal(rpc_draw_task(&v1, &working, *state),
                        RPC("\"result\":{\"task\":{\"id\":\"t\",\"contextId\":\"t\",\"status\":{"
                            "\"state\":\"TASK_STATE_WORKING\"," STAMP "}}}"));
    assert_string_equal(rpc_draw_task(&get, &working, *state),
                        RPC("\"result\":{\"id\":\"t\",\"contextId\":\"t\",\"status\":{\"state\":"
                            "\"TASK_STATE_WORKING\"," STAMP "}}"));
    assert_string_equal(
        rpc_draw_task(&old, &done, *state),
        RPC("\"result\":{\"id\":\"t\",\"contextId\":\"c\",\"status\":{\"state\":"
            "\"completed\"," STAMP "},\"kind\":\"task\",\"artifacts\":[{\"artifactId\":\"result\","
            "\"name\":\"result\",\"parts\":[{\"kind\":\"text\",\"text\":\"hi\"},{\"kind\":\"data\","
            "\"data\":{\"result\":\"hi\"}}]}]}"));
}

static void
events_of_a_stream_say_what_has_changed(void **state)
{
    assert_string_equal(rpc_draw_artifact(&v1, &done, *state),
                        RPC("\"result\":{\"artifactUpdate\":{\"taskId\":\"t\",\"contextId\":\"c\","
                            "\"artifact\":{\"artifactId\":\"result\",\"name\":\"result\",\"parts\":"
                            "[{\"text\":\"hi\"},{\"data\":{\"result\":\"hi\"}}]},"
                            "\"lastChunk\":true}}"));
    assert_string_equal(
        rpc_draw_status(&old, &working, *state),
        RPC("\"result\":{\"taskId\":\"t\",\"contextId\":\"t\",\"status\":{\"state\":"
            "\"working\"," STAMP "},\"kind\":\"status-update\",\"final\":false}"));
    assert_string_equal(
        rpc_draw_status(&old, &failed, *state),
        RPC("\"result\":{\"taskId\":\"t\",\"contextId\":\"t\",\"status\":{\"state\":"
            "\"failed\"," STAMP
            ",\"message\":{\"messageId\":\"t-status\",\"role\":\"agent\",\"parts\":[{\"kind\":"
            "\"text\",\"text\":\"no\"}],\"kind\":\"message\"}},\"kind\":\"status-update\","
            "\"final\":true}"));
    assert_string_equal(rpc_draw_status(&v1, &done, *state),
                        RPC("\"result\":{\"statusUpdate\":{\"taskId\":\"t\",\"contextId\":\"c\","
                            "\"status\":{\"state\":\"TASK_STATE_COMPLETED\"," STAMP "}}}"));
}

static void
errors_carry_the_word_and_the_facts(void **state)
{
    static const struct {
        enum err_code code;
        int number;
        const char *reason, *domain;
    } cases[] = {
        { ERR_MESSAGE_NOT_FOUND, -32001, "TASK_NOT_FOUND", "a2a-protocol.org" },
        { ERR_MESSAGE_ENDED, -32002, "TASK_NOT_CANCELABLE", "a2a-protocol.org" },
        { ERR_AGENT_NOT_FOUND, -32602, "WORD", "rosterd" },
        { ERR_NO_AVAILABLE_INSTANCE, -32603, "WORD", "rosterd" },
    };
    const struct rpc_fault fault = { RPC_PARSE_ERROR, "What is this?" };

    assert_string_equal(rpc_draw_fault(&old, &fault, *state),
                        RPC("\"error\":{\"code\":-32700,\"message\":\"What is this?\"}"));
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct err err = { 0 };
        char want[500];

        err_set(&err, cases[i].code, NULL, "So.");
        err_fact_text(&err, "fact", "one");
        snprintf(
            want, sizeof want,
            RPC("\"error\":{\"code\":%d,\"message\":\"So.\",\"data\":[{\"@type\":"
                "\"type.googleapis.com/google.rpc.ErrorInfo\",\"reason\":\"%s\",\"domain\":"
                "\"%s\",\"metadata\":{\"fact\":\"one\",\"taskId\":\"t\",\"code\":\"WORD\"}}]}"),
            cases[i].number, cases[i].reason, cases[i].domain);
        assert_string_equal(rpc_draw_error(&old, &err, "WORD", "t", *state), want);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_task_has_the_shape_of_the_callers_version, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(events_of_a_stream_say_what_has_changed, setup, teardown),
        cmocka_unit_test_setup_teardown(errors_carry_the_word_and_the_facts, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
