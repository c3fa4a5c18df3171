/* Replies: bodies, ETags and 304, errors and the headers that go with them, If-Match. */
#include "http/draw.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct thing {
    const char *name, *secret;
    const char *more;
};

static const struct field fields[] = {
    { "name", TEXT_AT(struct thing, name), 0 },
    { "secret", TEXT_AT(struct thing, secret), F_SECRET | F_OMIT_NULL },
    { "more", JSON_AT(struct thing, more), F_NULLABLE },
    FIELD_LAST,
};

static const struct spec spec = { "Thing", sizeof(struct thing), fields };
static const struct route get = { "GET", "/thing", .out = &spec, .ok = 200, .flags = ROUTE_ETAG };
static const struct route make = { "POST", "/thing", .out = &spec, .ok = 201 };
static const struct route drop = { "DELETE", "/thing", .ok = 204 };

static json_t *
draw_plainly(const struct err *err, const char *request_id)
{
    return json_pack("{s:s, s:s}", "said", err->reason, "id", request_id);
}

static const struct dialect dialect = { .name = "plain", .error = draw_plainly };

struct bench {
    struct request rq;
    const char *if_match, *if_none_match, *authorization;
};

/* In place of the server's: the headers of the bench. */
const char *
request_header(const struct request *rq, const char *name)
{
    const struct bench *b = (const struct bench *)(const void *)rq;

    return strcasecmp(name, "If-Match") == 0        ? b->if_match
           : strcasecmp(name, "Authorization") == 0 ? b->authorization
           : strcasecmp(name, "If-None-Match") == 0 ? b->if_none_match
                                                    : NULL;
}

static int
begin(void **state)
{
    struct bench *b = calloc(1, sizeof *b);

    b->rq.mem = arena_new();
    b->rq.dialect = &dialect;
    strcpy(b->rq.id, "req_1");
    *state = b;
    return 0;
}

static int
end(void **state)
{
    struct bench *b = *state;

    arena_free(b->rq.mem);
    free(b);
    return 0;
}

static const char *
header(const struct request *rq, const char *name)
{
    for (size_t i = 0; i < rq->reply.nheaders; i++)
        if (strcmp(rq->reply.headers[i].name, name) == 0)
            return rq->reply.headers[i].value;
    return NULL;
}

static void
draws_the_struct_with_the_status_of_the_row(void **state)
{
    struct bench *b = *state;
    const struct thing thing = { "x", "s", "{\"pi\":0.1,\"n\":[1,2]}" };

    b->rq.route = &make;
    b->rq.out = &thing;
    draw_out(&b->rq);
    assert_int_equal(b->rq.reply.status, 201);
    assert_string_equal(b->rq.reply.type, "application/json");
    assert_string_equal(b->rq.reply.bytes,
                        "{\"name\":\"x\",\"secret\":\"s\",\"more\":{\"pi\":0.1,\"n\":[1,2]}}");
    assert_int_equal(b->rq.reply.size, strlen(b->rq.reply.bytes));
    assert_null(header(&b->rq, "ETag"));
    assert_string_equal(draw_kept(&b->rq),
                        "{\"name\":\"x\",\"secret\":null,\"more\":{\"pi\":0.1,\"n\":[1,2]},"
                        "\"notice\":\"The secret was shown once and is not kept; rotate it to get"
                        " a new one.\"}");
    b->rq.out = &(const struct thing){ "x", NULL, NULL };
    assert_string_equal(draw_kept(&b->rq), "{\"name\":\"x\",\"more\":null}");
}

static void
a_row_without_a_body_has_none(void **state)
{
    struct bench *b = *state;

    b->rq.route = &drop;
    draw_out(&b->rq);
    assert_int_equal(b->rq.reply.status, 204);
    assert_int_equal(b->rq.reply.size, 0);
    assert_null(b->rq.reply.type);
}

static void
draw_tagged(struct bench *b, const struct thing *thing)
{
    b->rq.route = &get;
    b->rq.out = thing;
    b->rq.etag = 7;
    b->rq.reply = (struct reply){ 0 };
    draw_out(&b->rq);
}

