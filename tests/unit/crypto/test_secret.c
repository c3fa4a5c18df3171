/* A secret keeps its bytes, is zeros once freed, and stays out of core files. */
#include "crypto/secret.h"

#include "base/must.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define PIECEWISE 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PIECEWISE 1
#endif
#endif
#ifndef PIECEWISE
#define PIECEWISE 0
#endif

static void
keeps_bytes_of_any_size_with_a_nul_behind_them(void **state)
{
    static const size_t sizes[] = { 0, 1, 47, 48, 64, 1000, 4079, 4080, 4096, 65536, 100000 };
    struct secret *made[COUNT(sizes)];
    static char text[100000];

    (void)state;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        memset(text, 'a' + (int)i, sizes[i]);
        made[i] = secret_new(text, sizes[i]);
    }
    for (size_t i = 0; i < COUNT(sizes); i++) {
        const char *bytes = secret_bytes(made[i]);

        assert_int_equal(secret_size(made[i]), sizes[i]);
        for (size_t k = 0; k < sizes[i]; k++)
            assert_int_equal(bytes[k], 'a' + (int)i);
        assert_int_equal(bytes[sizes[i]], '\0');
        secret_free(made[i]);
    }
    secret_free(NULL);
}

static void
no_bytes_given_are_zeros_even_in_a_used_slot(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++) {
        struct secret *secret = secret_new(NULL, 100);

        for (size_t k = 0; k <= 100; k++)
            assert_int_equal(secret_bytes(secret)[k], 0);
        secret_free(secret);
        secret_free(
            secret_new("some other secret of the same class, which is longer than a head", 64));
    }
}

static void
a_freed_secret_is_wiped(void **state)
{
    (void)state;
    if (PIECEWISE)
        skip(); /* reading freed memory is what a sanitizer forbids */

    struct secret *secret = secret_new("attack at dawn", 14);
    const volatile char *bytes = secret_bytes(secret);

    assert_int_equal(bytes[0], 'a');
    secret_free(secret);
    for (size_t k = 0; k < 14; k++)
        assert_int_equal(bytes[k], 0);
}

/* Whether the mapping that holds p carries the kernel's "do not dump" flag. */
static bool
is_left_out_of_cores(const void *p)
{
    char line[512];
    bool inside = false, found = false;
    FILE *maps = fopen("/proc/self/smaps", "r");

    assert_non_null(maps);
    while (fgets(line, sizeof line, maps) != NULL) {
        unsigned long from, to;

        if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
            inside = (uintptr_t)p >= from && (uintptr_t)p < to;
        else if (inside && strncmp(line, "VmFlags:", 8) == 0)
            found = strstr(line, " dd") != NULL;
    }
    fclose(maps);
    return found;
}

static void
small_and_large_ones_stay_out_of_core_files(void **state)
{
    (void)state;
    if (PIECEWISE)
        skip();
    struct secret *small SECRET_SCOPED = secret_new("x", 1);
    struct secret *large SECRET_SCOPED = secret_new(NULL, 70000);

    assert_true(is_left_out_of_cores(secret_bytes(small)));
    assert_true(is_left_out_of_cores(secret_bytes(large)));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_bytes_of_any_size_with_a_nul_behind_them),
        cmocka_unit_test(no_bytes_given_are_zeros_even_in_a_used_slot),
        cmocka_unit_test(a_freed_secret_is_wiped),
        cmocka_unit_test(small_and_large_ones_stay_out_of_core_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
