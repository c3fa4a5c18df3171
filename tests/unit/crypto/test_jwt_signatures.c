/* Signatures that a lenient reader would take: numbers out of range, other encodings and lengths,
 * and RSA paddings that only look right. All are made with our own keys. */
#include "crypto/jwt.h"

#include "crypto/hash.h"
#include "forge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#define CLAIMS   "{\"sub\":\"a\",\"exp\":4102444800}"
#define GOOD_RSA "{\"alg\":\"RS256\",\"typ\":\"at+jwt\",\"kid\":\"$R\"}"
#define GOOD_EC  "{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"$E\"}"

enum { HALF = 32, RSA = 256 };

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
    (void)err;
    (void)kid;
    return arg;
}

/* Whether the token is taken as one signed by the key; refused, it must be for its signature. */
static bool
is_taken(const char *token, enum forge_key key)
{
    const struct jwt_keys ours = { find, (void *)(uintptr_t)forge_key(key) };
    struct err err = { 0 };
    const char *claims = jwt_verify(&ours, token, strlen(token), "at+jwt", mem, &err);

    if (claims == NULL) {
        assert_int_equal(err.code, ERR_UNAUTHORIZED);
        if (strcmp(err.note, "jwt: a wrong signature") != 0)
            assert_string_equal(err.note, "jwt: an empty part");
    }
    return claims != NULL;
}

/* Big-endian, n bytes each: out = a - b; both as they are afterwards. */
static void
subtract(const unsigned char *a, const unsigned char *b, unsigned char *out, int n)
{
    int borrow = 0;

    for (int i = n - 1; i >= 0; i--) {
        int digit = a[i] - b[i] - borrow;

        borrow = digit < 0;
        out[i] = (unsigned char)(digit & 0xff);
    }
}

/* ---- ES256: two numbers of 32 bytes ---- */

enum number { AS_IT_IS, NUMBER_0, NUMBER_1, ORDER, ORDER_LESS_1, NEGATED, ONES };

struct ec_case {
    const char *what;
    enum number r, s;
    int pad_r, pad_s; /* zero bytes in front; -1: the zero that is there is left out */
    int behind;       /* zero bytes behind; negative: so many bytes are left out    */
    bool swapped, good;
};

static const struct ec_case ec_cases[] = {
    { "as it is", .good = true },
    { "n - s, which is the same to the curve", .s = NEGATED, .good = true },
    { "n - r", .r = NEGATED },
    { "r = 0", .r = NUMBER_0 },
    { "s = 0", .s = NUMBER_0 },
    { "r = s = 0", .r = NUMBER_0, .s = NUMBER_0 },
    { "r = 1", .r = NUMBER_1 },
    { "s = 1", .s = NUMBER_1 },
    { "r = s = 1", .r = NUMBER_1, .s = NUMBER_1 },
    { "r = 0, s = 1", .r = NUMBER_0, .s = NUMBER_1 },
    { "r = n", .r = ORDER },
    { "s = n", .s = ORDER },
    { "r = s = n", .r = ORDER, .s = ORDER },
    { "r = n, s = 0", .r = ORDER, .s = NUMBER_0 },
    { "r = n - 1", .r = ORDER_LESS_1 },
    { "s = n - 1", .s = ORDER_LESS_1 },
    { "r = s = n - 1", .r = ORDER_LESS_1, .s = ORDER_LESS_1 },
    { "r of ones", .r = ONES },
    { "s of ones", .s = ONES },
    { "r = s of ones", .r = ONES, .s = ONES },
    { "s before r", .swapped = true },
    { "a zero before r", .pad_r = 1 },
    { "a zero before s", .pad_s = 1 },
    { "a zero before both", .pad_r = 1, .pad_s = 1 },
    { "16 zeros before both", .pad_r = 16, .pad_s = 16 },
    { "r without its leading zero", .pad_r = -1 },
    { "s without its leading zero", .pad_s = -1 },
    { "a zero behind", .behind = 1 },
    { "two zeros behind", .behind = 2 },
    { "a byte too few", .behind = -1 },
    { "r alone", .behind = -HALF },
    { "half of r", .behind = -HALF - HALF / 2 },
    { "one byte", .behind = 1 - 2 * HALF },
    { "no byte", .behind = -2 * HALF },
};

