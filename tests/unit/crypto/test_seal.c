/* What is sealed opens only whole, only in its place, only with its key. */
#include "crypto/seal.h"

#include "base/ids.h"
#include "crypto/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define KEY_A "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define KEY_B "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define ORG   "0190f3a2-7b1c-4c3e-9d55-2f6a8b1c0d01"
#define ROW   "0190f3a2-7b1c-4c3e-9d55-2f6a8b1c0d02"

static const struct seal_place place = { ORG, ROW, "endpoint_key" };

/* Stands before OpenSSL's own: what it answers, and what it hands out, can be chosen. */
static int random_answer = 1;

int
RAND_bytes(unsigned char *bytes, int n)
{
    return random_answer == 1 ? RAND_priv_bytes(bytes, n) : random_answer;
}

static struct keyring *
ring_of(const char *text)
{
    struct err err = { 0 };
    struct keyring *ring = keyring_new(text, strlen(text), &err);

    assert_int_equal(err.code, ERR_NONE);
    assert_non_null(ring);
    return ring;
}

static struct bytes
seal_text(const struct keyring *ring, const char *text, struct arena *mem)
{
    struct err err = { 0 };
    struct bytes sealed = seal(ring, &place, text, strlen(text), mem, &err);

    assert_int_equal(err.code, ERR_NONE);
    assert_int_equal(sealed.n, strlen(text) + 33);
    return sealed;
}

static void
assert_refused(const struct keyring *ring, const struct seal_place *where, struct bytes sealed)
{
    struct err err = { 0 };

    assert_null(seal_open(ring, where, sealed, &err));
    assert_int_equal(err.code, ERR_INTERNAL_ERROR);
    assert_string_not_equal(err.note, "");
}

static void
assert_opens(const struct keyring *ring, struct bytes sealed, const char *want)
{
    struct err err = { 0 };
    struct secret *plain SECRET_SCOPED = seal_open(ring, &place, sealed, &err);

    assert_non_null(plain);
    assert_int_equal(err.code, ERR_NONE);
    assert_int_equal(secret_size(plain), strlen(want));
    assert_string_equal(secret_bytes(plain), want);
}

struct bench {
    struct arena *mem;
    struct keyring *ring;
};

static int
set_up(void **state)
{
    static struct bench bench;

    bench = (struct bench){ arena_new(), ring_of(KEY_A "\n") };
    *state = &bench;
    return 0;
}

static int
tear_down(void **state)
{
    struct bench *b = *state;

    keyring_free(b->ring);
    arena_free(b->mem);
    return 0;
}

/* Made with another implementation: HMAC-SHA-256 and AES-256-GCM of Python's cryptography. */
static void
opens_an_envelope_that_others_made(void **state)
{
    static const char hex[] = "01630dcd29a0a1a2a3a4a5a6a7a8a9aaab34d340269eca1564725203a01cb84038f9"
                              "ba19511e2d7fc502dab7afcd63f63dad97";
    unsigned char envelope[51];
    struct bench *b = *state;

    assert_true(ids_unhex(hex, envelope, sizeof envelope));
    assert_opens(b->ring, (struct bytes){ envelope, sizeof envelope }, "sk-upstream-secret");
}

static void
gives_back_what_it_was_given(void **state)
{
    static const size_t sizes[] = { 0, 1, 15, 16, 17, 1000, 65535, 65536 };
    static char plain[65536];
    struct bench *b = *state;

    for (size_t i = 0; i < sizeof plain; i++)
        plain[i] = (char)(i * 7);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct err err = { 0 };
        struct bytes sealed = seal(b->ring, &place, plain, sizes[i], b->mem, &err);
        struct secret *open SECRET_SCOPED = seal_open(b->ring, &place, sealed, &err);

        assert_non_null(open);
        assert_int_equal(secret_size(open), sizes[i]);
        assert_memory_equal(secret_bytes(open), plain, sizes[i]);
    }
}

static void
refuses_to_seal_more_than_64_kib(void **state)
{
    struct err err = { 0 };
    struct bench *b = *state;
    char *plain = calloc(1, 65537);

    assert_null(seal(b->ring, &place, plain, 65537, b->mem, &err).v);
    assert_int_equal(err.code, ERR_INTERNAL_ERROR);
    free(plain);
}

