/* Small files are there whole or not at all, and only their owner can read them. */
#include "app/files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64];

static int
set_up(void **state)
{
    strcpy(dir, "/tmp/rosterd-files-XXXXXX");
    assert_non_null(mkdtemp(dir));
    *state = arena_new();
    return 0;
}

static int
tear_down(void **state)
{
    assert_true(files_remove_tree(dir));
    assert_int_equal(access(dir, F_OK), -1);
    arena_free(*state);
    return 0;
}

static void
what_is_put_can_be_taken_by_its_owner_alone(void **state)
{
    const char *path = arena_printf(*state, "%s/key", dir);
    struct stat st;

    assert_true(files_put(path, "one\n"));
    assert_true(files_put(path, "two\nlines\r\n"));
    assert_string_equal(files_take(path, *state), "two\nlines");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
}

static void
a_failed_put_leaves_the_old_text_and_nothing_beside_it(void **state)
{
    const char *path = arena_printf(*state, "%s/sub", dir);

    /* A directory that is not empty cannot be replaced by a file. */
    assert_int_equal(mkdir(path, 0700), 0);
    assert_true(files_put(arena_printf(*state, "%s/inner", path), "x"));
    assert_false(files_put(path, "text"));
    assert_int_equal(access(arena_printf(*state, "%s.%d.new", path, (int)getpid()), F_OK), -1);
    assert_string_equal(files_take(arena_printf(*state, "%s/inner", path), *state), "x");
    assert_false(files_put(arena_printf(*state, "%s/none/x", dir), "text"));
    assert_int_equal(errno, ENOENT);
}

static void
what_is_not_there_or_too_large_is_not_taken(void **state)
{
    char *large = arena_alloc(*state, 70001);
    const char *path = arena_printf(*state, "%s/large", dir);

    assert_null(files_take(path, *state));
    memset(large, 'x', 70000);
    assert_true(files_put(path, large));
    assert_null(files_take(path, *state));
}

static void
a_tree_is_removed_without_following_links(void **state)
{
    const char *tree = arena_printf(*state, "%s/tree", dir);
    const char *kept = arena_printf(*state, "%s/kept", dir);

    assert_int_equal(mkdir(tree, 0700), 0);
    assert_int_equal(mkdir(kept, 0700), 0);
    assert_true(files_put(arena_printf(*state, "%s/file", kept), "x"));
    assert_int_equal(symlink(kept, arena_printf(*state, "%s/link", tree)), 0);
    assert_true(files_remove_tree(tree));
    assert_true(files_remove_tree(tree));
    assert_int_equal(access(tree, F_OK), -1);
    assert_string_equal(files_take(arena_printf(*state, "%s/file", kept), *state), "x");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_put_can_be_taken_by_its_owner_alone),
        TEST(a_failed_put_leaves_the_old_text_and_nothing_beside_it),
        TEST(what_is_not_there_or_too_large_is_not_taken),
        TEST(a_tree_is_removed_without_following_links),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
