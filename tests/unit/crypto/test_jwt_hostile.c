/* Every token that is not ours, or that could be read in two ways, is refused, and for its own
 * reason. All are made by hand, because jwt_sign would not. */
#include "crypto/jwt.h"

#include "base/must.h"
#include "forge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ctype.h>
#include <jose/jose.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CLAIMS "{\"sub\":\"a\",\"exp\":4102444800}"

static struct arena *mem;

static int
set_up(void **state)
{
    (void)state;
    mem = arena_new();
    return forge_open() ? 0 : -1;
}

static int
tear_down(void **state)
{
    (void)state;
    forge_close();
    arena_free(mem);
    return 0;
}

static const struct jwt_key *
find(void *arg, const char *kid, struct err *err)
{
    (void)arg;
    (void)err;
    for (int i = 0; i < NOT_OURS; i++)
        if (strcmp(kid, jwt_key_kid(forge_key((enum forge_key)i))) == 0)
            return forge_key((enum forge_key)i);
    return NULL;
}

static const struct jwt_keys ours = { find, NULL };

/* In a piece of exactly n bytes, so that a sanitizer sees a read past its end. */
static const char *
verify(const char *token, size_t n, const char *type, struct err *err)
{
    char *exact = malloc(n > 0 ? n : 1);

    assert_non_null(exact);
    memcpy(exact, token, n);
    *err = (struct err){ 0 };
    const char *claims = jwt_verify(&ours, exact, n, type, mem, err);
    free(exact);
    return claims;
}

static void
assert_refused(const char *what, const char *token, size_t n, const char *why)
{
    struct err err;
    const char *claims = verify(token, n, "at+jwt", &err);

    if (claims != NULL)
        fail_msg("%s: taken", what);
    if (err.code != ERR_UNAUTHORIZED || strncmp(err.note, "jwt: ", 5) != 0 ||
        strcmp(err.note + 5, why) != 0)
        fail_msg("%s: refused as \"%s\", not as \"%s\"", what, err.note, why);
    assert_string_equal(err.reason, err_text(ERR_UNAUTHORIZED));
}

#define GOOD_RSA "{\"alg\":\"RS256\",\"typ\":\"at+jwt\",\"kid\":\"$R\"}"
#define GOOD_EC  "{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"$E\"}"

/* --- the catalogue --- */

#define HEAD(alg, kid) "{\"alg\":" alg ",\"typ\":\"at+jwt\",\"kid\":" kid "}"
#define R256(kid)      HEAD("\"RS256\"", kid)
#define ALG(alg)       HEAD(alg, "\"$R\"")
#define WITH(more)     "{\"alg\":\"RS256\",\"typ\":\"at+jwt\",\"kid\":\"$R\"," more "}"
#define TYP(typ)       "{\"alg\":\"RS256\",\"typ\":" typ ",\"kid\":\"$R\"}"

static const char other_alg[] = "alg is not that of the key";
static const char wrong[] = "a wrong signature";
static const char unknown[] = "an unknown kid";
static const char twice[] = "a header member twice";
static const char no_json[] = "the header is not JSON";

