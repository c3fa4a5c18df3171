/* The arena frees what it was given, in reverse order, and keeps pieces apart. */
#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

static char order[8];

static void
note(void *thing)
{
    strcat(order, thing);
}

static void
runs_what_it_owns_last_tied_first(void **state)
{
    char first[] = "a", second[] = "b";
    struct arena *mem = arena_new();

    (void)state;
    order[0] = '\0';
    assert_ptr_equal(arena_own(mem, first, note), first);
    arena_own(mem, second, note);
    assert_null(arena_own(mem, NULL, note));
    arena_free(mem);
    assert_string_equal(order, "ba");
}

static void
gives_zeroed_and_separate_pieces_of_any_size(void **state)
{
    static const size_t sizes[] = { 0, 1, 15, 16, 17, 4000, 4096, 100000, 3 };
    struct arena *mem = arena_new();
    unsigned char *pieces[9];

    (void)state;
    for (size_t i = 0; i < 9; i++) {
        pieces[i] = arena_alloc(mem, sizes[i]);
        for (size_t k = 0; k < sizes[i]; k++)
            assert_int_equal(pieces[i][k], 0);
        memset(pieces[i], (int)i + 1, sizes[i]);
    }
    for (size_t i = 0; i < 9; i++)
        for (size_t k = 0; k < sizes[i]; k++)
            assert_int_equal(pieces[i][k], i + 1);
    arena_free(mem);
}

static void
copies_and_prints_text(void **state)
{
    struct arena *mem = arena_new();

    (void)state;
    assert_null(arena_text(mem, NULL));
    assert_string_equal(arena_text(mem, "abc"), "abc");
    assert_string_equal(arena_textn(mem, "abcdef", 2), "ab");
    assert_string_equal(arena_printf(mem, "%s-%d", "x", 7), "x-7");
    arena_free(mem);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_what_it_owns_last_tied_first),
        cmocka_unit_test(gives_zeroed_and_separate_pieces_of_any_size),
        cmocka_unit_test(copies_and_prints_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
