/* Migrations run once each, whoever runs them, and a schema that is not ours is refused. */
#include "db/migrate.h"

#include "base/embedded.h"
#include "db_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct bench {
    struct db *db;
    struct arena *mem;
    struct err err;
};

static int
empty_database(void **state)
{
    struct bench *b = must(calloc(1, sizeof *b));

    b->db = db_fixture_another(5000);
    b->mem = arena_new();
    *state = b;
    return db_run(b->db, "DROP SCHEMA public CASCADE; CREATE SCHEMA public", &b->err) ? 0 : -1;
}

static int
clean_up(void **state)
{
    struct bench *b = *state;

    db_close(b->db);
    arena_free(b->mem);
    free(b);
    return 0;
}

static int
count_carried(void)
{
    int n = 0;

    while (embedded_migrations[n].name != NULL)
        n++;
    return n;
}

#define RECORDED() db_fixture_number("SELECT count(*) FROM schema_migrations")

static void
an_empty_database_becomes_current_and_stays_so(void **state)
{
    struct bench *b = *state;
    int64_t version = -1;
    int ran = -1;

    assert_false(migrate_is_current(b->db, &version, b->mem, &b->err));
    assert_int_equal(b->err.code, ERR_NONE);
    assert_true(version == 0);
    assert_ok(migrate_up(b->db, &ran, b->mem, &b->err), &b->err);
    assert_int_equal(ran, count_carried());
    assert_ok(migrate_is_current(b->db, &version, b->mem, &b->err), &b->err);
    assert_true(version >= count_carried());
    assert_ok(migrate_up(b->db, &ran, b->mem, &b->err), &b->err);
    assert_int_equal(ran, 0);
    assert_int_equal(RECORDED(), count_carried());
    assert_false(db_in_transaction(b->db));
}

static void *
run_up(void *arg)
{
    int *ran = arg;
    struct db *db = db_fixture_another(5000);
    struct arena *mem = arena_new();
    struct err err = { 0 };

    if (!migrate_up(db, ran, mem, &err))
        *ran = -1000;
    arena_free(mem);
    db_close(db);
    return NULL;
}

static void
of_many_runners_at_once_each_migration_has_one(void **state)
{
    pthread_t threads[8];
    int ran[8] = { 0 }, sum = 0;

    (void)state;
    for (int i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_up, &ran[i]), 0);
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
        assert_true(ran[i] >= 0);
        sum += ran[i];
    }
    assert_int_equal(sum, count_carried());
    assert_int_equal(RECORDED(), count_carried());
}

/* After change, neither migrating nor asking takes the schema for ours. */
static void
assert_refused(struct bench *b, const char *change, const char *state_word, const char *note)
{
    struct err err = { 0 };
    struct list all;
    int64_t version;
    int ran;

    assert_ok(migrate_up(b->db, &ran, b->mem, &b->err), &b->err);
    assert_ok(db_run(b->db, change, &b->err), &b->err);
    assert_false(migrate_up(b->db, &ran, b->mem, &err));
    assert_int_equal(ran, 0);
    assert_int_equal(err.code, ERR_INTERNAL_ERROR);
    assert_non_null(strstr(err.note, note));
    assert_false(db_in_transaction(b->db));
    assert_false(migrate_is_current(b->db, &version, b->mem, &b->err));
    assert_ok(migrate_status(b->db, &all, b->mem, &b->err), &b->err);
    const struct migration *last = all.v[all.n - 1];
    assert_string_equal(last->state, state_word);
    assert_true(last->version == version);
}

static void
a_changed_migration_is_refused(void **state)
{
    assert_refused(*state,
                   "UPDATE schema_migrations SET checksum = sha256('other') WHERE version ="
                   " (SELECT max(version) FROM schema_migrations)",
                   "changed", "is not the one that was applied");
}

static void
a_newer_schema_is_refused(void **state)
{
    assert_refused(*state,
                   "INSERT INTO schema_migrations (version, name, checksum, took_ms)"
                   " VALUES (9000, '9000_later', '', 1)",
                   "unknown", "migration 9000_later is in the database");
}

static void
the_status_tells_pending_from_applied(void **state)
{
    struct bench *b = *state;
    struct list all;
    int ran;

    for (int round = 0; round < 2; round++) {
        assert_ok(migrate_status(b->db, &all, b->mem, &b->err), &b->err);
        assert_int_equal(all.n, count_carried());
        for (size_t i = 0; i < all.n; i++) {
            const struct migration *m = all.v[i];

            assert_string_equal(m->state, round == 0 ? "pending" : "applied");
            assert_true((m->applied_at > 1700000000000) == (round == 1));
            assert_int_equal(strncmp(embedded_migrations[i].name, m->name, strlen(m->name)), 0);
        }
        assert_ok(migrate_up(b->db, &ran, b->mem, &b->err), &b->err);
    }
}