static void
an_etag_names_the_version_and_what_was_drawn(void **state)
{
    struct bench *b = *state;
    char first[40];

    draw_tagged(b, &(struct thing){ .name = "x" });
    snprintf(first, sizeof first, "%s", header(&b->rq, "ETag"));
    assert_memory_equal(first, "\"7.", 3);
    assert_int_equal(first[strlen(first) - 1], '"');
    draw_tagged(b, &(struct thing){ .name = "x" });
    assert_string_equal(header(&b->rq, "ETag"), first);
    draw_tagged(b, &(struct thing){ .name = "y" });
    assert_string_not_equal(header(&b->rq, "ETag"), first);
}

static void
what_the_client_has_is_not_sent_again(void **state)
{
    struct bench *b = *state;
    const struct thing thing = { .name = "x" };
    char other[80];

    draw_tagged(b, &thing);
    const char *etag = header(&b->rq, "ETag");
    snprintf(other, sizeof other, "\"other\", W/%s", etag);
    const char *const same[] = { etag, other, "*" };
    for (size_t i = 0; i < COUNT(same); i++) {
        b->if_none_match = same[i];
        draw_tagged(b, &thing);
        assert_int_equal(b->rq.reply.status, 304);
        assert_int_equal(b->rq.reply.size, 0);
        assert_string_equal(header(&b->rq, "ETag"), etag);
    }
    b->if_none_match = "\"other\"";
    draw_tagged(b, &thing);
    assert_int_equal(b->rq.reply.status, 200);
}

static void
an_error_is_drawn_by_its_dialect_without_what_was_half_made(void **state)
{
    struct bench *b = *state;

    b->rq.route = &get;
    reply_header(&b->rq, "Location", "/thing");
    reply_header(&b->rq, "Allow", "GET");
    reply_header(&b->rq, "Proxy-Status", "x");
    err_set(&b->rq.err, ERR_AGENT_NOT_FOUND, NULL, NULL);
    draw_error(&b->rq);
    assert_int_equal(b->rq.reply.status, 404);
    assert_string_equal(b->rq.reply.bytes, "{\"said\":\"No such agent.\",\"id\":\"req_1\"}");
    assert_null(header(&b->rq, "Location"));
    assert_string_equal(header(&b->rq, "Allow"), "GET");
    assert_string_equal(header(&b->rq, "Proxy-Status"), "x");
    assert_null(header(&b->rq, "Retry-After"));
    assert_null(header(&b->rq, "WWW-Authenticate"));
}

static void
an_error_says_when_to_come_back_and_with_what(void **state)
{
    static const struct {
        enum err_code code;
        unsigned wait;
        const char *retry, *who;
    } cases[] = {
        { ERR_UNAUTHORIZED, 0, NULL, "Bearer" }, { ERR_RATE_LIMITED, 30, "30", NULL },
        { ERR_RATE_LIMITED, 0, "1", NULL },      { ERR_OVERLOADED, 0, "1", NULL },
        { ERR_INTERNAL_ERROR, 0, NULL, NULL },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct bench *b = *state;

        b->rq.reply = (struct reply){ 0 };
        b->rq.err = (struct err){ 0 };
        err_set(&b->rq.err, cases[i].code, NULL, NULL);
        b->rq.err.retry_after = cases[i].wait;
        draw_error(&b->rq);
        if (cases[i].retry == NULL)
            assert_null(header(&b->rq, "Retry-After"));
        else
            assert_string_equal(header(&b->rq, "Retry-After"), cases[i].retry);
        if (cases[i].who == NULL)
            assert_null(header(&b->rq, "WWW-Authenticate"));
        else
            assert_string_equal(header(&b->rq, "WWW-Authenticate"), cases[i].who);
    }
}

#define METADATA "resource_metadata=\"https://x.example/.well-known/oauth-protected-resource\""

