/* Words of scopes to bits and back. */
#include "domain/keys.h"

#include "model/scope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void
words_and_sets_become_bits(void **state)
{
    static const struct {
        const char *text;
        unsigned scopes;
    } cases[] = {
        { "agents:read", SCOPE_AGENTS_READ },
        { "agents:read,agents:write", SCOPE_AGENTS_READ | SCOPE_AGENTS_WRITE },
        { " openid  audit:read ,", SCOPE_OPENID | SCOPE_AUDIT_READ },
        { "read", SCOPE_AGENTS_READ | SCOPE_TOKENS_READ | SCOPE_AUDIT_READ | SCOPE_WEBHOOKS_READ },
        { "admin", SCOPE_AGENTS_READ | SCOPE_TOKENS_READ | SCOPE_AUDIT_READ | SCOPE_WEBHOOKS_READ |
                       SCOPE_AGENTS_WRITE | SCOPE_WEBHOOKS_WRITE },
        { "full", 0xff & ~(unsigned)SCOPE_ADMIN_ORGS },
        { "admin:orgs", SCOPE_ADMIN_ORGS },
        { "full admin:orgs", 0xff },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct err err = { 0 };
        unsigned scopes = 0;

        assert_true(scopes_read(cases[i].text, &scopes, &err));
        assert_int_equal(scopes, cases[i].scopes);
    }
}

static void
other_words_are_refused(void **state)
{
    static const char *const cases[] = { "",     " , ",          "agents",     "agents:read;openid",
                                         "Read", "agents:readx", "agents:rea", "read write" };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct err err = { 0 };
        unsigned scopes;

        assert_false(scopes_read(cases[i], &scopes, &err));
        assert_int_equal(err.code, ERR_VALIDATION_ERROR);
        assert_string_equal(err.field, "scope");
    }
}

static void
bits_are_drawn_in_their_order(void **state)
{
    struct arena *mem = arena_new();
    size_t n = 0;

    (void)state;
    assert_string_equal(scopes_text(0, mem), "");
    assert_string_equal(scopes_text(SCOPE_OPENID | SCOPE_AGENTS_READ, mem), "agents:read openid");
    while (scope_names[n] != NULL)
        n++;
    assert_int_equal(n, SCOPE_COUNT);
    for (unsigned all = 1; all < 256; all++) {
        struct err err = { 0 };
        unsigned scopes;

        assert_true(scopes_read(scopes_text(all, mem), &scopes, &err));
        assert_int_equal(scopes, all);
    }
    arena_free(mem);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_and_sets_become_bits),
        cmocka_unit_test(other_words_are_refused),
        cmocka_unit_test(bits_are_drawn_in_their_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