static void
put_number(enum number which, unsigned char half[HALF])
{
    static const unsigned char one[HALF] = { [HALF - 1] = 1 };
    unsigned char order[HALF];

    forge_order(order);
    switch (which) {
    case AS_IT_IS:
        break;
    case NUMBER_0:
        memset(half, 0, HALF);
        break;
    case NUMBER_1:
        memcpy(half, one, HALF);
        break;
    case ORDER:
        memcpy(half, order, HALF);
        break;
    case ORDER_LESS_1:
        subtract(order, one, half, HALF);
        break;
    case NEGATED:
        subtract(order, half, half, HALF);
        break;
    case ONES:
        memset(half, 0xff, HALF);
        break;
    }
}

static size_t
put_half(const unsigned char half[HALF], int pad, unsigned char *out)
{
    size_t skip = pad<0, zeros = pad> 0 ? (size_t)pad : 0;

    memset(out, 0, zeros);
    memcpy(out + zeros, half + skip, HALF - skip);
    return zeros + HALF - skip;
}

static size_t
sign_ec(const char *text, const void *arg, unsigned char *out)
{
    const struct ec_case *c = arg;
    unsigned char raw[2 * HALF], *r = raw, *s = raw + HALF;

    do /* a leading zero that can be left out comes about once in 256 */
        forge_ec(text, raw);
    while ((c->pad_r < 0 && r[0] != 0) || (c->pad_s < 0 && s[0] != 0));
    put_number(c->r, r);
    put_number(c->s, s);
    size_t n = put_half(c->swapped ? s : r, c->pad_r, out);
    n += put_half(c->swapped ? r : s, c->pad_s, out + n);
    if (c->behind > 0)
        memset(out + n, 0, (size_t)c->behind);
    return n + (size_t)c->behind;
}

static void
two_numbers_of_the_right_size_and_range_are_a_signature_and_nothing_else(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(ec_cases); i++) {
        const char *token = forge_by(GOOD_EC, CLAIMS, sign_ec, &ec_cases[i]);

        if (is_taken(token, OUR_EC) != ec_cases[i].good)
            fail_msg("%s: %s", ec_cases[i].what, ec_cases[i].good ? "refused" : "taken");
    }
}

/* ---- RS256: the block that is signed ---- */

/* What stands before the digest: the DigestInfo of SHA-256 and its mutants. */
#define OID_256   "\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01"
#define INFO      "\x30\x31\x30\x0d" OID_256 "\x05\x00\x04\x20"
#define BYTES(of) (of), sizeof(of) - 1

struct rsa_case {
    const char *what, *info;
    size_t ninfo;
    unsigned char first, type, fill, stop;
    size_t fills;       /* so many filling bytes; 0: as many as fit */
    size_t digest;      /* bytes of it                              */
    unsigned char flip; /* what is changed in its last byte     */
    bool good;
};

#define PADDED .type = 1, .fill = 0xff, .digest = 32

