/* Keys that strangers choose spread over a table, and nobody can tell where without its seed. */
#include "base/keyhash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

enum { KEYS = 16384, BUCKETS = 256 };

static void
similar_keys_spread_evenly_by_any_bits(void **state)
{
    unsigned low[BUCKETS] = { 0 }, high[BUCKETS] = { 0 };

    (void)state;
    for (int i = 0; i < KEYS; i++) {
        char key[32];
        int n = snprintf(key, sizeof key, "10.0.%d.%d:80", i / 256, i % 256);
        uint64_t hash = keyhash(1, key, (size_t)n);

        low[hash % BUCKETS]++;
        high[hash >> 56]++;
    }
    for (int i = 0; i < BUCKETS; i++) {
        assert_in_range(low[i], KEYS / BUCKETS / 2, KEYS / BUCKETS * 2);
        assert_in_range(high[i], KEYS / BUCKETS / 2, KEYS / BUCKETS * 2);
    }
}

static void
keys_that_meet_under_one_seed_part_under_another(void **state)
{
    unsigned meet = 0, again = 0;

    (void)state;
    for (int i = 0; i < KEYS; i++)
        if (keyhash(7, &i, sizeof i) % BUCKETS == 0) {
            meet++;
            again += keyhash(8, &i, sizeof i) % BUCKETS == 0;
        }
    assert_true(meet > 0);
    assert_true(again < meet / 8);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(similar_keys_spread_evenly_by_any_bits),
        cmocka_unit_test(keys_that_meet_under_one_seed_part_under_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