static void
a_migration_that_fails_leaves_nothing_behind_and_is_named(void **state)
{
    struct bench *b = *state;
    struct err err = { 0 };
    int ran = -1;

    assert_ok(db_run(b->db, "CREATE TABLE agents (n integer)", &b->err), &b->err);
    assert_false(migrate_up(b->db, &ran, b->mem, &err));
    assert_int_equal(err.code, ERR_INTERNAL_ERROR);
    assert_int_equal(strncmp(err.note, "0001_registry: 42P07 ", 21), 0);
    assert_int_equal(ran, 0);
    assert_int_equal(db_fixture_number("SELECT count(*) FROM pg_class WHERE relnamespace ="
                                       " 'public'::regnamespace AND relkind = 'r'"),
                     1);
}

static struct db *
open_as(struct bench *b, const char *dbname, const char *user)
{
    struct db_options *options = ARENA_NEW(b->mem, struct db_options);

    *options = (struct db_options){ .conninfo = arena_printf(b->mem, "%s dbname=%s user=%s",
                                                             db_fixture_conninfo(), dbname, user),
                                    .name = "roster-test",
                                    .timeout_ms = 20000 };
    return db_open(options);
}

static void
run_as(struct bench *b, const char *dbname, const char *user, const char *sql)
{
    struct db *db = open_as(b, dbname, user);

    assert_ok(db_run(db, sql, &b->err), &b->err);
    db_close(db);
}

static void
assert_migrates_only_after(struct bench *b, const char *dbname, const char *user,
                           const char *advice)
{
    struct db *db = open_as(b, dbname, user);
    struct err err = { 0 };
    int ran;

    assert_false(migrate_up(db, &ran, b->mem, &err));
    if (strstr(err.note, advice) == NULL)
        fail_msg("%s", err.note);
    assert_int_equal(ran, 2);
    run_as(b, dbname, "postgres", advice);
    assert_ok(migrate_up(db, &ran, b->mem, &b->err), &b->err);
    db_close(db);
}

static void
who_may_not_make_the_roles_of_the_audit_log_is_told_what_to_do(void **state)
{
    struct bench *b = *state;

    run_as(b, "roster", "postgres", "DROP ROLE roster_audit_writer, roster_audit_keeper");
    assert_migrates_only_after(b, "roster", "roster", "ALTER ROLE roster CREATEROLE");
    run_as(b, "roster", "postgres", "CREATE ROLE poor LOGIN");
    run_as(b, "roster", "postgres", "CREATE DATABASE poor OWNER poor");
    assert_migrates_only_after(b, "poor", "poor",
                               "GRANT roster_audit_writer, roster_audit_keeper TO poor");
    run_as(b, "roster", "postgres", "DROP DATABASE poor");
    run_as(b, "roster", "postgres", "DROP ROLE poor");
}

static void *
run_up_in(void *arg)
{
    struct db *db = arg;
    struct arena *mem = arena_new();
    struct err err = { 0 };
    int ran;
    bool good = migrate_up(db, &ran, mem, &err);

    if (!good)
        print_error("%s\n", err.note);
    arena_free(mem);
    return good ? db : NULL;
}

static void
databases_of_one_cluster_may_make_the_roles_at_once(void **state)
{
    enum { DATABASES = 6 };
    struct bench *b = *state;
    pthread_t threads[DATABASES];
    struct db *dbs[DATABASES];

    run_as(b, "roster", "postgres",
           "ALTER ROLE roster CREATEROLE CREATEDB;"
           "DROP ROLE roster_audit_writer, roster_audit_keeper");
    for (int i = 0; i < DATABASES; i++) {
        run_as(b, "roster", "roster", arena_printf(b->mem, "CREATE DATABASE other%d", i));
        dbs[i] = open_as(b, arena_printf(b->mem, "other%d", i), "roster");
    }
    for (int i = 0; i < DATABASES; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_up_in, dbs[i]), 0);
    for (int i = 0; i < DATABASES; i++) {
        void *good;

        pthread_join(threads[i], &good);
        assert_non_null(good);
        db_close(dbs[i]);
        run_as(b, "roster", "roster", arena_printf(b->mem, "DROP DATABASE other%d", i));
    }
}

#define on_empty(test) cmocka_unit_test_setup_teardown(test, empty_database, clean_up)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        on_empty(an_empty_database_becomes_current_and_stays_so),
        on_empty(of_many_runners_at_once_each_migration_has_one),
        on_empty(a_changed_migration_is_refused),
        on_empty(a_newer_schema_is_refused),
        on_empty(the_status_tells_pending_from_applied),
        on_empty(a_migration_that_fails_leaves_nothing_behind_and_is_named),
        on_empty(who_may_not_make_the_roles_of_the_audit_log_is_told_what_to_do),
        on_empty(databases_of_one_cluster_may_make_the_roles_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
