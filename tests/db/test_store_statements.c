/* Every statement of every store fits the migrated schema: parameters and columns. */
#include "store/statements.h"

#include "db/migrate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static struct db *db;
static struct arena *mem;

static int
open_database(void **state)
{
    static struct db_options options = { .name = "test", .timeout_ms = 30000 };
    struct err err = { 0 };
    int ran;

    (void)state;
    options.conninfo = getenv("ROSTERD_TEST_CONNINFO");
    if (options.conninfo == NULL)
        return -1;
    mem = arena_new();
    db = db_open(&options);
    return migrate_up(db, &ran, mem, &err) ? 0 : -1;
}

static int
close_database(void **state)
{
    (void)state;
    db_close(db);
    arena_free(mem);
    return 0;
}

/* The highest n of a $n in the text. */
static int
highest_parameter(const char *sql)
{
    int highest = 0;

    for (const char *at = strchr(sql, '$'); at != NULL; at = strchr(at + 1, '$'))
        if (isdigit((unsigned char)at[1]) && atoi(at + 1) > highest)
            highest = atoi(at + 1);
    return highest;
}

static void
every_statement_is_understood_by_the_schema(void **state)
{
    size_t n = 0;

    (void)state;
    for (const struct stmt *const *table = store_statements; *table != NULL; table++)
        for (const struct stmt *stmt = *table; stmt->name != NULL; stmt++, n++) {
            struct err err = { 0 };
            int nparams = -1, ncols = -1;

            if (!db_describe(db, stmt, &nparams, &ncols, &err))
                fail_msg("%s: %s", stmt->name, err.note);
            if (nparams != highest_parameter(stmt->sql))
                fail_msg("%s: %d parameters", stmt->name, nparams);
            if (ncols != (stmt->row == NULL ? 0 : (int)stmt->row->ncols))
                fail_msg("%s: %d columns", stmt->name, ncols);
        }
    assert_true(n > 30);
}

static void
names_of_statements_are_unique(void **state)
{
    (void)state;
    for (const struct stmt *const *table = store_statements; *table != NULL; table++)
        for (const struct stmt *stmt = *table; stmt->name != NULL; stmt++)
            for (const struct stmt *const *t = store_statements; *t != NULL; t++)
                for (const struct stmt *s = *t; s->name != NULL; s++)
                    assert_true(s == stmt || strcmp(s->name, stmt->name) != 0);
}

struct text_row {
    const char *text;
};

static const struct db_col text_columns[] = { { TEXT_AT(struct text_row, text) } };
static const struct db_shape text_shape = DB_SHAPE(struct text_row, text_columns);

static void
every_clash_is_a_constraint_of_the_schema(void **state)
{
    static const struct stmt find = { "test_constraint",
                                      "SELECT conname FROM pg_constraint WHERE conname = $1"
                                      " UNION SELECT relname FROM pg_class WHERE relname = $1"
                                      " AND relkind = 'i'",
                                      &text_shape, NULL };

    (void)state;
    for (const struct stmt *const *table = store_statements; *table != NULL; table++)
        for (const struct stmt *stmt = *table; stmt->name != NULL; stmt++)
            for (const struct db_clash *c = stmt->clashes; c != NULL && c->constraint != NULL;
                 c++) {
                struct err err = { 0 };

                assert_non_null(
                    db_one(db_single(db), &find, DB_ARGS(DB_TEXT(c->constraint)), mem, &err));
            }
}

static void
every_table_and_enum_column_has_a_comment(void **state)
{
    static const struct stmt bare = {
        "test_comments",
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = 'public' AND c.relkind = 'r' AND obj_description(c.oid) IS NULL"
        " AND c.relname NOT LIKE 'schema_%'"
        " UNION ALL SELECT c.relname || '.' || a.attname FROM pg_attribute a"
        " JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = 'public' AND c.relkind = 'r' AND a.attnum > 0"
        " AND c.relname NOT LIKE 'schema_%'"
        " AND a.atttypid IN ('smallint'::regtype, 'bytea'::regtype)"
        " AND col_description(c.oid, a.attnum) IS NULL",
        &text_shape, NULL
    };
    struct list rows = { 0 };
    struct err err = { 0 };

    (void)state;
    assert_true(db_all(db_single(db), &bare, DB_NO_ARGS, mem, &rows, &err));
    for (size_t i = 0; i < rows.n; i++)
        print_error("no comment: %s\n", ((struct text_row *)rows.v[i])->text);
    assert_int_equal(rows.n, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_statement_is_understood_by_the_schema),
        cmocka_unit_test(names_of_statements_are_unique),
        cmocka_unit_test(every_clash_is_a_constraint_of_the_schema),
        cmocka_unit_test(every_table_and_enum_column_has_a_comment),
    };

    return cmocka_run_group_tests(tests, open_database, close_database);
}
