/* spec_text draws the struct by its rows; what must not be null or shown is not. */
#include "rich.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void
assert_drawn(const struct spec *spec, const void *thing, enum spec_view view, const char *text)
{
    struct arena *mem = arena_new();
    json_t *tree = spec_tree(spec, thing, view);

    assert_string_equal(spec_text(spec, thing, view, mem), text);
    assert_string_equal(json_text(tree, 0, mem), text);
    json_decref(tree);
    arena_free(mem);
}

static void
draws_every_kind_in_the_order_of_the_table(void **state)
{
    const char *tags[] = { "b", "a" };
    struct rich_inner part = { .rate = 2 };
    void *parts[] = { &part, &part };
    const struct rich rich = {
        .id = "i1",
        .name = "B\xc3\xbcro",
        .code = "abcd",
        .colour = "red",
        .secret = "hidden",
        .email = "a/b",
        .note = "once",
        .meta = "{\"x\":0.1}",
        .tags = { tags, 2 },
        .open = true,
        .count = -1,
        .level = 7,
        .at = 1767319445006,
        .mode = MODE_OFF,
        .inner = { .models = { tags, 1 }, .rate = 3 },
        .parts = { parts, 2 },
    };

    (void)state;
    assert_drawn(&rich_spec, &rich, VIEW_FULL,
                 "{\"id\":\"i1\",\"name\":\"B\xc3\xbcro\",\"short_code\":\"abcd\","
                 "\"colour\":\"red\",\"media\":\"a/b\",\"note\":\"once\",\"metadata\":{\"x\":0.1},"
                 "\"tags\":[\"b\",\"a\"],\"languages\":[],\"is_open\":true,\"count\":-1,"
                 "\"level\":7,\"at\":\"2026-01-02T02:04:05.006Z\",\"mode\":\"off\","
                 "\"inner\":{\"models\":[\"b\"],\"rate\":3},"
                 "\"parts\":[{\"models\":[],\"rate\":2},{\"models\":[],\"rate\":2}]}");
}

static void
draws_null_where_there_is_nothing(void **state)
{
    const struct rich rich = { .name = "x", .level = -1, .mode = -1 };

    (void)state;
    assert_drawn(&rich_spec, &rich, VIEW_FULL,
                 "{\"name\":\"x\",\"short_code\":null,\"colour\":null,\"media\":null,"
                 "\"metadata\":null,\"tags\":[],\"languages\":[],\"is_open\":false,\"count\":0,"
                 "\"level\":null,\"at\":null,\"mode\":null,"
                 "\"inner\":{\"models\":[],\"rate\":null},\"parts\":[]}");
}

struct once {
    const char *token, *hint;
    struct texts codes;
};

static const struct field once_fields[] = {
    { "token", TEXT_AT(struct once, token), F_SECRET | F_OUT_ONLY | F_NULLABLE },
    { "hint", TEXT_AT(struct once, hint), F_SECRET | F_OMIT_NULL },
    { "codes", TEXTS_AT(struct once, codes), F_SECRET },
    FIELD_LAST,
};

static const struct spec once_spec = { "Once", sizeof(struct once), once_fields };

static void
keeps_no_secret_for_a_replay(void **state)
{
    const char *codes[] = { "CANARY" };
    const struct once once = { "CANARY", "CANARY", { codes, 1 } }, none = { NULL, NULL, { 0 } };

    (void)state;
    assert_drawn(&once_spec, &once, VIEW_FULL,
                 "{\"token\":\"CANARY\",\"hint\":\"CANARY\",\"codes\":[\"CANARY\"]}");
    assert_drawn(&once_spec, &once, VIEW_KEPT, "{\"token\":null,\"hint\":null,\"codes\":null}");
    assert_drawn(&once_spec, &none, VIEW_KEPT, "{\"token\":null,\"codes\":null}");
}

struct numbers {
    const char *json;
    int64_t number;
};

static const struct field numbers_fields[] = {
    { "json", JSON_AT(struct numbers, json), F_ANY | F_OMIT_NULL },
    { "number", INT_AT(struct numbers, number), F_NULLABLE, .min = INT64_MIN },
    FIELD_LAST,
};

static const struct spec numbers_spec = { "Numbers", sizeof(struct numbers), numbers_fields };

static void
draws_numbers_at_the_ends_of_their_range(void **state)
{
    const struct numbers least = { "100000000000000000000", INT64_MIN };
    const struct numbers most = { "{ \"a\" : -1.50 }", INT64_MAX }, null = { "null", 0 };

    (void)state;
    assert_drawn(&numbers_spec, &least, VIEW_FULL,
                 "{\"json\":1e20,\"number\":-9223372036854775808}");
    assert_drawn(&numbers_spec, &most, VIEW_FULL,
                 "{\"json\":{\"a\":-1.5},\"number\":9223372036854775807}");
    assert_drawn(&numbers_spec, &null, VIEW_FULL, "{\"number\":0}");
}

/* Whether drawing the thing ends a child process by abort. */
static bool
is_asserted(const struct rich *rich)
{
    int status = 0;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        close(STDERR_FILENO);
        signal(SIGABRT, SIG_DFL);
        spec_text(&rich_spec, rich, VIEW_FULL, arena_new());
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void
asserts_what_only_a_fault_of_ours_can_bring(void **state)
{
    const struct rich good = { .name = "x" }, no_name = { 0 }, not_utf8 = { .name = "\xff" };
    const struct rich no_word = { .name = "x", .mode = MODE_OFF + 1 };
    const struct rich bad_json = { .name = "x", .meta = "{" };

    (void)state;
    assert_false(is_asserted(&good));
    assert_true(is_asserted(&no_name));
    assert_true(is_asserted(&not_utf8));
    assert_true(is_asserted(&no_word));
    assert_true(is_asserted(&bad_json));
}

static void
draws_what_it_read(void **state)
{
    static const char text[] = "{\"name\":\"x\",\"short_code\":\"abcd\",\"colour\":\"green\","
                               "\"media\":\"a/b\",\"metadata\":{\"k\":[1,2.5,null]},"
                               "\"tags\":[\"t\"],\"languages\":[\"en\"],\"is_open\":true,"
                               "\"count\":5,\"level\":0,\"at\":\"2026-01-02T03:04:05.006Z\","
                               "\"mode\":\"slow\",\"inner\":{\"models\":[\"m\"],\"rate\":9}}";
    struct arena *mem = arena_new();
    struct rich rich = { 0 };
    struct err err = { 0 };
    json_t *body = json_read(text, sizeof text - 1, mem, &err);

    (void)state;
    assert_true(spec_read(&rich_spec, body, &rich, SPEC_WHOLE, mem, &err));
    json_t *again = spec_tree(&rich_spec, &rich, VIEW_FULL);

    json_object_del(again, "parts");
    assert_string_equal(json_text(again, 0, mem), text);
    json_decref(again);
    arena_free(mem);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_every_kind_in_the_order_of_the_table),
        cmocka_unit_test(draws_null_where_there_is_nothing),
        cmocka_unit_test(keeps_no_secret_for_a_replay),
        cmocka_unit_test(draws_numbers_at_the_ends_of_their_range),
        cmocka_unit_test(asserts_what_only_a_fault_of_ours_can_bring),
        cmocka_unit_test(draws_what_it_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