static const struct rsa_case rsa_cases[] = {
    { "as it is", BYTES(INFO), PADDED, .good = true },
    { "another digest", BYTES(INFO), PADDED, .flip = 1 },
    { "the digest alone", BYTES(""), PADDED },
    { "half of the digest", BYTES(INFO), .type = 1, .fill = 0xff, .digest = 16 },
    { "8 filling bytes, the rest behind", BYTES(INFO), PADDED, .fills = 8 },
    { "no filling byte, the rest behind", BYTES(INFO), PADDED, .fills = 1 },
    { "a byte less of filling, one behind", BYTES(INFO), PADDED, .fills = RSA - 3 - 51 - 1 },
    { "filled with zeros", BYTES(INFO), .type = 1, .digest = 32 },
    { "filled with 0xfe", BYTES(INFO), .type = 1, .fill = 0xfe, .digest = 32 },
    { "block type 0", BYTES(INFO), .fill = 0xff, .digest = 32 },
    { "block type 2", BYTES(INFO), .type = 2, .fill = 0xff, .digest = 32 },
    { "a first byte that is not zero", BYTES(INFO), PADDED, .first = 0x01 },
    { "no zero behind the filling", BYTES(INFO), PADDED, .stop = 0xff },
    { "another byte behind the filling", BYTES(INFO), PADDED, .stop = 0x01 },
    { "no NULL in the algorithm", BYTES("\x30\x2f\x30\x0b" OID_256 "\x04\x20"), PADDED },
    { "an empty text in place of NULL", BYTES("\x30\x31\x30\x0d" OID_256 "\x04\x00\x04\x20"),
      PADDED },
    { "an integer in place of NULL", BYTES("\x30\x32\x30\x0e" OID_256 "\x02\x01\x00\x04\x20"),
      PADDED },
    { "NULL twice", BYTES("\x30\x33\x30\x0f" OID_256 "\x05\x00\x05\x00\x04\x20"), PADDED },
    { "NULL with a content", BYTES("\x30\x32\x30\x0e" OID_256 "\x05\x01\x00\x04\x20"), PADDED },
    { "a long length outside", BYTES("\x30\x81\x31\x30\x0d" OID_256 "\x05\x00\x04\x20"), PADDED },
    { "a long length inside", BYTES("\x30\x32\x30\x81\x0d" OID_256 "\x05\x00\x04\x20"), PADDED },
    { "a long length of the digest", BYTES("\x30\x32\x30\x0d" OID_256 "\x05\x00\x04\x81\x20"),
      PADDED },
    { "an open length", BYTES("\x30\x80\x30\x0d" OID_256 "\x05\x00\x04\x20"), PADDED },
    { "a length too long", BYTES("\x30\x32\x30\x0d" OID_256 "\x05\x00\x04\x20"), PADDED },
    { "a length too short", BYTES("\x30\x30\x30\x0d" OID_256 "\x05\x00\x04\x20"), PADDED },
    { "a set in place of a sequence", BYTES("\x31\x31\x30\x0d" OID_256 "\x05\x00\x04\x20"),
      PADDED },
    { "a bit string as digest", BYTES("\x30\x31\x30\x0d" OID_256 "\x05\x00\x03\x20"), PADDED },
    { "the name of SHA-512",
      BYTES("\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x20"),
      PADDED },
    { "the name of SHA-1", BYTES("\x30\x2d\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x20"),
      PADDED },
    { "the name of MD5",
      BYTES("\x30\x30\x30\x0c\x06\x08\x2a\x86\x48\x86\xf7\x0d\x02\x05\x05\x00\x04\x20"), PADDED },
    { "SHA-1, and 20 bytes", BYTES("\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x14"),
      .type = 1, .fill = 0xff, .digest = 20 },
};

static size_t
sign_block(const char *text, const void *arg, unsigned char *out)
{
    const struct rsa_case *c = arg;
    struct digest digest = hash_sha256(text, strlen(text));
    unsigned char block[RSA];
    size_t fills = c->fills != 0 ? c->fills : RSA - 3 - c->ninfo - c->digest, n = 2;

    memset(block, 0, sizeof block);
    block[0] = c->first;
    block[1] = c->type;
    memset(block + n, c->fill, fills);
    n += fills;
    block[n++] = c->stop;
    memcpy(block + n, c->info, c->ninfo);
    n += c->ninfo;
    digest.b[sizeof digest.b - 1] ^= c->flip;
    memcpy(block + n, digest.b, c->digest);
    forge_rsa(block, out);
    return RSA;
}

static void
one_padding_is_right_and_every_other_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rsa_cases); i++) {
        const char *token = forge_by(GOOD_RSA, CLAIMS, sign_block, &rsa_cases[i]);

        if (is_taken(token, OUR_RSA) != rsa_cases[i].good)
            fail_msg("%s: %s", rsa_cases[i].what, rsa_cases[i].good ? "refused" : "taken");
    }
}

/* ---- RS256: the number that is the signature ---- */