static void
no_plain_byte_shows_in_the_envelope(void **state)
{
    static const char plain[] = "a-secret-that-is-long-enough";
    struct bench *b = *state;
    struct bytes sealed = seal_text(b->ring, plain, b->mem);

    for (size_t i = 0; i + 4 <= sealed.n; i++)
        for (size_t k = 0; k + 4 < sizeof plain; k++)
            assert_memory_not_equal(sealed.v + i, plain + k, 4);
}

static void
every_flipped_bit_is_refused(void **state)
{
    struct bench *b = *state;
    struct bytes sealed = seal_text(b->ring, "sk-upstream", b->mem);
    unsigned char copy[64];

    memcpy(copy, sealed.v, sealed.n);
    for (size_t bit = 0; bit < sealed.n * 8; bit++) {
        copy[bit / 8] ^= (unsigned char)(1 << bit % 8);
        assert_refused(b->ring, &place, (struct bytes){ copy, sealed.n });
        copy[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    assert_opens(b->ring, (struct bytes){ copy, sealed.n }, "sk-upstream");
}

static void
every_other_length_is_refused(void **state)
{
    struct bench *b = *state;
    struct bytes sealed = seal_text(b->ring, "sk-upstream", b->mem);
    unsigned char longer[64] = { 0 };

    memcpy(longer, sealed.v, sealed.n);
    for (size_t n = 0; n < sealed.n; n++) {
        /* On the heap, so that a sanitizer sees a read behind the end. */
        unsigned char *cut = malloc(n == 0 ? 1 : n);

        memcpy(cut, sealed.v, n);
        assert_refused(b->ring, &place, (struct bytes){ cut, n });
        free(cut);
    }
    for (size_t n = sealed.n + 1; n <= sealed.n + 16; n++)
        assert_refused(b->ring, &place, (struct bytes){ longer, n });
    assert_refused(b->ring, &place, (struct bytes){ NULL, 0 });
}

static void
another_place_is_refused(void **state)
{
    static const struct seal_place others[] = {
        { ROW, ROW, "endpoint_key" },
        { ORG, ORG, "endpoint_key" },
        { ROW, ORG, "endpoint_key" },
        { ORG, ROW, "endpoint_keys" },
        { ORG, ROW, "endpoint_ke" },
        { ORG, ROW, "webhook_secret" },
        { ORG, ROW, "" },
        { "", ROW, "endpoint_key" },
        { ORG, "", "endpoint_key" },
        /* The same letters, cut elsewhere: lengths are part of the place. */
        { ORG "0", "190f3a2-7b1c-4c3e-9d55-2f6a8b1c0d02", "endpoint_key" },
        { ORG, ROW "e", "ndpoint_key" },
    };
    struct bench *b = *state;
    struct bytes sealed = seal_text(b->ring, "sk-upstream", b->mem);

    for (size_t i = 0; i < COUNT(others); i++)
        assert_refused(b->ring, &others[i], sealed);
}

static void
an_unknown_key_is_refused_and_named_by_its_id(void **state)
{
    struct bench *b = *state;
    struct keyring *other = ring_of(KEY_B);
    struct bytes sealed = seal_text(b->ring, "sk-upstream", b->mem);
    struct err err = { 0 };

    assert_null(seal_open(other, &place, sealed, &err));
    assert_int_equal(err.code, ERR_INTERNAL_ERROR);
    assert_non_null(strstr(err.note, "630dcd29"));
    keyring_free(other);
}

static void
a_key_id_of_the_ring_does_not_make_another_key_fit(void **state)
{
    struct bench *b = *state;
    struct keyring *both = ring_of(KEY_A "\n" KEY_B "\n");
    struct bytes sealed = seal_text(b->ring, "sk-upstream", b->mem);
    unsigned char forged[64];

    memcpy(forged, sealed.v, sealed.n);
    keyring_id(both, 1, forged + 1);
    assert_refused(both, &place, (struct bytes){ forged, sealed.n });
    keyring_free(both);
}

static void
a_new_first_line_seals_and_the_old_one_still_opens(void **state)
{
    struct bench *b = *state;
    struct keyring *rotated = ring_of("# new\n" KEY_B "\n# old\n" KEY_A "\n");
    struct bytes old = seal_text(b->ring, "old", b->mem);
    struct bytes fresh = seal_text(rotated, "fresh", b->mem);
    unsigned char id[SEAL_KEY_ID_SIZE];

    assert_opens(rotated, old, "old");
    assert_opens(rotated, fresh, "fresh");
    assert_refused(b->ring, &place, fresh);
    keyring_id(rotated, 0, id);
    assert_memory_equal(fresh.v + 1, id, sizeof id);
    keyring_free(rotated);
}

static int
compare_nonces(const void *a, const void *b)
{
    return memcmp(a, b, 12);
}

static void
no_nonce_comes_twice_in_100000_seals(void **state)
{
    enum { SEALS = 100000 };
    struct bench *b = *state;
    unsigned char *nonces = malloc((size_t)SEALS * 12);

    assert_non_null(nonces);
    for (size_t i = 0; i < SEALS; i++) {
        struct arena *mem = arena_new();

        memcpy(nonces + i * 12, seal_text(b->ring, "x", mem).v + 5, 12);
        arena_free(mem);
    }
    qsort(nonces, SEALS, 12, compare_nonces);
    for (size_t i = 1; i < SEALS; i++)
        assert_memory_not_equal(nonces + (i - 1) * 12, nonces + i * 12, 12);
    free(nonces);
}

static void
nothing_is_sealed_without_random_bytes(void **state)
{
    static const int answers[] = { 0, -1, 2 };
    struct bench *b = *state;

    for (size_t i = 0; i < COUNT(answers); i++) {
        struct err err = { 0 };

        random_answer = answers[i];
        struct bytes sealed = seal(b->ring, &place, "x", 1, b->mem, &err);
        random_answer = 1;
        assert_null(sealed.v);
        assert_int_equal(err.code, ERR_INTERNAL_ERROR);
    }
}

static void *
seal_often(void *arg)
{
    struct bench *b = arg;
    intptr_t wrong = 0;

    for (int i = 0; i < 500; i++) {
        struct arena *mem = arena_new();
        struct err err = { 0 };
        struct bytes sealed = seal(b->ring, &place, &i, sizeof i, mem, &err);
        struct secret *plain = seal_open(b->ring, &place, sealed, &err);

        wrong += plain == NULL || memcmp(secret_bytes(plain), &i, sizeof i) != 0;
        secret_free(plain);
        arena_free(mem);
    }
    return (void *)wrong;
}

static void
threads_share_a_ring(void **state)
{
    pthread_t threads[4];

    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, seal_often, *state), 0);
    for (size_t i = 0; i < 4; i++) {
        void *wrong = &wrong;

        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
}

static void
a_key_file_is_read_line_by_line(void **state)
{
    static const struct {
        const char *text;
        size_t keys;
    } cases[] = {
        { KEY_A, 1 },
        { KEY_A "\n", 1 },
        { "\n\n  " KEY_A " \t\r\n\r\n", 1 },
        { "# a comment\n" KEY_A " # made in May\n#" KEY_A "\n" KEY_B, 2 },
        { "00AABBCCDDEEFF00112233445566778899aabbccddeeff001122334455667788", 1 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct keyring *ring = ring_of(cases[i].text);

        assert_int_equal(keyring_count(ring), cases[i].keys);
        keyring_free(ring);
    }
}

static void
a_bad_key_file_is_refused_by_line_and_never_by_text(void **state)
{
    static const struct {
        const char *text, *say;
    } cases[] = {
        { "", "no key" },
        { "\n# " KEY_A "\n", "no key" },
        { "abcdef\n", "line 1" },
        { KEY_A "\n\n" KEY_B "0\n", "line 3" },
        { KEY_A "\n000g02030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "line 2" },
        { KEY_A " " KEY_B, "line 1" },
        { KEY_A "\n" KEY_B "\n" KEY_A, "line 3: the same key id as that of line 1" },
        { "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F\n" KEY_A, "line 2" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct err err = { 0 };

        assert_null(keyring_new(cases[i].text, strlen(cases[i].text), &err));
        assert_int_equal(err.code, ERR_VALIDATION_ERROR);
        assert_non_null(strstr(err.reason, cases[i].say));
        assert_null(strstr(err.reason, "0102"));
        assert_null(strstr(err.reason, "abcd"));
        assert_string_equal(err.note, "");
    }
}

static void
sixteen_keys_fit_and_a_seventeenth_does_not(void **state)
{
    char text[17 * 65 + 1] = "";
    struct err err = { 0 };

    (void)state;
    for (int i = 0; i < 17; i++) {
        struct arena *mem = arena_new();
        char *line = keyring_line(mem);

        assert_int_equal(strlen(line), 65);
        assert_int_equal(line[64], '\n');
        strcat(text, line);
        arena_free(mem);
    }
    struct keyring *ring = keyring_new(text, (size_t)16 * 65, &err);
    assert_non_null(ring);
    assert_int_equal(keyring_count(ring), 16);
    keyring_free(ring);
    assert_null(keyring_new(text, strlen(text), &err));
    assert_non_null(strstr(err.reason, "line 17"));
}

static void
an_id_is_the_start_of_the_digest_of_its_key(void **state)
{
    struct bench *b = *state;
    unsigned char key[32], id[SEAL_KEY_ID_SIZE];

    assert_true(ids_unhex(KEY_A, key, sizeof key));
    struct digest digest = hash_sha256(key, sizeof key);
    keyring_id(b->ring, 0, id);
    assert_memory_equal(id, digest.b, sizeof id);
}

/* Made with another implementation: HMAC-SHA-256 of Python. */
static void
a_mac_is_that_of_others_and_of_its_bytes_its_place_and_its_key_only(void **state)
{
    static const char hex[] = "630dcd29"
                              "a4d00bc9134706757a1a2a55bfd2bbb2b5b59c5ebf7195506b5873782c295890";
    static const struct seal_place elsewhere = { ROW, ORG, "endpoint_key" };
    static const char text[] = "what is kept";
    struct bench *b = *state;
    struct keyring *newer = ring_of(KEY_B "\n" KEY_A "\n"), *other = ring_of(KEY_B "\n");
    unsigned char want[SEAL_MAC_SIZE];

    assert_true(ids_unhex(hex, want, sizeof want));
    struct bytes mac = seal_mac(b->ring, &place, text, strlen(text), b->mem);
    assert_int_equal(mac.n, sizeof want);
    assert_memory_equal(mac.v, want, sizeof want);
    assert_true(seal_mac_holds(b->ring, &place, text, strlen(text), mac));
    assert_true(seal_mac_holds(newer, &place, text, strlen(text), mac));
    assert_false(seal_mac_holds(other, &place, text, strlen(text), mac));
    assert_false(seal_mac_holds(b->ring, &elsewhere, text, strlen(text), mac));
    assert_false(seal_mac_holds(b->ring, &place, text, strlen(text) - 1, mac));
    assert_false(
        seal_mac_holds(b->ring, &place, text, strlen(text), (struct bytes){ mac.v, mac.n - 1 }));
    assert_false(seal_mac_holds(b->ring, &place, text, strlen(text), (struct bytes){ NULL, 0 }));
    for (size_t bit = 0; bit < 8 * sizeof want; bit++) {
        want[bit / 8] ^= (unsigned char)(1 << bit % 8);
        assert_false(seal_mac_holds(b->ring, &place, text, strlen(text),
                                    (struct bytes){ want, sizeof want }));
        want[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    keyring_free(newer);
    keyring_free(other);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_an_envelope_that_others_made),
        cmocka_unit_test(gives_back_what_it_was_given),
        cmocka_unit_test(refuses_to_seal_more_than_64_kib),
        cmocka_unit_test(no_plain_byte_shows_in_the_envelope),
        cmocka_unit_test(every_flipped_bit_is_refused),
        cmocka_unit_test(every_other_length_is_refused),
        cmocka_unit_test(another_place_is_refused),
        cmocka_unit_test(an_unknown_key_is_refused_and_named_by_its_id),
        cmocka_unit_test(a_key_id_of_the_ring_does_not_make_another_key_fit),
        cmocka_unit_test(a_new_first_line_seals_and_the_old_one_still_opens),
        cmocka_unit_test(no_nonce_comes_twice_in_100000_seals),
        cmocka_unit_test(nothing_is_sealed_without_random_bytes),
        cmocka_unit_test(threads_share_a_ring),
        cmocka_unit_test(a_key_file_is_read_line_by_line),
        cmocka_unit_test(a_bad_key_file_is_refused_by_line_and_never_by_text),
        cmocka_unit_test(sixteen_keys_fit_and_a_seventeenth_does_not),
        cmocka_unit_test(an_id_is_the_start_of_the_digest_of_its_key),
        cmocka_unit_test(a_mac_is_that_of_others_and_of_its_bytes_its_place_and_its_key_only),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
