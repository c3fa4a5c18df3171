/* Words that a person or a code generator confuses are near; others are not. */
#include "json/near.h"

#include "base/must.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>

static void
counts_letters_that_differ(void **state)
{
    static const struct {
        const char *a, *b;
        unsigned distance;
    } cases[] = {
        { "", "", 0 },
        { "a", "", 1 },
        { "", "abc", 3 },
        { "name", "name", 0 },
        { "nmae", "name", 1 },
        { "nam", "name", 1 },
        { "namee", "name", 1 },
        { "nane", "name", 1 },
        { "kitten", "sitting", 3 },
        { "endpointUrl", "endpoint_url", 0 },
        { "END-POINT-URL", "endpoint_url", 0 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(near_distance(cases[i].a, cases[i].b), cases[i].distance);
        assert_int_equal(near_distance(cases[i].b, cases[i].a), cases[i].distance);
    }
}

static void
takes_words_up_to_its_longest(void **state)
{
    static const char longest[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    static const char longer[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    (void)state;
    assert_int_equal(sizeof longest - 1, NEAR_WORD_MAX);
    assert_int_equal(near_distance(longest, longest + 1), 1);
    assert_int_equal(near_distance("", longest), NEAR_WORD_MAX);
    assert_int_equal(near_distance(longer, longer), UINT_MAX);
}

static void
asks_more_of_short_words(void **state)
{
    (void)state;
    assert_true(near_enough(0, "q"));
    assert_false(near_enough(1, "id"));
    assert_true(near_enough(1, "name"));
    assert_false(near_enough(2, "name"));
    assert_true(near_enough(2, "license"));
    assert_true(near_enough(3, "endpoint_url"));
    assert_false(near_enough(4, "programming_language"));
    assert_false(near_enough(UINT_MAX, "programming_language"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_letters_that_differ),
        cmocka_unit_test(takes_words_up_to_its_longest),
        cmocka_unit_test(asks_more_of_short_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