static const struct {
    const char *what, *header;
    enum signer signer;
    const char *why;
} by_header[] = {
    /* The algorithm is that of our row, whatever the token says. */
    { "alg none, no signature", ALG("\"none\""), NOTHING, "an empty part" },
    { "alg none, our signature", ALG("\"none\""), RS256, other_alg },
    { "alg None", ALG("\"None\""), RS256, other_alg },
    { "alg nOnE", ALG("\"nOnE\""), JUNK, other_alg },
    { "alg NONE", ALG("\"NONE\""), RS256, other_alg },
    { "alg empty", ALG("\"\""), RS256, other_alg },
    { "alg in lower case", ALG("\"rs256\""), RS256, other_alg },
    { "alg with a blank", ALG("\"RS256 \""), RS256, other_alg },
    { "HS256 with the public PEM", ALG("\"HS256\""), HMAC_PEM, other_alg },
    { "HS256 with the public JWK", ALG("\"HS256\""), HMAC_JWK, other_alg },
    { "HS256 with the kid", ALG("\"HS256\""), HMAC_KID, other_alg },
    { "HS256 with an empty secret", ALG("\"HS256\""), HMAC_VOID, other_alg },
    { "RS256 over an HMAC with the PEM", GOOD_RSA, HMAC_PEM, wrong },
    { "ES256 with the RSA key's kid", HEAD("\"ES256\"", "\"$R\""), ES256, other_alg },
    { "RS256 with the EC key's kid", R256("\"$E\""), RS256, other_alg },
    { "PS256", ALG("\"PS256\""), PS256, other_alg },
    { "RS256 over PS256", GOOD_RSA, PS256, wrong },
    { "RS384", ALG("\"RS384\""), RS384, other_alg },
    { "RS256 over RS384", GOOD_RSA, RS384, wrong },
    { "RS512", ALG("\"RS512\""), RS512, other_alg },
    { "EdDSA", ALG("\"EdDSA\""), JUNK, other_alg },
    { "ES256K", HEAD("\"ES256K\"", "\"$E\""), ES256, other_alg },
    { "RSA1_5", ALG("\"RSA1_5\""), RS256, other_alg },
    { "alg a number", ALG("256"), RS256, "the header has no text alg" },
    { "alg null", ALG("null"), RS256, "the header has no text alg" },
    { "alg a list", ALG("[\"RS256\"]"), RS256, "the header has no text alg" },
    { "alg missing", "{\"typ\":\"at+jwt\",\"kid\":\"$R\"}", RS256, "the header has no text alg" },

    /* Only our own keys, by their names. */
    { "a foreign key under our kid", GOOD_RSA, FOREIGN, wrong },
    { "a foreign key under its own kid", R256("\"$F\""), FOREIGN, unknown },
    { "the EC key's signature under the RSA kid", GOOD_RSA, ES256, wrong },
    { "the RSA key's signature under the EC kid", GOOD_EC, RS256, wrong },
    { "kid unknown", R256("\"nobody\""), RS256, unknown },
    { "kid empty", R256("\"\""), RS256, unknown },
    { "kid cut", R256("\"NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9X\""), RS256, unknown },
    { "kid with a blank", R256("\"$R \""), RS256, unknown },
    { "kid a path", R256("\"../../../../../../dev/null\""), RS256, unknown },
    { "kid an address", R256("\"https://evil.example/key\""), RS256, unknown },
    { "kid SQL", R256("\"' OR '1'='1' --\""), RS256, unknown },
    { "kid a pattern", R256("\"%\""), RS256, unknown },
    { "kid a shell command", R256("\"$(id)|`id`\""), RS256, unknown },
    { "kid with NUL", R256("\"$R\\u0000\""), RS256, no_json },
    { "kid a number", R256("0"), RS256, "the header has no text kid" },
    { "kid null", R256("null"), RS256, "the header has no text kid" },
    { "kid a list", R256("[\"$R\"]"), RS256, "the header has no text kid" },
    { "kid missing", "{\"alg\":\"RS256\",\"typ\":\"at+jwt\"}", RS256,
      "the header has no text kid" },

    /* No member that brings or fetches a key, or changes what the rest means. */
    { "jku", WITH("\"jku\":\"https://evil.example/jwks\""), FOREIGN, "the header has jku" },
    { "jwk", WITH("\"jwk\":{\"kty\":\"oct\",\"k\":\"AAAA\"}"), HMAC_VOID, "the header has jwk" },
    { "x5u", WITH("\"x5u\":\"https://evil.example/pem\""), FOREIGN, "the header has x5u" },
    { "x5c", WITH("\"x5c\":[\"MIIB\"]"), FOREIGN, "the header has x5c" },
    { "x5t", WITH("\"x5t\":\"AAAA\""), RS256, "the header has x5t" },
    { "x5t#S256", WITH("\"x5t#S256\":\"AAAA\""), RS256, "the header has x5t#S256" },
    { "crit", WITH("\"crit\":[\"exp\"],\"exp\":1"), RS256, "the header has crit" },
    { "crit empty", WITH("\"crit\":[]"), RS256, "the header has crit" },
    { "b64", WITH("\"b64\":true"), RS256, "the header has b64" },
    { "b64 with crit", WITH("\"b64\":false,\"crit\":[\"b64\"]"), RS256, "the header has b64" },
    { "zip", WITH("\"zip\":\"DEF\""), RS256, "the header has zip" },
    { "enc", WITH("\"enc\":\"A256GCM\""), RS256, "the header has enc" },
    { "cty", WITH("\"cty\":\"JWT\""), RS256, "the header has cty" },
    { "p2c", WITH("\"p2c\":2147483647"), RS256, "the header has p2c" },
    { "an unknown member", WITH("\"\":1"), RS256, "the header has " },
    { "alg in capitals beside", WITH("\"ALG\":\"none\""), RS256, "the header has ALG" },
    { "a long unknown member", WITH("\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\":1"), RS256,
      "the header has aaaaaaaaaaaaaaaaaaaa" },

    /* One member of each name: what one reader takes is what all take. */
    { "alg twice, none first", WITH("\"alg\":\"none\""), RS256, twice },
    { "alg twice, the same", WITH("\"alg\":\"RS256\""), RS256, twice },
    { "alg twice, one escaped", WITH("\"\\u0061lg\":\"none\""), RS256, twice },
    { "kid twice", WITH("\"kid\":\"$F\""), RS256, twice },
    { "typ twice", WITH("\"typ\":\"JWT\""), RS256, twice },

    /* A header is one JSON object. */
    { "a list as header", "[" GOOD_RSA "]", RS256, "the header is no object" },
    { "a text as header", "\"RS256\"", RS256, no_json },
    { "an empty object as header", "{}", RS256, "the header has no text alg" },
    { "two objects as header", GOOD_RSA GOOD_RSA, RS256, no_json },
    { "text behind the header", GOOD_RSA "x", RS256, no_json },
    { "a header that breaks off", "{\"alg\":\"RS256\"", RS256, no_json },
    { "a comma too many", "{\"alg\":\"RS256\",\"typ\":\"at+jwt\",\"kid\":\"$R\",}", RS256,
      no_json },
    { "a comment", "{/**/\"alg\":\"RS256\",\"typ\":\"at+jwt\",\"kid\":\"$R\"}", RS256, no_json },
    { "other quotes", "{'alg':'RS256','typ':'at+jwt','kid':'$R'}", RS256, no_json },
    { "a byte order mark", "\xef\xbb\xbf" GOOD_RSA, RS256, no_json },
    { "what is not UTF-8", R256("\"\xff\xfe\""), RS256, no_json },
    { "a control character", R256("\"a\nb\""), RS256, no_json },

    /* The type that was asked for. */
    { "typ JWT", TYP("\"JWT\""), RS256, "another typ" },
    { "typ of an id token", TYP("\"id+jwt\""), RS256, "another typ" },
    { "typ empty", TYP("\"\""), RS256, "another typ" },
    { "typ with a blank", TYP("\"at+jwt \""), RS256, "another typ" },
    { "typ with the tree twice", TYP("\"application/application/at+jwt\""), RS256, "another typ" },
    { "typ of another tree", TYP("\"text/at+jwt\""), RS256, "another typ" },
    { "typ a number", TYP("1"), RS256, "the header has no text typ" },
    { "typ missing", "{\"alg\":\"RS256\",\"kid\":\"$R\"}", RS256, "the header has no text typ" },

    /* The signature itself. */
    { "no signature", GOOD_RSA, NOTHING, "an empty part" },
    { "a signature of ones", GOOD_RSA, JUNK, wrong },
    { "r = s = 0", GOOD_EC, ZERO, wrong },
    { "s = 0", GOOD_EC, HALF_ZERO, wrong },
    { "ES256 as DER", GOOD_EC, DER, wrong },
};

