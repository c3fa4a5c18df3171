/* Tokens have exactly the documented form, and anything near it is told apart. */
#include "crypto/token.h"

#include "base/must.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#define HEX60 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789ab"

static void
a_new_token_has_its_prefix_hint_and_hash(void **state)
{
    static const struct {
        enum token_kind kind;
        const char *prefix;
    } cases[] = { { TOKEN_AGENT, "tk_" }, { TOKEN_KEY, "rk_" }, { TOKEN_LIVE, "sk_live_" } };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct arena *mem = arena_new();
        struct token token = token_new(cases[i].kind, mem);
        size_t prefix = strlen(cases[i].prefix), n = strlen(token.text);
        struct digest hash;

        assert_int_equal(n, prefix + 64);
        assert_memory_equal(token.text, cases[i].prefix, prefix);
        assert_string_equal(token.hint, token.text + n - 4);
        assert_int_equal(token_read(token.text, n, &hash), cases[i].kind);
        assert_true(hash_equal(&hash, &token.hash));
        hash = hash_sha256(token.text, n);
        assert_true(hash_equal(&hash, &token.hash));
        arena_free(mem);
    }
}

static void
no_two_tokens_are_alike(void **state)
{
    struct arena *mem = arena_new();
    struct digest seen[200];

    (void)state;
    for (size_t i = 0; i < COUNT(seen); i++) {
        seen[i] = token_new(TOKEN_AGENT, mem).hash;
        for (size_t k = 0; k < i; k++)
            assert_false(hash_equal(&seen[i], &seen[k]));
    }
    arena_free(mem);
}

static const struct {
    const char *text;
    enum token_kind kind;
} forms[] = {
    { "tk_" HEX60 "cdef", TOKEN_AGENT },
    { "rk_" HEX60 "cdef", TOKEN_KEY },
    { "sk_live_" HEX60 "cdef", TOKEN_LIVE },
    { "tk_" HEX60 "CDEF", TOKEN_MALFORMED },
    { "tk_" HEX60 "cde", TOKEN_MALFORMED },
    { "tk_" HEX60 "cdef0", TOKEN_MALFORMED },
    { "tk_" HEX60 "cdeg", TOKEN_MALFORMED },
    { "tk_" HEX60 "cde ", TOKEN_MALFORMED },
    { "tk_", TOKEN_MALFORMED },
    { "rk_x", TOKEN_MALFORMED },
    { "sk_live_", TOKEN_MALFORMED },
    { "tk_a.b.c", TOKEN_MALFORMED },
    { "TK_" HEX60 "cdef", TOKEN_NONE },
    { "sk_test_" HEX60 "cdef", TOKEN_NONE },
    { "tk" HEX60 "cdef", TOKEN_NONE },
    { "", TOKEN_NONE },
    { "t", TOKEN_NONE },
    { "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", TOKEN_JWT },
    { "a.b.c", TOKEN_JWT },
    { "-_.Az09.x", TOKEN_JWT },
    { "a.b", TOKEN_NONE },
    { "a.b.", TOKEN_NONE },
    { ".b.c", TOKEN_NONE },
    { "a..c", TOKEN_NONE },
    { "..", TOKEN_NONE },
    { "a.b.c.", TOKEN_NONE },
    { "a.b.c.d", TOKEN_NONE },
    { "a.b.c.d.e", TOKEN_NONE },
    { "a.b.c=", TOKEN_NONE },
    { "a.b+.c", TOKEN_NONE },
    { "a.b/.c", TOKEN_NONE },
    { " a.b.c", TOKEN_NONE },
    { "a.b.c\n", TOKEN_NONE },
    { "a.b.\xc3\xa9", TOKEN_NONE },
};

static void
forms_are_told_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(forms); i++) {
        struct digest hash;

        assert_int_equal(token_read(forms[i].text, strlen(forms[i].text), &hash), forms[i].kind);
    }
}

static void
a_nul_inside_is_no_end(void **state)
{
    static const char agent[] = "tk_" HEX60 "cd\0f", jwt[] = "a.b.c\0d";
    struct digest hash;

    (void)state;
    assert_int_equal(token_read(agent, sizeof agent - 1, &hash), TOKEN_MALFORMED);
    assert_int_equal(token_read(jwt, sizeof jwt - 1, &hash), TOKEN_NONE);
}

static void
only_n_bytes_are_looked_at(void **state)
{
    struct digest hash, want = hash_sha256("tk_" HEX60 "cdef", 67);

    (void)state;
    assert_int_equal(token_read("tk_" HEX60 "cdefff", 67, &hash), TOKEN_AGENT);
    assert_true(hash_equal(&hash, &want));
    assert_int_equal(token_read("a.b.c.d", 5, &hash), TOKEN_JWT);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_token_has_its_prefix_hint_and_hash),
        cmocka_unit_test(no_two_tokens_are_alike),
        cmocka_unit_test(forms_are_told_apart),
        cmocka_unit_test(a_nul_inside_is_no_end),
        cmocka_unit_test(only_n_bytes_are_looked_at),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
