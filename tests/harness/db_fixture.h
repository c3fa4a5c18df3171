/* A migrated PostgreSQL for a test: handle, arena and error. Needs ROSTERD_TEST_CONNINFO, which
 * tests/harness/with-postgres sets. */
#ifndef HARNESS_DB_FIXTURE_H
#define HARNESS_DB_FIXTURE_H

#include "db/db.h"

struct db_fixture {
    struct db *db;
    struct db_tx *tx; /* the transaction around the test, with db_fixture_begin only */
    struct arena *mem;
    struct err err;
};

/* For cmocka_unit_test_setup_teardown: *state is a struct db_fixture whose schema is current (the
 * first call migrates). What the test commits stays for the tests after it. */
int db_fixture_open(void **state);

/* As db_fixture_open, but the whole test runs inside one transaction, which db_fixture_close rolls
 * back. db_begin and db_commit in the code under test nest in it; what it leaves for after the
 * commit never runs, and a statement that fails ends what the test can do. */
int db_fixture_begin(void **state);

/* Undoes either. Fails when the test left a transaction open. */
int db_fixture_close(void **state);

/* The connection string; ends the process when there is none. */
const char *db_fixture_conninfo(void);

/* Another handle to the same database, with the given time for each unit; db_close it. */
struct db *db_fixture_another(int timeout_ms);

/* The first column of the first row of sql, a number, over a connection of its own: what others
 * see. Ends the process on an error. */
long long db_fixture_number(const char *sql);

/* Fails the test with the note of err unless good. */
#define assert_ok(good, err) db_fixture_assert((good), (err), #good, __FILE__, __LINE__)
void db_fixture_assert(bool good, const struct err *err, const char *what, const char *file,
                       int line);

/* All tests of the table, each in its own fixture. */
#define db_fixture_test(test)                                                                      \
    cmocka_unit_test_setup_teardown(test, db_fixture_open, db_fixture_close)
#define db_fixture_test_undone(test)                                                               \
    cmocka_unit_test_setup_teardown(test, db_fixture_begin, db_fixture_close)

#endif