static const struct {
    const char *what, *claims, *why;
} by_claims[] = {
    { "a list", "[" CLAIMS "]", "the claims are no object" },
    { "a text", "\"a\"", "the claims are not JSON" },
    { "an empty list", "[]", "the claims are no object" },
    { "no JSON", "sub=a", "the claims are not JSON" },
    { "text behind", CLAIMS CLAIMS, "the claims are not JSON" },
    { "a claim twice", "{\"sub\":\"a\",\"sub\":\"b\"}", "a claim twice" },
    { "a claim twice, one escaped", "{\"exp\":1,\"e\\u0078p\":4102444800}", "a claim twice" },
    { "a claim twice further in", "{\"sub\":\"a\",\"x\":{\"y\":1,\"y\":2}}", "a claim twice" },
    { "NUL", "{\"sub\":\"a\\u0000b\"}", "the claims are not JSON" },
    { "what is not UTF-8", "{\"sub\":\"\xc3\x28\"}", "the claims are not JSON" },
    { "a number that no double holds", "{\"exp\":1e999}", "the claims are not JSON" },
};

static void
a_token_is_refused_for_what_its_header_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(by_header); i++) {
        const char *token = forge(by_header[i].header, CLAIMS, by_header[i].signer);

        assert_refused(by_header[i].what, token, strlen(token), by_header[i].why);
    }
}

