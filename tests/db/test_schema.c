/* The schema explains itself: comments on tables, names on constraints, keys that are indexed. */
#include "db_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

struct name {
    const char *text;
};

static const struct db_col columns[] = { { TEXT_AT(struct name, text) } };
static const struct db_shape row = DB_SHAPE(struct name, columns);

#define OUR_TABLES " c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') "

/* Fails with the names that the query gives; it should give none. */
static void
assert_no_row(struct db_fixture *fx, const struct stmt *stmt)
{
    struct list rows;

    assert_ok(db_all(fx->tx, stmt, DB_NO_ARGS, fx->mem, &rows, &fx->err), &fx->err);
    for (size_t i = 0; i < rows.n; i++)
        print_error("%s: %s\n", stmt->name, ((struct name *)rows.v[i])->text);
    assert_int_equal(rows.n, 0);
}

static void
there_are_tables(void **state)
{
    (void)state;
    assert_true(db_fixture_number("SELECT count(*) FROM pg_class c WHERE" OUR_TABLES) > 10);
}

static void
every_table_has_a_comment(void **state)
{
    static const struct stmt uncommented = {
        "table_without_comment",
        "SELECT c.relname::text FROM pg_class c WHERE" OUR_TABLES
        "AND coalesce(obj_description(c.oid, 'pg_class'), '') = ''",
        &row,
    };

    assert_no_row(*state, &uncommented);
}

static void
every_number_that_stands_for_a_word_has_a_comment(void **state)
{
    static const struct stmt uncommented = {
        "smallint_without_comment",
        "SELECT c.relname || '.' || a.attname FROM pg_class c"
        " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
        " WHERE" OUR_TABLES "AND a.atttypid = 'smallint'::regtype"
        " AND coalesce(col_description(c.oid, a.attnum), '') = ''",
        &row,
    };

    assert_no_row(*state, &uncommented);
}

static void
every_sealed_or_hashed_column_has_a_comment(void **state)
{
    static const struct stmt uncommented = {
        "bytea_without_comment",
        "SELECT c.relname || '.' || a.attname FROM pg_class c"
        " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
        " WHERE" OUR_TABLES "AND a.atttypid = 'bytea'::regtype"
        " AND coalesce(col_description(c.oid, a.attnum), '') = ''",
        &row,
    };

    assert_no_row(*state, &uncommented);
}

/* Clash tables go by these names: those that PostgreSQL makes up end in a number or spell out the
 * columns, and change with them. */
static void
every_constraint_is_named_after_its_table_and_its_kind(void **state)
{
    static const struct stmt misnamed = {
        "constraint_name",
        "SELECT k.conname::text FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid"
        " WHERE" OUR_TABLES "AND k.conname !~ ('^' || c.relname || '_(.*_)?' || CASE k.contype"
        " WHEN 'p' THEN 'pkey$' WHEN 'u' THEN 'key$' WHEN 'f' THEN 'fkey$' ELSE 'ok$' END)",
        &row,
    };
    static const struct stmt misnamed_index = {
        "index_name",
        "SELECT i.relname::text FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid"
        " JOIN pg_class i ON i.oid = x.indexrelid WHERE" OUR_TABLES
        "AND NOT starts_with(i.relname, c.relname || '_')",
        &row,
    };

    assert_no_row(*state, &misnamed);
    assert_no_row(*state, &misnamed_index);
}

/* Deleting a row with references to it reads every referring table that has no such index. */
static void
every_foreign_key_that_cascades_has_an_index(void **state)
{
    static const struct stmt bare = {
        "cascade_without_index",
        "SELECT k.conname::text FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid"
        " WHERE" OUR_TABLES "AND k.contype = 'f' AND k.confdeltype <> 'a' AND NOT EXISTS ("
        "  SELECT 1 FROM pg_index x WHERE x.indrelid = k.conrelid AND x.indkey[0] = k.conkey[1])",
        &row,
    };

    assert_no_row(*state, &bare);
}

static void
every_time_has_a_time_zone(void **state)
{
    static const struct stmt naive = {
        "time_without_zone",
        "SELECT c.relname || '.' || a.attname FROM pg_class c"
        " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
        " WHERE" OUR_TABLES "AND a.atttypid IN ('timestamp'::regtype, 'time'::regtype)",
        &row,
    };

    assert_no_row(*state, &naive);
}

static void
times_leave_as_milliseconds_and_the_clock_can_be_moved(void **state)
{
    static const struct stmt skewed = {
        "skewed",
        "SELECT (roster_now() - now())::text",
        &row,
    };
    struct db_fixture *fx = *state;

    assert_int_equal(db_fixture_number("SELECT ms('1970-01-01T00:00:01.5Z')"), 1500);
    assert_int_equal(db_fixture_number("SELECT ms(now()) / 1000 - floor(extract(epoch FROM now()))"
                                       "::bigint"),
                     0);
    assert_int_equal(db_fixture_number("SELECT (roster_now() = now())::integer"), 1);
    assert_ok(db_run(fx->db, "SET LOCAL roster.clock_skew = '-90 seconds'", &fx->err), &fx->err);
    const struct name *got = db_one(fx->tx, &skewed, DB_NO_ARGS, fx->mem, &fx->err);
    assert_ok(got != NULL, &fx->err);
    assert_string_equal(got->text, "-00:01:30");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        db_fixture_test_undone(there_are_tables),
        db_fixture_test_undone(every_table_has_a_comment),
        db_fixture_test_undone(every_number_that_stands_for_a_word_has_a_comment),
        db_fixture_test_undone(every_sealed_or_hashed_column_has_a_comment),
        db_fixture_test_undone(every_constraint_is_named_after_its_table_and_its_kind),
        db_fixture_test_undone(every_foreign_key_that_cascades_has_an_index),
        db_fixture_test_undone(every_time_has_a_time_zone),
        db_fixture_test_undone(times_leave_as_milliseconds_and_the_clock_can_be_moved),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
