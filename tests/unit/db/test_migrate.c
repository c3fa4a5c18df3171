/* The number and name of a migration come from its file name alone. */
#include "../../../src/db/db_priv.h"

#include "base/embedded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void
reads_the_names_of_files(void **state)
{
    static const struct {
        const char *file;
        int64_t version;
        const char *name;
    } cases[] = {
        { "0001_registry.sql", 1, "0001_registry" },
        { "0042_a.sql", 42, "0042_a" },
        { "7_x_y.sql", 7, "7_x_y" },
        { "999999999_z.sql", 999999999, "999999999_z" },
    };
    struct arena *mem = arena_new();

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t version = 0;
        const char *name = NULL;

        assert_true(migrate_name_read(cases[i].file, &version, &name, mem));
        assert_int_equal(version, cases[i].version);
        assert_string_equal(name, cases[i].name);
    }
    arena_free(mem);
}

static void
refuses_other_names(void **state)
{
    static const char *const bad[] = {
        "",       "registry.sql", "0001registry.sql", "_a.sql",   "0001_.sql",
        "0001_a", "0001_a.txt",   "0000_a.sql",       "-1_a.sql", "1234567890_a.sql"
    };
    struct arena *mem = arena_new();
    int64_t version;
    const char *name;

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++)
        if (migrate_name_read(bad[i], &version, &name, mem))
            fail_msg("accepted: %s", bad[i]);
    arena_free(mem);
}

static void
every_file_in_the_binary_has_a_good_name_and_a_growing_number(void **state)
{
    struct arena *mem = arena_new();
    int64_t last = 0;

    (void)state;
    assert_non_null(embedded_migrations[0].name);
    for (const struct embedded *file = embedded_migrations; file->name != NULL; file++) {
        int64_t version;
        const char *name;

        assert_true(migrate_name_read(file->name, &version, &name, mem));
        assert_true(version > last);
        assert_true(file->end > file->bytes && *file->end == '\0');
        last = version;
    }
    arena_free(mem);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_names_of_files),
        cmocka_unit_test(refuses_other_names),
        cmocka_unit_test(every_file_in_the_binary_has_a_good_name_and_a_growing_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