static void
a_token_is_refused_for_what_its_claims_are(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(by_claims); i++) {
        const char *token = forge(GOOD_RSA, by_claims[i].claims, RS256);

        assert_refused(by_claims[i].what, token, strlen(token), by_claims[i].why);
    }
}

/* --- forms: %h, %c, %s are the parts of a good token --- */

static const char fewer[] = "fewer than three parts", more[] = "more than three parts";
static const char alphabet[] = "not base64url", empty[] = "an empty part";

static const struct {
    const char *what, *form, *why;
} by_form[] = {
    { "nothing", "", fewer },
    { "a dot", ".", fewer },
    { "two dots", "..", empty },
    { "three dots", "...", more },
    { "one part", "%h", fewer },
    { "two parts", "%h.%c", fewer },
    { "the signature left out", "%h.%c.", empty },
    { "the claims left out", "%h..%s", empty },
    { "the header left out", ".%c.%s", empty },
    { "four parts", "%h.%c.%s.%s", more },
    { "a dot behind", "%h.%c.%s.", more },
    { "a dot in front", ".%h.%c.%s", more },
    { "five parts, as a JWE", "%h.%s.%c.%c.%s", more },
    { "padding behind the header", "%h=.%c.%s", alphabet },
    { "padding behind the claims", "%h.%c=.%s", alphabet },
    { "padding behind the signature", "%h.%c.%s==", alphabet },
    { "a blank in front", " %h.%c.%s", alphabet },
    { "a blank behind", "%h.%c.%s ", alphabet },
    { "a line end behind", "%h.%c.%s\n", alphabet },
    { "a line break within", "%h.\r\n%c.%s", alphabet },
    { "a tab within", "%h.%c\t.%s", alphabet },
    { "the digit +", "%h.%c.+%s", alphabet },
    { "the digit /", "%h.%c./%s", alphabet },
    { "percent encoding", "%h%2E%c.%s", fewer },
    { "a scheme in front", "Bearer %h.%c.%s", alphabet },
    { "a byte beyond ASCII", "%h.%c.%s\xc3\xa9", alphabet },
    { "JSON serialization", "{\"protected\":\"%h\",\"payload\":\"%c\",\"signature\":\"%s\"}",
      fewer },
    { "header and claims swapped", "%c.%h.%s", "the header has sub" },
    { "the header as claims", "%h.%h.%s", wrong },
    { "the signature longer", "%h.%c.%sAAAA", wrong },
};

/* The parts of a good token; three texts. */
static void
take_apart(const char *token, const char *parts[3])
{
    for (int i = 0; i < 3; i++) {
        size_t n = strcspn(token, ".");

        parts[i] = arena_textn(mem, token, n);
        token += n + 1;
    }
}

static const char *
formed(const char *form, const char *const parts[3])
{
    static const char letters[] = "hcs";
    const char *text = "";

    for (; *form != '\0'; form++) {
        const char *letter = form[0] == '%' ? strchr(letters, form[1]) : NULL;

        if (letter != NULL && *letter != '\0')
            text = arena_printf(mem, "%s%s", text, parts[letter - letters]);
        else
            text = arena_printf(mem, "%s%c", text, *form);
        form += letter != NULL && *letter != '\0';
    }
    return text;
}