static void
a_refusal_says_what_was_wrong_with_the_credential(void **state)
{
    static const struct route open = { .who = WHO_ANYONE }, agents = { .who = WHO_AGENT },
                              keys = { .who = WHO_KEY }, clients = { .who = WHO_CLIENT };
    static const struct {
        const struct route *route;
        const char *authorization;
        bool basic;
        enum err_code code;
        const char *challenge;
    } cases[] = {
        { &keys, NULL, false, ERR_UNAUTHORIZED, "Bearer " METADATA },
        { &keys, "Basic eDp5", false, ERR_UNAUTHORIZED, "Bearer " METADATA },
        { &keys, "Bearer x", false, ERR_UNAUTHORIZED, "Bearer error=\"invalid_token\", " METADATA },
        { &keys, "bearer x", false, ERR_WRONG_CREDENTIAL,
          "Bearer error=\"invalid_token\", " METADATA },
        { &keys, "Bearer x", false, ERR_INSUFFICIENT_SCOPE,
          "Bearer error=\"insufficient_scope\", scope=\"a:read b:write\", " METADATA },
        { &keys, "Bearer x", false, ERR_FORBIDDEN, NULL },
        { &agents, NULL, false, ERR_UNAUTHORIZED, "Bearer" },
        { &agents, "Bearer x", false, ERR_UNAUTHORIZED, "Bearer error=\"invalid_token\"" },
        { &clients, "Basic eDp5", true, ERR_INVALID_CLIENT, "Basic realm=\"rosterd\"" },
        { &clients, "Basic eDp5", true, ERR_INSUFFICIENT_SCOPE, NULL },
        { &clients, NULL, false, ERR_INVALID_CLIENT, "Bearer " METADATA },
        { &open, NULL, false, ERR_INVALID_CLIENT, "Bearer" },
        { &open, "Basic eDp5", true, ERR_INVALID_CLIENT, "Basic realm=\"rosterd\"" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct bench *b = *state;

        b->rq.reply = (struct reply){ 0 };
        b->rq.err = (struct err){ 0 };
        b->rq.route = cases[i].route;
        b->rq.issuer = "https://x.example";
        b->rq.client.basic = cases[i].basic;
        b->authorization = cases[i].authorization;
        err_set(&b->rq.err, cases[i].code, NULL, NULL);
        if (cases[i].code == ERR_INSUFFICIENT_SCOPE)
            err_fact_text(&b->rq.err, "scope", "a:read b:write");
        draw_error(&b->rq);
        const char *said = header(&b->rq, "WWW-Authenticate");
        if (cases[i].challenge == NULL)
            assert_null(said);
        else
            assert_string_equal(said, cases[i].challenge);
    }
}

static void
if_match_is_read_as_a_version(void **state)
{
    static const struct {
        const char *given;
        int64_t version; /* 0: refused */
    } cases[] = {
        { NULL, -1 },
        { "*", -1 },
        { "\"12.0123abcd\"", 12 },
        { "\"3\"", 3 },
        { "", 0 },
        { "12", 0 },
        { "\"x\"", 0 },
        { "W/\"12.01\"", 0 },
        { "\"0.01\"", 0 },
        { "\"-1.01\"", 0 },
        { "\"12x\"", 0 },
        { "\"1.2\", \"3.4\"", 0 },
        { "\"99999999999999999999\"", INT64_MAX },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct bench *b = *state;
        struct err err = { 0 };
        int64_t version = 5;

        b->if_match = cases[i].given;
        bool good = draw_if_match(&b->rq, &version, &err);
        if (cases[i].version != 0) {
            assert_true(good);
            assert_int_equal(version, cases[i].version);
        } else {
            assert_false(good);
            assert_int_equal(err.code, ERR_PRECONDITION_FAILED);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(draws_the_struct_with_the_status_of_the_row, begin, end),
        cmocka_unit_test_setup_teardown(a_row_without_a_body_has_none, begin, end),
        cmocka_unit_test_setup_teardown(an_etag_names_the_version_and_what_was_drawn, begin, end),
        cmocka_unit_test_setup_teardown(what_the_client_has_is_not_sent_again, begin, end),
        cmocka_unit_test_setup_teardown(an_error_is_drawn_by_its_dialect_without_what_was_half_made,
                                        begin, end),
        cmocka_unit_test_setup_teardown(an_error_says_when_to_come_back_and_with_what, begin, end),
        cmocka_unit_test_setup_teardown(a_refusal_says_what_was_wrong_with_the_credential, begin,
                                        end),
        cmocka_unit_test_setup_teardown(if_match_is_read_as_a_version, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