struct size_case {
    const char *what;
    int front, behind; /* bytes more, or fewer */
    unsigned char with;
    bool leading_zero; /* the signature is one that begins with a zero */
    bool good;
};

static const struct size_case size_cases[] = {
    { "as it is", .good = true },
    { "with a leading zero of its own", .leading_zero = true, .good = true },
    { "without its leading zero", .front = -1, .leading_zero = true },
    { "a zero in front", .front = 1 },
    { "a one in front", .front = 1, .with = 1 },
    { "256 zeros in front", .front = RSA },
    { "a zero behind", .behind = 1 },
    { "256 zeros behind", .behind = RSA },
    { "a byte too few", .behind = -1 },
    { "without its first byte", .front = -1 },
    { "half of it", .behind = -RSA / 2 },
    { "one byte", .behind = 1 - RSA },
};

static size_t
sign_sized(const char *text, const void *arg, unsigned char *out)
{
    const struct size_case *c = arg;
    unsigned char whole[RSA];
    size_t front = c->front > 0 ? (size_t)c->front : 0, skip = c->front < 0;
    size_t behind = c->behind > 0 ? (size_t)c->behind : 0,
           less = (size_t)-c->behind * (behind == 0);

    sign_block(text, &rsa_cases[0], whole);
    memset(out, c->with, front);
    memcpy(out + front, whole + skip, RSA - skip - less);
    memset(out + front + RSA - skip - less, c->with, behind);
    return front + RSA - skip - less + behind;
}

/* Claims whose signature begins with a zero, which is so about once in 256. */
static const char *
claims_for(const struct size_case *c)
{
    const char *claims = CLAIMS;
    const struct size_case plain = { .what = "" };

    for (int i = 0; c->leading_zero; i++) {
        claims = arena_printf(mem, "{\"sub\":\"%d\"}", i);
        const char *token = forge_by(GOOD_RSA, claims, sign_sized, &plain);
        const char *signature = strrchr(token, '.') + 1;

        /* The first 8 bits in base64url: "A", and a digit below 16. */
        if (signature[0] == 'A' && signature[1] >= 'A' && signature[1] <= 'P')
            break;
    }
    return claims;
}

static void
a_signature_is_as_long_as_the_modulus(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(size_cases); i++) {
        const struct size_case *c = &size_cases[i];
        const char *token = forge_by(GOOD_RSA, claims_for(c), sign_sized, c);

        if (is_taken(token, OUR_RSA) != c->good)
            fail_msg("%s: %s", c->what, c->good ? "refused" : "taken");
    }
}

enum value { VALUE_0, VALUE_1, MODULUS, MODULUS_LESS_1, OPPOSITE, ALL_ONES };

static size_t
sign_value(const char *text, const void *arg, unsigned char *out)
{
    static const unsigned char one[RSA] = { [RSA - 1] = 1 };
    unsigned char modulus[RSA];

    forge_modulus(modulus);
    memset(out, 0, RSA);
    switch (*(const enum value *)arg) {
    case VALUE_0:
        break;
    case VALUE_1:
        memcpy(out, one, RSA);
        break;
    case MODULUS:
        memcpy(out, modulus, RSA);
        break;
    case MODULUS_LESS_1:
        subtract(modulus, one, out, RSA);
        break;
    case OPPOSITE:
        sign_block(text, &rsa_cases[0], out);
        subtract(modulus, out, out, RSA);
        break;
    case ALL_ONES:
        memset(out, 0xff, RSA);
        break;
    }
    return RSA;
}

static void
numbers_that_sign_nothing_are_refused(void **state)
{
    (void)state;
    for (enum value value = VALUE_0; value <= ALL_ONES; value++)
        if (is_taken(forge_by(GOOD_RSA, CLAIMS, sign_value, &value), OUR_RSA))
            fail_msg("number %d: taken", (int)value);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_numbers_of_the_right_size_and_range_are_a_signature_and_nothing_else),
        cmocka_unit_test(one_padding_is_right_and_every_other_is_refused),
        cmocka_unit_test(a_signature_is_as_long_as_the_modulus),
        cmocka_unit_test(numbers_that_sign_nothing_are_refused),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