static void
a_token_is_refused_for_its_form(void **state)
{
    const char *parts[3];

    (void)state;
    take_apart(forge(GOOD_RSA, CLAIMS, RS256), parts);
    for (size_t i = 0; i < COUNT(by_form); i++) {
        const char *token = formed(by_form[i].form, parts);

        assert_refused(by_form[i].what, token, strlen(token), by_form[i].why);
    }
    const char *good = formed("%h.%c.%s", parts);
    struct err err;
    assert_non_null(verify(good, strlen(good), "at+jwt", &err));
}

static void
nul_bytes_are_no_end(void **state)
{
    const char *parts[3];

    (void)state;
    take_apart(forge(GOOD_RSA, CLAIMS, RS256), parts);
    const char *good = formed("%h.%c.%s", parts);
    size_t n = strlen(good);
    /* The NUL behind the text counts when the caller says so. */
    assert_refused("NUL behind", good, n + 1, alphabet);
    char *within = arena_text(mem, good);
    within[strlen(parts[0]) - 1] = '\0';
    assert_refused("NUL within", within, n, alphabet);
}

static void
a_token_that_is_too_long_is_not_looked_at(void **state)
{
    char *claims = arena_alloc(mem, 20000);

    (void)state;
    memset(claims, ' ', 12000);
    memcpy(claims, CLAIMS, strlen(CLAIMS));
    const char *token = forge(GOOD_RSA, claims, RS256);
    assert_refused("long claims", token, strlen(token), "too long");
    char *header = arena_alloc(mem, 20000);
    memset(header, 'k', 12000);
    memcpy(header, "{\"alg\":\"RS256\",\"typ\":\"at+jwt\",\"kid\":\"", 37);
    memcpy(header + 10000, "\"}", 3);
    token = forge(header, CLAIMS, RS256);
    assert_refused("a kid of 10 kB", token, strlen(token), "too long");
    char *deep = arena_alloc(mem, 20000);
    memset(deep, '[', 5000);
    token = forge(deep, CLAIMS, RS256);
    assert_refused("deep nesting", token, strlen(token), no_json);
}

/* Every part may end in 2 or 4 bits that say nothing: they must be zero. */
static void
bits_behind_the_end_are_refused(void **state)
{
    static const char digits[] = JOSE_B64_MAP;
    int tried = 0;

    (void)state;
    for (int pad = 0; pad < 3; pad++) {
        char *claims = arena_printf(mem, "{\"sub\":\"a\"%.*s}", pad, "  ");
        char *header = arena_printf(mem, "%s%.*s", GOOD_EC, pad, "  ");
        const char *parts[3];

        take_apart(forge(header, claims, ES256), parts);
        for (int i = 0; i < 3; i++) {
            size_t n = strlen(parts[i]), loose = n % 4 == 2 ? 16 : n % 4 == 3 ? 4 : 1;
            const char *whole = parts[i];

            for (size_t bits = 1; bits < loose; bits++) {
                char *other = arena_text(mem, whole);
                char *last = &other[n - 1];

                *last = digits[(size_t)(strchr(digits, *last) - digits) + bits];
                parts[i] = other;
                const char *token = formed("%h.%c.%s", parts);
                assert_refused("loose bits", token, strlen(token), "bits behind the end of a part");
                tried++;
            }
            parts[i] =
                arena_printf(mem, "%sAAAA%.*s", whole, n % 4 == 0 ? 1 : (int)(5 - n % 4), "AAAA");
            const char *token = formed("%h.%c.%s", parts);
            assert_refused("an odd length", token, strlen(token),
                           "a length that base64url does not have");
            parts[i] = whole;
        }
    }
    assert_true(tried > 30);
}

static void
every_changed_character_is_refused(void **state)
{
    const char *good = forge(GOOD_EC, CLAIMS, ES256);
    size_t n = strlen(good);
    struct err err;

    (void)state;
    assert_non_null(verify(good, n, "at+jwt", &err));
    for (size_t i = 0; i < n; i++) {
        char *bad = arena_text(mem, good);

        bad[i] = bad[i] == 'A' ? 'B' : 'A';
        if (verify(bad, n, "at+jwt", &err) != NULL)
            fail_msg("taken with another character at %zu", i);
        bad[i] = good[i];
        if (isalpha((unsigned char)good[i])) {
            bad[i] ^= 0x20;
            if (verify(bad, n, "at+jwt", &err) != NULL)
                fail_msg("taken with the other case at %zu", i);
        }
        if (verify(good, i, "at+jwt", &err) != NULL)
            fail_msg("taken when cut to %zu", i);
    }
}

