/* Opens the database of ROSTERD_TEST_CONNINFO for a test and brings its schema up once. */
#include "db_fixture.h"

#include "db/migrate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

enum { TIMEOUT_MS = 10000 };

static bool migrated; /* in this process; a second time would only be slow */

const char *
db_fixture_conninfo(void)
{
    const char *conninfo = getenv("ROSTERD_TEST_CONNINFO");

    if (conninfo == NULL) {
        fputs("ROSTERD_TEST_CONNINFO is not set: run this under tests/harness/with-postgres\n",
              stderr);
        exit(2);
    }
    return conninfo;
}

struct db *
db_fixture_another(int timeout_ms)
{
    return db_open(&(struct db_options){
        .conninfo = db_fixture_conninfo(), .name = "roster-test", .timeout_ms = timeout_ms });
}

int
db_fixture_open(void **state)
{
    struct db_fixture *fx = must(calloc(1, sizeof *fx));
    int ran;

    fx->mem = arena_new();
    fx->db = db_fixture_another(TIMEOUT_MS);
    if (!migrated && !migrate_up(fx->db, &ran, fx->mem, &fx->err)) {
        print_error("cannot migrate: %s\n", fx->err.note);
        return -1;
    }
    migrated = true;
    *state = fx;
    return 0;
}

int
db_fixture_begin(void **state)
{
    if (db_fixture_open(state) != 0)
        return -1;

    struct db_fixture *fx = *state;

    fx->tx = db_begin(fx->db, &fx->err);
    return fx->tx == NULL ? -1 : 0;
}

int
db_fixture_close(void **state)
{
    struct db_fixture *fx = *state;
    bool open;

    db_drop(fx->tx);
    open = db_in_transaction(fx->db);
    if (open)
        print_error("the test left a transaction open\n");
    else
        db_close(fx->db);
    arena_free(fx->mem);
    free(fx);
    return open ? -1 : 0;
}

struct number {
    int64_t value;
};

static const struct db_col number_columns[] = { { INT_AT(struct number, value) } };
static const struct db_shape number_row = DB_SHAPE(struct number, number_columns);

long long
db_fixture_number(const char *sql)
{
    struct db *db = db_fixture_another(TIMEOUT_MS);
    struct arena *mem = arena_new();
    struct err err = { 0 };
    const struct stmt stmt = { "fixture_number", sql, &number_row };
    const struct number *row = db_one(db_single(db), &stmt, DB_NO_ARGS, mem, &err);

    if (row == NULL) {
        fprintf(stderr, "%s: %s\n", sql, err.note);
        exit(2);
    }

    long long value = row->value;

    arena_free(mem);
    db_close(db);
    return value;
}

void
db_fixture_assert(bool good, const struct err *err, const char *what, const char *file, int line)
{
    if (!good)
        print_error("%s: %s [%s] %s\n", what, err_name(err->code), err->reason, err->note);
    _assert_true(good, what, file, line);
}
