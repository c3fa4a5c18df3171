/* Keys are read, named and published as the standards have it; what we sign verifies, here and with
 * another program. The tokens that are refused are in test_jwt_hostile.c. */
#include "crypto/jwt.h"

#include "base/must.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CLAIMS "{\"sub\":\"a\",\"exp\":4102444800}"

/* The key of RFC 7638, 3.1, and its thumbprint. */
#define RFC_N                                                                                      \
    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECP" \
    "ebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY" \
    "368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0f" \
    "M4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
#define RFC_KID "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"

/* The key of RFC 7515, A.3. */
#define RFC_X  "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define RFC_Y  "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define EC_KID "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U"

struct bench {
    struct arena *mem;
    struct jwt_key *keys[2];
    struct secret *private[2];
};

static int
set_up(void **state)
{
    static struct bench bench;
    struct err err = { 0 };

    bench.mem = arena_new();
    for (int alg = 0; alg < 2; alg++)
        bench.keys[alg] = jwt_key_new((enum jwt_alg)alg, &bench.private[alg], &err);
    *state = &bench;
    return bench.keys[0] != NULL && bench.keys[1] != NULL ? 0 : -1;
}

static int
tear_down(void **state)
{
    struct bench *b = *state;

    for (int alg = 0; alg < 2; alg++) {
        jwt_key_free(b->keys[alg]);
        secret_free(b->private[alg]);
    }
    arena_free(b->mem);
    return 0;
}

static const struct jwt_key *
find_one(void *arg, const char *kid, struct err *err)
{
    const struct jwt_key *key = arg;

    (void)err;
    return strcmp(jwt_key_kid(key), kid) == 0 ? key : NULL;
}

static const char *
verify(struct jwt_key *key, const char *token, struct arena *mem, struct err *err)
{
    const struct jwt_keys keys = { find_one, key };

    return jwt_verify(&keys, token, strlen(token), "at+jwt", mem, err);
}

static char *
sign(const struct jwt_key *key, struct arena *mem)
{
    struct err err = { 0 };
    char *token = jwt_sign(key, "at+jwt", CLAIMS, mem, &err);

    assert_non_null(token);
    return token;
}

static void
what_is_signed_verifies(void **state)
{
    struct bench *b = *state;

    for (int alg = 0; alg < 2; alg++) {
        struct err err = { 0 };
        const char *claims = verify(b->keys[alg], sign(b->keys[alg], b->mem), b->mem, &err);

        assert_non_null(claims);
        assert_string_equal(claims, CLAIMS);
    }
}

static void
a_header_is_alg_typ_and_kid_and_nothing_else(void **state)
{
    struct bench *b = *state;

    for (int alg = 0; alg < 2; alg++) {
        const char *header =
            arena_printf(b->mem, "{\"alg\":\"%s\",\"typ\":\"at+jwt\",\"kid\":\"%s\"}",
                         jwt_alg_names[alg], jwt_key_kid(b->keys[alg]));
        const char *token = sign(b->keys[alg], b->mem);
        char *want = arena_alloc(b->mem, 2 * strlen(header));
        static const char digits[] =
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        size_t n = 0;

        for (size_t bit = 0; bit < 8 * strlen(header); bit += 6) {
            unsigned value = 0;

            for (size_t i = bit; i < bit + 6; i++)
                value = value << 1 | ((unsigned)header[i / 8] >> (7 - i % 8) & 1);
            want[n++] = digits[value];
        }
        assert_memory_equal(token, want, n);
        assert_int_equal(token[n], '.');
    }
}

static void
a_private_key_that_was_read_again_signs_and_a_public_one_does_not(void **state)
{
    struct bench *b = *state;

    for (int alg = 0; alg < 2; alg++) {
        struct err err = { 0 };
        const char *kid = jwt_key_kid(b->keys[alg]), *open = jwt_key_public(b->keys[alg]);
        struct jwt_key *again = jwt_key_read((enum jwt_alg)alg, kid, secret_bytes(b->private[alg]),
                                             secret_size(b->private[alg]), &err);
        assert_non_null(again);
        struct jwt_key *public = jwt_key_read((enum jwt_alg)alg, kid, open, strlen(open), &err);
        assert_non_null(public);
        assert_string_equal(jwt_key_public(again), open);
        assert_string_equal(jwt_key_public(public), open);
        assert_int_equal(jwt_key_alg(public), alg);
        assert_null(strstr(open, "\"d\""));
        assert_non_null(verify(public, sign(again, b->mem), b->mem, &err));
        assert_null(jwt_sign(public, "at+jwt", CLAIMS, b->mem, &err));
        assert_int_equal(err.code, ERR_INTERNAL_ERROR);
        jwt_key_free(again);
        jwt_key_free(public);
    }
}

