/* SHA-256 and HMAC against the published vectors, from one thread and from many. */
#include "crypto/hash.h"

#include "base/ids.h"
#include "base/must.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <string.h>

/* FIPS 180-4 examples and NIST's byte-oriented vectors. */
static const struct {
    const char *text, *hex;
} digests[] = {
    { "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
    { "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
    { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
    { "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqr"
      "lmnopqrsmnopqrstnopqrstu",
      "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1" },
};

/* RFC 4231, cases 1 to 4, 6 and 7, and an empty key. */
static const struct {
    const char *key, *data, *hex;
    int key_byte; /* the key is key_size times this byte when key is NULL  */
    size_t key_size;
    int data_byte; /* the same for 50 bytes of data                        */
} macs[] = {
    { NULL, "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7", 0x0b,
      20 },
    { "Jefe", "what do ya want for nothing?",
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
    { NULL, NULL, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe", 0xaa, 20,
      0xdd },
    { "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16"
      "\x17\x18\x19",
      NULL, "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b", .data_byte = 0xcd },
    { NULL, "Test Using Larger Than Block-Size Key - Hash Key First",
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54", 0xaa, 131 },
    { NULL,
      "This is a test using a larger than block-size key and a larger than block-size data. The "
      "key needs to be hashed before being used by the HMAC algorithm.",
      "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2", 0xaa, 131 },
    { "", "", "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad" },
};

static void
check_digest(const struct digest *got, const char *want)
{
    char hex[65];

    assert_string_equal(ids_hex(got->b, sizeof got->b, hex), want);
}

static void
digests_are_those_of_the_standard(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(digests); i++) {
        struct digest got = hash_sha256(digests[i].text, strlen(digests[i].text));

        check_digest(&got, digests[i].hex);
    }
}

static void
a_million_letters_hash_as_the_standard_says(void **state)
{
    static char text[1000000];

    (void)state;
    memset(text, 'a', sizeof text);
    struct digest got = hash_sha256(text, sizeof text);
    check_digest(&got, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void
macs_are_those_of_rfc_4231(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(macs); i++) {
        char key[131], data[50];
        size_t key_size = macs[i].key == NULL ? macs[i].key_size : strlen(macs[i].key);
        size_t n = macs[i].data == NULL ? sizeof data : strlen(macs[i].data);

        memset(key, macs[i].key_byte, sizeof key);
        memset(data, macs[i].data_byte, sizeof data);
        struct digest got = hash_hmac(macs[i].key == NULL ? key : macs[i].key, key_size,
                                      macs[i].data == NULL ? data : macs[i].data, n);
        check_digest(&got, macs[i].hex);
    }
}

static void
an_empty_key_is_not_the_key_of_the_last_call(void **state)
{
    (void)state;
    (void)hash_hmac("Jefe", 4, "x", 1);
    struct digest got = hash_hmac(NULL, 0, "", 0);
    check_digest(&got, macs[COUNT(macs) - 1].hex);
}

static void
equal_means_every_bit(void **state)
{
    struct digest a = hash_sha256("a", 1), b = a;

    (void)state;
    assert_true(hash_equal(&a, &b));
    for (size_t bit = 0; bit < 256; bit++) {
        b = a;
        b.b[bit / 8] ^= (unsigned char)(1 << bit % 8);
        assert_false(hash_equal(&a, &b));
    }
}

static void *
hash_often(void *arg)
{
    struct digest first = hash_sha256(arg, 1), mac = hash_hmac(arg, 1, arg, 1);
    intptr_t wrong = 0;

    for (int i = 0; i < 2000; i++) {
        struct digest again = hash_sha256(arg, 1), mac_again = hash_hmac(arg, 1, arg, 1);

        wrong += !hash_equal(&first, &again) || !hash_equal(&mac, &mac_again);
    }
    return (void *)wrong;
}

static void
threads_do_not_disturb_each_other(void **state)
{
    static char names[] = "abcd";
    pthread_t threads[4];

    (void)state;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hash_often, names + i), 0);
    for (size_t i = 0; i < 4; i++) {
        void *wrong = &wrong;

        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_are_those_of_the_standard),
        cmocka_unit_test(a_million_letters_hash_as_the_standard_says),
        cmocka_unit_test(macs_are_those_of_rfc_4231),
        cmocka_unit_test(an_empty_key_is_not_the_key_of_the_last_call),
        cmocka_unit_test(equal_means_every_bit),
        cmocka_unit_test(threads_do_not_disturb_each_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