static void
the_parts_of_two_good_tokens_make_no_third(void **state)
{
    const char *one[3], *other[3];

    (void)state;
    take_apart(forge(GOOD_RSA, CLAIMS, RS256), one);
    take_apart(forge(GOOD_RSA, "{\"sub\":\"admin\"}", RS256), other);
    const char *mixed[] = { one[0], other[1], one[2] };
    const char *token = formed("%h.%c.%s", mixed);
    assert_refused("claims of another", token, strlen(token), wrong);
}

static void
what_is_in_order_is_taken(void **state)
{
    static const struct {
        const char *header, *asked;
        enum signer signer;
    } cases[] = {
        { GOOD_RSA, "at+jwt", RS256 },
        { GOOD_EC, "at+jwt", ES256 },
        { TYP("\"AT+JWT\""), "at+jwt", RS256 },
        { TYP("\"application/at+jwt\""), "at+jwt", RS256 },
        { TYP("\"Application/AT+jwt\""), "at+jwt", RS256 },
        { GOOD_RSA, "application/at+jwt", RS256 },
        { TYP("\"JWT\""), "JWT", RS256 },
        { TYP("\"jwt\""), "JWT", RS256 },
        { " { \"kid\" : \"$R\" ,\n\"typ\":\"at+jwt\", \"al\\u0067\":\"RS256\"}\t", "at+jwt",
          RS256 },
    };
    struct err err;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *token = forge(cases[i].header, CLAIMS, cases[i].signer);
        const char *claims = verify(token, strlen(token), cases[i].asked, &err);

        if (claims == NULL)
            fail_msg("%s: %s", cases[i].header, err.note);
        assert_string_equal(claims, CLAIMS);
    }
}

static const struct jwt_key *
fail_to_find(void *arg, const char *kid, struct err *err)
{
    (void)arg;
    (void)kid;
    err_fault(err, ERR_DATABASE_UNAVAILABLE, "away");
    return NULL;
}

static void
when_the_keys_cannot_be_asked_that_is_said(void **state)
{
    const struct jwt_keys away = { fail_to_find, NULL };
    const char *token = forge(GOOD_RSA, CLAIMS, RS256);
    struct err err = { 0 };

    (void)state;
    assert_null(jwt_verify(&away, token, strlen(token), "at+jwt", mem, &err));
    assert_int_equal(err.code, ERR_DATABASE_UNAVAILABLE);
}

/* libjose writes to stderr unless it is told not to. */
static void
nothing_of_a_token_reaches_stderr(void **state)
{
    char path[] = "/tmp/jwt-XXXXXX";
    int file = mkstemp(path), kept = dup(STDERR_FILENO);

    assert_true(file >= 0 && kept >= 0);
    unlink(path);
    fflush(stderr);
    dup2(file, STDERR_FILENO);
    a_token_is_refused_for_what_its_header_says(state);
    a_token_is_refused_for_its_form(state);
    fflush(stderr);
    dup2(kept, STDERR_FILENO);
    assert_int_equal(lseek(file, 0, SEEK_END), 0);
    close(file);
    close(kept);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_in_order_is_taken),
        cmocka_unit_test(a_token_is_refused_for_what_its_header_says),
        cmocka_unit_test(a_token_is_refused_for_what_its_claims_are),
        cmocka_unit_test(a_token_is_refused_for_its_form),
        cmocka_unit_test(nul_bytes_are_no_end),
        cmocka_unit_test(a_token_that_is_too_long_is_not_looked_at),
        cmocka_unit_test(bits_behind_the_end_are_refused),
        cmocka_unit_test(every_changed_character_is_refused),
        cmocka_unit_test(the_parts_of_two_good_tokens_make_no_third),
        cmocka_unit_test(when_the_keys_cannot_be_asked_that_is_said),
        cmocka_unit_test(nothing_of_a_token_reaches_stderr),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