static void
kids_are_the_thumbprints_of_the_standard(void **state)
{
    static const struct {
        enum jwt_alg alg;
        const char *kid, *jwk;
    } cases[] = {
        { JWT_RS256, RFC_KID,
          "{\"kty\":\"RSA\",\"n\":\"" RFC_N "\",\"e\":\"AQAB\",\"alg\":\"RS256\","
          "\"kid\":\"2011-04-29\"}" },
        { JWT_ES256, EC_KID,
          "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" RFC_X "\",\"y\":\"" RFC_Y "\"}" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct err err = { 0 };
        struct jwt_key *key =
            jwt_key_read(cases[i].alg, cases[i].kid, cases[i].jwk, strlen(cases[i].jwk), &err);

        assert_non_null(key);
        assert_string_equal(jwt_key_kid(key), cases[i].kid);
        jwt_key_free(key);
    }
}

static void
what_is_no_key_for_its_algorithm_is_refused(void **state)
{
#define RSA(more)     "{\"kty\":\"RSA\",\"n\":\"" RFC_N "\",\"e\":\"AQAB\"" more "}"
#define EC(crv, x, y) "{\"kty\":\"EC\",\"crv\":\"" crv "\",\"x\":\"" x "\",\"y\":\"" y "\"}"
    static const struct {
        enum jwt_alg alg;
        const char *kid, *jwk;
    } cases[] = {
        { JWT_ES256, RFC_KID, RSA("") },
        { JWT_RS256, EC_KID, EC("P-256", RFC_X, RFC_Y) },
        { JWT_RS256, RFC_KID, RSA(",\"alg\":\"PS256\"") },
        { JWT_RS256, RFC_KID, RSA(",\"alg\":\"none\"") },
        { JWT_RS256, RFC_KID, RSA(",\"alg\":7") },
        { JWT_RS256, EC_KID, RSA("") },
        { JWT_RS256, "", RSA("") },
        { JWT_RS256, RFC_KID, RSA(",\"e\":\"AQAB\"") },
        { JWT_RS256, RFC_KID, "{\"kty\":\"RSA\",\"n\":\"" RFC_N "\"}" },
        { JWT_RS256, RFC_KID, "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}" },
        { JWT_RS256, RFC_KID, "{\"kty\":\"oct\",\"k\":\"AQAB\"}" },
        { JWT_RS256, RFC_KID, "{}" },
        { JWT_RS256, RFC_KID, "[]" },
        { JWT_RS256, RFC_KID, "" },
        { JWT_RS256, RFC_KID, "{" },
        { JWT_ES256, EC_KID, EC("P-384", RFC_X, RFC_Y) },
        { JWT_ES256, EC_KID, EC("P-256", RFC_X, RFC_X) },
        { JWT_ES256, EC_KID, EC("P-256", "", "") },
        { JWT_ES256, EC_KID, "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" RFC_X "\"}" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct err err = { 0 };

        if (jwt_key_read(cases[i].alg, cases[i].kid, cases[i].jwk, strlen(cases[i].jwk), &err))
            fail_msg("taken: %s", cases[i].jwk);
        assert_int_equal(err.code, ERR_INTERNAL_ERROR);
        assert_string_not_equal(err.note, "");
    }
}

static void
a_set_holds_the_public_keys_in_their_order(void **state)
{
    struct bench *b = *state;
    const struct jwt_key *keys[] = { b->keys[1], b->keys[0] };
    const char *set = jwt_set(keys, 2, b->mem);

    assert_string_equal(set, arena_printf(b->mem, "{\"keys\":[%s,%s]}", jwt_key_public(keys[0]),
                                          jwt_key_public(keys[1])));
    assert_string_equal(jwt_set(keys, 0, b->mem), "{\"keys\":[]}");
}

static void
claims_that_no_reader_would_take_are_not_signed(void **state)
{
    struct bench *b = *state;
    struct err err = { 0 };
    char *claims = arena_alloc(b->mem, JWT_MAX + 1);

    memset(claims, ' ', JWT_MAX);
    claims[0] = '{';
    claims[JWT_MAX - 1] = '}';
    assert_null(jwt_sign(b->keys[1], "at+jwt", claims, b->mem, &err));
    assert_int_equal(err.code, ERR_INTERNAL_ERROR);
    /* The longest that is signed can be read. */
    for (size_t n = JWT_MAX; n > 0; n -= 100) {
        struct err ignored = { 0 };

        claims[n - 1] = '}';
        claims[n] = '\0';
        const char *token = jwt_sign(b->keys[0], "at+jwt", claims, b->mem, &ignored);
        if (token == NULL)
            continue;
        assert_true(strlen(token) <= JWT_MAX);
        assert_non_null(verify(b->keys[0], token, b->mem, &ignored));
        assert_true(n > 5000);
        return;
    }
    fail();
}

struct some_claims {
    const char *sub, *scope;
    int64_t exp, nbf;
};

static const struct jwt_claim table[] = {
    { "sub", TEXT_AT(struct some_claims, sub) },
    { "exp", INT_AT(struct some_claims, exp) },
    { "scope", TEXT_AT(struct some_claims, scope) },
    { "nbf", INT_AT(struct some_claims, nbf) },
    JWT_CLAIM_LAST,
};

static void
claims_are_written_and_read_by_their_table(void **state)
{
    struct bench *b = *state;
    struct some_claims some = { "a\"b\n\xc3\xa9", NULL, 4102444800, 0 }, read;
    const char *text = jwt_claims_write(table, &some, b->mem);
    struct err err = { 0 };

    assert_string_equal(text, "{\"sub\":\"a\\\"b\\n\xc3\xa9\",\"exp\":4102444800}");
    memset(&read, 0xff, sizeof read);
    assert_true(jwt_claims_read(table, text, &read, b->mem, &err));
    assert_string_equal(read.sub, some.sub);
    assert_null(read.scope);
    assert_int_equal(read.exp, some.exp);
    assert_int_equal(read.nbf, 0);
    assert_true(jwt_claims_read(table, "{\"other\":[1]}", &read, b->mem, &err));
    assert_null(read.sub);
}

static void
claims_of_another_kind_are_refused(void **state)
{
    static const char *const cases[] = {
        "{\"sub\":7}",
        "{\"sub\":null}",
        "{\"sub\":[\"a\"]}",
        "{\"exp\":\"1\"}",
        "{\"exp\":1.5}",
        "{\"exp\":null}",
        "{\"exp\":true}",
        "{\"exp\":1e3}",
        "[]",
        "",
        "{\"sub\":\"a\",\"sub\":\"b\"}",
        "{\"exp\":9223372036854775808}",
    };
    struct bench *b = *state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct some_claims read;
        struct err err = { 0 };

        if (jwt_claims_read(table, cases[i], &read, b->mem, &err))
            fail_msg("taken: %s", cases[i]);
        assert_int_equal(err.code, ERR_UNAUTHORIZED);
    }
}

static void *
sign_and_verify(void *arg)
{
    struct bench *b = arg;
    intptr_t wrong = 0;

    for (int i = 0; i < 40; i++) {
        struct arena *mem = arena_new();
        struct err err = { 0 };

        wrong += verify(b->keys[i % 2], sign(b->keys[i % 2], mem), mem, &err) == NULL;
        arena_free(mem);
    }
    return (void *)wrong;
}

static void
threads_share_a_key(void **state)
{
    pthread_t threads[4];

    for (size_t i = 0; i < COUNT(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, sign_and_verify, *state), 0);
    for (size_t i = 0; i < COUNT(threads); i++) {
        void *wrong = &wrong;

        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
}

static void
put_file(const char *folder, const char *name, const char *text)
{
    char path[200];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* Debian's jose, by its own reading of key set and token; a token that was changed it refuses. */
static void
another_program_verifies_what_we_sign(void **state)
{
    struct bench *b = *state;
    const struct jwt_key *keys[] = { b->keys[0], b->keys[1] };
    char folder[] = "/tmp/jwt-XXXXXX", command[400];

    if (system("command -v jose >/dev/null 2>&1") != 0)
        skip();
    assert_non_null(mkdtemp(folder));
    put_file(folder, "jwks", jwt_set(keys, 2, b->mem));
    for (int alg = 0; alg < 2; alg++) {
        char *token = sign(b->keys[alg], b->mem);

        put_file(folder, "token", token);
        snprintf(command, sizeof command,
                 "cd %s && [ \"$(jose jws ver -i token -k jwks -O-)\" = '%s' ]", folder, CLAIMS);
        assert_int_equal(system(command), 0);
        token[strlen(token) - 10] ^= 1;
        put_file(folder, "token", token);
        snprintf(command, sizeof command, "cd %s && jose jws ver -i token -k jwks", folder);
        assert_int_not_equal(system(command), 0);
    }
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_signed_verifies),
        cmocka_unit_test(a_header_is_alg_typ_and_kid_and_nothing_else),
        cmocka_unit_test(a_private_key_that_was_read_again_signs_and_a_public_one_does_not),
        cmocka_unit_test(kids_are_the_thumbprints_of_the_standard),
        cmocka_unit_test(what_is_no_key_for_its_algorithm_is_refused),
        cmocka_unit_test(a_set_holds_the_public_keys_in_their_order),
        cmocka_unit_test(claims_that_no_reader_would_take_are_not_signed),
        cmocka_unit_test(claims_are_written_and_read_by_their_table),
        cmocka_unit_test(claims_of_another_kind_are_refused),
        cmocka_unit_test(threads_share_a_key),
        cmocka_unit_test(another_program_verifies_what_we_sign),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
