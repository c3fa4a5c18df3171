/* Client authentication: by Basic, by the body, and never by both. */
#include "http/client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

struct told {
    const char *authorization, *body;
    enum err_code code;
    const char *id, *secret;
};

static void
same_text(const char *have, const char *want)
{
    if (want == NULL)
        assert_null(have);
    else
        assert_string_equal(have, want);
}

static void
check_all(const struct told *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct arena *mem = arena_new();
        struct client_claim claim;
        struct err err = { 0 };
        json_t *body = cases[i].body == NULL ? NULL : json_loads(cases[i].body, 0, NULL);
        bool read = client_read(cases[i].authorization, body, mem, &claim, &err);

        json_decref(body);
        assert_int_equal(err.code, cases[i].code);
        assert_int_equal(read, cases[i].code == ERR_NONE);
        if (read) {
            same_text(claim.id, cases[i].id);
            same_text(claim.secret, cases[i].secret);
        }
        arena_free(mem);
    }
}

static void
basic_is_split_at_the_first_colon_and_each_half_decoded(void **state)
{
    static const struct told cases[] = {
        { "Basic YTpi", NULL, ERR_NONE, "a", "b" },
        { "basic YTpi", NULL, ERR_NONE, "a", "b" },
        { "BASIC   YTpi", "{}", ERR_NONE, "a", "b" },
        { "Basic YTpiOmM=", NULL, ERR_NONE, "a", "b:c" },
        { "Basic YTo=", NULL, ERR_NONE, "a", "" },
        { "Basic OmI=", NULL, ERR_NONE, "", "b" },
        /* agt%3A1:s3cr%26t%2F%2B, as oauth4webapi sends it */
        { "Basic YWd0JTNBMTpzM2NyJTI2dCUyRiUyQg==", NULL, ERR_NONE, "agt:1", "s3cr&t/+" },
        { "Basic YSti", NULL, ERR_INVALID_CLIENT, NULL, NULL }, /* no colon    */
        { "Basic YStiOmMrZA==", NULL, ERR_NONE, "a b", "c d" }, /* + is space  */
    };

    (void)state;
    check_all(cases, COUNT(cases));
}

static void
basic_that_is_not_strict_base64_of_text_is_refused(void **state)
{
    static const char *const bad[] = {
        "Basic ",         "Basic YTp",     "Basic YTpi=",    "Basic YTpi====", "Basic YTo",
        "Basic YT o=",    "Basic YTp-",    "Basic YTp_",     "Basic =YTo",     "Basic ====",
        "Basic YTp=",     "Basic YQ==",    "Basic YTpiOmN=", "Basic YTpi ",    "Basic YTpi,x",
        "Basic YTolMDA=", "Basic YTol",    "Basic JTAwOmI=", "Basic YQA6Yg==", "Basic YTpi\n",
        "Basic YTp\xff",  "Basic YTpiOmM",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++)
        check_all(&(struct told){ bad[i], NULL, ERR_INVALID_CLIENT, NULL, NULL }, 1);
}

static void
one_way_of_authenticating_is_used_at_once(void **state)
{
    static const struct told cases[] = {
        { NULL, "{\"client_id\":\"a\",\"client_secret\":\"b\"}", ERR_NONE, "a", "b" },
        { NULL, "{\"client_id\":\"a\"}", ERR_NONE, "a", NULL },
        { NULL, "{\"client_id\":5,\"client_secret\":[]}", ERR_NONE, NULL, NULL },
        { NULL, NULL, ERR_NONE, NULL, NULL },
        { "Bearer YTpi", "{\"client_id\":\"a\"}", ERR_NONE, "a", NULL },
        { "Basic YTpi", "{\"client_id\":\"a\"}", ERR_NONE, "a", "b" },
        { "Basic YTpi", "{\"client_id\":\"c\"}", ERR_VALIDATION_ERROR, NULL, NULL },
        { "Basic YTpi", "{\"client_secret\":\"b\"}", ERR_VALIDATION_ERROR, NULL, NULL },
        { "Basic YTpi", "{\"client_id\":\"a\",\"client_secret\":\"b\"}", ERR_VALIDATION_ERROR, NULL,
          NULL },
    };

    (void)state;
    check_all(cases, COUNT(cases));
}

static void
ids_and_secrets_have_a_bound(void **state)
{
    struct arena *mem = arena_new();
    char *text = arena_alloc(mem, CLIENT_TEXT_MAX + 2);

    (void)state;
    for (size_t n = CLIENT_TEXT_MAX; n <= CLIENT_TEXT_MAX + 1; n++) {
        memset(text, 'x', n);
        const char *as_id = arena_printf(mem, "{\"client_id\":\"%s\"}", text);
        const char *as_secret = arena_printf(mem, "{\"client_secret\":\"%s\"}", text);
        enum err_code code = n > CLIENT_TEXT_MAX ? ERR_VALIDATION_ERROR : ERR_NONE;

        check_all(&(struct told){ NULL, as_id, code, text, NULL }, 1);
        check_all(&(struct told){ NULL, as_secret, code, NULL, text }, 1);
    }
    arena_free(mem);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(basic_is_split_at_the_first_colon_and_each_half_decoded),
        cmocka_unit_test(basic_that_is_not_strict_base64_of_text_is_refused),
        cmocka_unit_test(one_way_of_authenticating_is_used_at_once),
        cmocka_unit_test(ids_and_secrets_have_a_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
