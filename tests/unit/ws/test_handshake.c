/* What a server answers to an opening handshake. */
#include "ws/ws.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void
accepts_the_key_of_the_rfc(void **state)
{
    char accept[WS_ACCEPT_SIZE];

    (void)state;
    assert_true(ws_accept("dGhlIHNhbXBsZSBub25jZQ==", accept));
    assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

static void
refuses_what_is_not_16_bytes_in_base64(void **state)
{
    static const char *const keys[] = {
        "",
        "==",
        "dGhlIHNhbXBsZSBub25jZQ",
        "dGhlIHNhbXBsZSBub25jZQ=",
        "dGhlIHNhbXBsZSBub25jZQ===",
        "dGhlIHNhbXBsZSBub25jZQ==\n",
        "dGhlIHNhbXBsZSBub25jZQAA",
        "dGhlIHNhbXBsZSBub25jZQA==",
        "dGhlIHNhbXBsZSBub25jZ-==",
        "dGhlIHNhbXBsZSBub25j Q==",
        "dGhlIHNhbXBsZSBub25jZ===",
        " dGhlIHNhbXBsZSBub25jZQ==",
        "dGhlIHNhbXBsZSBub25jZQ== ",
        "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
    };
    char accept[WS_ACCEPT_SIZE];

    (void)state;
    assert_false(ws_accept(NULL, accept));
    for (size_t i = 0; i < COUNT(keys); i++)
        assert_false(ws_accept(keys[i], accept));
}

static void
finds_tokens_in_lists(void **state)
{
    static const struct {
        const char *value, *token;
        bool any_case, found;
    } cases[] = {
        { "Upgrade", "upgrade", true, true },
        { "Upgrade", "upgrade", false, false },
        { "keep-alive, Upgrade", "upgrade", true, true },
        { "keep-alive ,\tUPGRADE\t, x", "upgrade", true, true },
        { "upgraded", "upgrade", true, false },
        { "an upgrade", "upgrade", true, false },
        { "upgrad", "upgrade", true, false },
        { "chat,svc.v1", "svc.v1", false, true },
        { "chat, svc.v10", "svc.v1", false, false },
        { "", "upgrade", true, false },
        { ",", "upgrade", true, false },
        { ", ,upgrade", "upgrade", true, true },
        { NULL, "upgrade", true, false },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(ws_has_token(cases[i].value, cases[i].token, cases[i].any_case),
                         cases[i].found);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_the_key_of_the_rfc),
        cmocka_unit_test(refuses_what_is_not_16_bytes_in_base64),
        cmocka_unit_test(finds_tokens_in_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
