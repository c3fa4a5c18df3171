/* A server that is stopped, gone or killed costs no more than the deadline, and no lost write is
 * told as one that did not happen. */
#include "../../src/db/db_priv.h"
#include "db_fixture.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct number {
    int64_t value;
};

static const struct db_col columns[] = { { INT_AT(struct number, value) } };
static const struct db_shape row = DB_SHAPE(struct number, columns);
static const struct stmt pid = { "pid", "SELECT pg_backend_pid()", &row };
static const struct stmt doze = { "doze", "SELECT 1 FROM pg_sleep($1)", &row };
static const struct stmt insert = { "insert", "INSERT INTO things (name) VALUES ($1)" };
static const struct stmt insert_deadly = { "insert_deadly", "INSERT INTO deadly VALUES (1)" };

enum { SLACK_MS = 400 }; /* of a busy machine */

static int
make_things(void **state)
{
    if (db_fixture_open(state) != 0)
        return -1;

    struct db_fixture *fx = *state;

    return db_run(fx->db,
                  "DROP TABLE IF EXISTS things, deadly;"
                  "CREATE TABLE things (name text);"
                  "CREATE TABLE deadly (n integer);"
                  "CREATE OR REPLACE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS"
                  " 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END';"
                  "CREATE CONSTRAINT TRIGGER deadly_dies AFTER INSERT ON deadly"
                  " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION die()",
                  &fx->err)
               ? 0
               : -1;
}

static int64_t
ask(struct db_tx *tx, const struct stmt *stmt, struct arena *mem)
{
    struct err err = { 0 };
    const struct number *n = db_one(tx, stmt, DB_NO_ARGS, mem, &err);

    assert_ok(n != NULL, &err);
    return n->value;
}

static pid_t
backend_of(struct db_fixture *fx)
{
    return (pid_t)ask(db_single(fx->db), &pid, fx->mem);
}

static bool
sleep_for(struct db_fixture *fx, struct db_tx *tx, const char *seconds, struct err *err)
{
    return db_one(tx, &doze, DB_ARGS(DB_TEXT(seconds)), fx->mem, err) != NULL;
}

static long
put(struct db_fixture *fx, struct db_tx *tx, struct err *err)
{
    return db_exec(tx, &insert, DB_ARGS(DB_TEXT("x")), fx->mem, err);
}

/* Ends the backend from outside and waits until it is gone. */
static void
terminate(pid_t backend)
{
    char sql[128];

    snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%d, 5000)::integer", (int)backend);
    assert_int_equal(db_fixture_number(sql), 1);
}

static bool
says_unknown(const struct err *err)
{
    return err->code == ERR_DATABASE_UNAVAILABLE && err->nfacts == 1 &&
           strcmp(err->facts[0].key, "outcome") == 0 && strcmp(err->facts[0].text, "unknown") == 0;
}

static void
a_long_statement_ends_at_the_deadline(void **state)
{
    struct db_fixture *fx = *state;
    struct err err = { 0 };
    int64_t start = clock_ms();

    db_deadline(fx->db, start + 200);
    assert_false(sleep_for(fx, db_single(fx->db), "20", &err));
    assert_in_range(clock_ms() - start, 190, 200 + SLACK_MS);
    assert_true(says_unknown(&err));
    assert_false(db_is_connected(fx->db));
    db_deadline(fx->db, clock_ms() + 5000);
    assert_true(backend_of(fx) > 0);
}

static void
nothing_is_sent_after_the_deadline(void **state)
{
    struct db_fixture *fx = *state;
    struct err err = { 0 };

    assert_true(backend_of(fx) > 0);
    db_deadline(fx->db, clock_ms() - 1);
    assert_int_equal(put(fx, db_single(fx->db), &err), -1);
    assert_int_equal(err.code, ERR_DATABASE_UNAVAILABLE);
    assert_int_equal(err.nfacts, 0);
    db_deadline(fx->db, 0);
    assert_int_equal(put(fx, db_single(fx->db), &fx->err), 1);
}

static void
each_unit_has_its_own_time_when_no_deadline_is_given(void **state)
{
    struct db_fixture *fx = *state;
    struct db *db = db_fixture_another(300);
    struct err err = { 0 };
    int64_t start;

    for (int i = 0; i < 3; i++)
        assert_non_null(db_one(db_single(db), &doze, DB_ARGS(DB_TEXT("0.15")), fx->mem, &fx->err));
    start = clock_ms();
    assert_null(db_one(db_single(db), &doze, DB_ARGS(DB_TEXT("20")), fx->mem, &err));
    assert_int_equal(err.code, ERR_DATABASE_UNAVAILABLE);
    assert_in_range(clock_ms() - start, 200, 300 + SLACK_MS);
    db_close(db);
}

static void
a_statement_of_an_abandoned_connection_ends_on_the_server_too(void **state)
{
    struct db_fixture *fx = *state;
    struct err err = { 0 };
    int64_t give_up = clock_ms() + 5000;

    db_deadline(fx->db, clock_ms() + 200);
    assert_false(sleep_for(fx, db_single(fx->db), "31", &err));
    while (db_fixture_number("SELECT count(*) FROM pg_stat_activity"
                             " WHERE query LIKE '%pg_sleep($1)%' AND state = 'active'"
                             " AND pid <> pg_backend_pid()") > 0) {
        assert_true(clock_ms() < give_up);
        usleep(50000);
    }
}

static void
a_stopped_backend_holds_nobody_past_the_deadline(void **state)
{
    struct db_fixture *fx = *state;
    struct err err = { 0 };
    pid_t backend = backend_of(fx);
    int64_t start = clock_ms();

    assert_int_equal(kill(backend, SIGSTOP), 0);
    db_deadline(fx->db, start + 300);
    assert_int_equal(put(fx, db_single(fx->db), &err), -1);
    assert_in_range(clock_ms() - start, 290, 300 + SLACK_MS);
    assert_true(says_unknown(&err));
    db_deadline(fx->db, 0);
    assert_int_not_equal(backend_of(fx), backend);
    kill(backend, SIGCONT);
}

static void
a_stopped_backend_makes_a_commit_unknown_in_time(void **state)
{
    struct db_fixture *fx = *state;
    struct err err = { 0 };
    pid_t backend = backend_of(fx);
    struct db_tx *tx = db_begin(fx->db, &fx->err);
    int64_t start = clock_ms();

    assert_int_equal(put(fx, tx, &fx->err), 1);
    assert_int_equal(kill(backend, SIGSTOP), 0);
    db_deadline(fx->db, start + 300);
    assert_false(db_commit(tx, &err));
    assert_in_range(clock_ms() - start, 290, 300 + SLACK_MS);
    assert_true(says_unknown(&err));
    assert_false(db_in_transaction(fx->db));
    kill(backend, SIGCONT);
}

static void
a_roll_back_does_not_wait_for_a_stopped_backend(void **state)
{
    struct db_fixture *fx = *state;
    pid_t backend = backend_of(fx);
    struct db_tx *tx = db_begin(fx->db, &fx->err);
    int64_t start = clock_ms();

    assert_int_equal(put(fx, tx, &fx->err), 1);
    assert_int_equal(kill(backend, SIGSTOP), 0);
    db_deadline(fx->db, start + 300);
    db_drop(tx);
    assert_in_range(clock_ms() - start, 290, 300 + SLACK_MS);
    assert_false(db_is_connected(fx->db));
    kill(backend, SIGCONT);
}

static void
an_idle_backend_that_was_terminated_is_replaced_unnoticed(void **state)
{
    struct db_fixture *fx = *state;

    for (int i = 0; i < 3; i++) {
        pid_t backend = backend_of(fx);

        assert_int_equal(put(fx, db_single(fx->db), &fx->err), 1);
        terminate(backend);
        assert_int_equal(put(fx, db_single(fx->db), &fx->err), 1);
        assert_int_not_equal(backend_of(fx), backend);
    }
    assert_int_equal(db_fixture_number("SELECT count(*) FROM things"), 6);
}

static void
a_transaction_starts_again_when_the_link_breaks_before_its_first_answer(void **state)
{
    struct db_fixture *fx = *state;
    pid_t backend = backend_of(fx);
    struct db_tx *tx = db_begin(fx->db, &fx->err);

    terminate(backend);
    assert_int_equal(put(fx, tx, &fx->err), 1);
    assert_ok(db_commit(tx, &fx->err), &fx->err);
    assert_int_equal(db_fixture_number("SELECT count(*) FROM things"), 1);
}

/* Ends a stopped backend a moment later, when a statement is on its way to it. */
static void *
terminate_soon(void *arg)
{
    pid_t backend = *(const pid_t *)arg;

    usleep(100000);
    kill(backend, SIGTERM);
    kill(backend, SIGCONT);
    return NULL;
}

static void
a_first_statement_that_was_on_its_way_runs_again_in_a_transaction_only(void **state)
{
    struct db_fixture *fx = *state;

    for (int round = 0; round < 2; round++) {
        struct err err = { 0 };
        pid_t backend = backend_of(fx);
        pthread_t thread;
        struct db_tx *tx = round == 0 ? db_begin(fx->db, &fx->err) : db_single(fx->db);

        assert_int_equal(kill(backend, SIGSTOP), 0);
        assert_int_equal(pthread_create(&thread, NULL, terminate_soon, &backend), 0);
        if (round == 0) {
            assert_int_equal(put(fx, tx, &err), 1);
            assert_ok(db_commit(tx, &err), &err);
        } else {
            assert_int_equal(put(fx, tx, &err), -1);
            assert_true(says_unknown(&err));
        }
        pthread_join(thread, NULL);
    }
    assert_int_equal(db_fixture_number("SELECT count(*) FROM things"), 1);
}

static void
a_transaction_whose_link_breaks_later_is_lost_for_certain(void **state)
{
    struct db_fixture *fx = *state;
    struct err statement = { 0 }, commit = { 0 };
    pid_t backend = backend_of(fx);
    struct db_tx *tx = db_begin(fx->db, &fx->err);

    assert_int_equal(put(fx, tx, &fx->err), 1);
    terminate(backend);
    assert_int_equal(put(fx, tx, &statement), -1);
    assert_int_equal(statement.code, ERR_DATABASE_UNAVAILABLE);
    assert_int_equal(statement.nfacts, 0);
    assert_false(db_commit(tx, &commit));
    assert_int_equal(commit.code, ERR_DATABASE_UNAVAILABLE);
    assert_int_equal(commit.nfacts, 0);
    db_drop(tx);
    assert_int_equal(put(fx, db_single(fx->db), &fx->err), 1);
    assert_int_equal(db_fixture_number("SELECT count(*) FROM things"), 1);
}

static void
a_link_seen_broken_before_commit_is_a_certain_failure(void **state)
{
    struct db_fixture *fx = *state;
    struct err err = { 0 };
    pid_t backend = backend_of(fx);
    struct db_tx *tx = db_begin(fx->db, &fx->err);

    assert_int_equal(put(fx, tx, &fx->err), 1);
    terminate(backend);
    assert_false(db_commit(tx, &err));
    assert_int_equal(err.code, ERR_DATABASE_UNAVAILABLE);
    assert_int_equal(err.nfacts, 0);
    assert_int_equal(db_fixture_number("SELECT count(*) FROM things"), 0);
}

static void
a_link_that_breaks_during_commit_leaves_the_outcome_unknown(void **state)
{
    struct db_fixture *fx = *state;
    struct err err = { 0 };
    struct db_tx *tx = db_begin(fx->db, &fx->err);

    assert_int_equal(db_exec(tx, &insert_deadly, DB_NO_ARGS, fx->mem, &fx->err), 1);
    assert_false(db_commit(tx, &err));
    assert_true(says_unknown(&err));
    assert_int_equal(strncmp(err.note, "57P01 ", 6), 0);
    assert_false(db_is_connected(fx->db));
    assert_false(db_in_transaction(fx->db));
}

static void
a_link_that_breaks_during_a_single_statement_leaves_its_outcome_unknown(void **state)
{
    struct db_fixture *fx = *state;
    struct err err = { 0 };

    assert_int_equal(db_exec(db_single(fx->db), &insert_deadly, DB_NO_ARGS, fx->mem, &err), -1);
    assert_true(says_unknown(&err));
    assert_int_equal(db_fixture_number("SELECT count(*) FROM deadly"), 0);
}

static void
a_large_statement_to_a_stopped_backend_does_not_block_either(void **state)
{
    struct db_fixture *fx = *state;
    struct err err = { 0 };
    pid_t backend = backend_of(fx);
    size_t n = 8 << 20;
    char *text = arena_alloc(fx->mem, n + 1);
    int64_t start;

    memset(text, 'x', n);
    assert_int_equal(db_exec(db_single(fx->db), &insert, DB_ARGS(DB_TEXT(text)), fx->mem, &fx->err),
                     1);
    assert_int_equal(kill(backend, SIGSTOP), 0);
    start = clock_ms();
    db_deadline(fx->db, start + 300);
    assert_int_equal(db_exec(db_single(fx->db), &insert, DB_ARGS(DB_TEXT(text)), fx->mem, &err),
                     -1);
    assert_in_range(clock_ms() - start, 290, 300 + SLACK_MS);
    assert_int_equal(err.code, ERR_DATABASE_UNAVAILABLE);
    kill(backend, SIGCONT);
}

static void
lock_waits_end_by_themselves_and_keep_the_connection(void **state)
{
    struct db_fixture *fx = *state;
    struct db *other = db_fixture_another(600);
    struct err err = { 0 };
    struct db_tx *tx = db_begin(fx->db, &fx->err);

    assert_ok(db_run(fx->db, "LOCK TABLE things IN ACCESS EXCLUSIVE MODE", &fx->err), &fx->err);
    assert_int_equal(db_exec(db_single(other), &insert, DB_ARGS(DB_TEXT("y")), fx->mem, &err), -1);
    assert_int_equal(err.code, ERR_DATABASE_UNAVAILABLE);
    assert_int_equal(err.nfacts, 0);
    assert_int_equal(strncmp(err.note, "55P03 insert: ", 14), 0);
    assert_true(db_is_connected(other));
    db_drop(tx);
    db_close(other);
}

/* --- connecting --- */

/* A socket that takes connections and never answers; returns its descriptor. */
static int
mute_server(char *dir)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_non_null(mkdtemp(dir));
    snprintf(at.sun_path, sizeof at.sun_path, "%s/.s.PGSQL.5432", dir);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 8), 0);
    return fd;
}

static void
connecting_to_a_mute_server_ends_in_time(void **state)
{
    char dir[] = "/tmp/rostermute.XXXXXX", conninfo[64], path[64];
    int fd = mute_server(dir);
    struct err err = { 0 };
    int64_t start = clock_ms();

    (void)state;
    snprintf(conninfo, sizeof conninfo, "host=%s", dir);
    struct db *db =
        db_open(&(struct db_options){ .conninfo = conninfo, .name = "test", .timeout_ms = 250 });
    assert_false(db_connect(db, &err));
    assert_int_equal(err.code, ERR_DATABASE_UNAVAILABLE);
    assert_in_range(clock_ms() - start, 240, 250 + SLACK_MS);
    db_close(db);
    close(fd);
    snprintf(path, sizeof path, "%s/.s.PGSQL.5432", dir);
    unlink(path);
    rmdir(dir);
}

static void
tries_again_only_after_growing_pauses(void **state)
{
    struct db *db = db_open(&(struct db_options){
        .conninfo = "host=/nonexistent", .name = "test", .timeout_ms = 1000 });
    int most = 0;

    (void)state;
    for (int i = 0; i < 8; i++) {
        struct err failed = { 0 }, paused = { 0 };

        assert_null(db_begin(db, &failed));
        assert_int_equal(strncmp(failed.note, "connect: ", 9), 0);
        assert_null(strchr(failed.note, '\n'));
        assert_true(db->pause_ms > most || db->pause_ms == 2000);
        assert_in_range(db->retry_at - clock_ms(), db->pause_ms / 2 - 50, db->pause_ms);
        most = db->pause_ms;
        assert_null(db_begin(db, &paused));
        assert_int_equal(paused.code, ERR_DATABASE_UNAVAILABLE);
        assert_string_equal(paused.note, "waiting before the next connect");
        db->retry_at = 0; /* as if the pause were over */
    }
    assert_int_equal(most, 2000);
    db_close(db);
}

static void
a_pause_ends_when_another_handle_of_the_server_has_connected(void **state)
{
    static _Atomic int64_t reached;
    struct db_options options = {
        .conninfo = "host=/nonexistent", .name = "test", .timeout_ms = 1000, .reached = &reached
    };
    struct db *away = db_open(&options);
    struct err failed = { 0 }, paused = { 0 }, again = { 0 }, err = { 0 };

    (void)state;
    assert_false(db_connect(away, &failed));
    assert_false(db_connect(away, &paused));
    assert_string_equal(paused.note, "waiting before the next connect");

    options.conninfo = db_fixture_conninfo();
    struct db *back = db_open(&options);
    while (clock_ms() == away->tried_at)
        continue;
    assert_true(db_connect(back, &err));
    away->retry_at = clock_ms() + 60000;
    assert_false(db_connect(away, &again));
    assert_int_equal(strncmp(again.note, "connect: ", 9), 0);
    db_close(away);
    db_close(back);
}

static void
a_malformed_connection_string_does_not_show_its_password(void **state)
{
    struct db *db = db_open(&(struct db_options){
        .conninfo = "host=x password='swordfish", .name = "test", .timeout_ms = 1000 });
    struct err err = { 0 };

    (void)state;
    assert_false(db_connect(db, &err));
    assert_int_equal(err.code, ERR_DATABASE_UNAVAILABLE);
    assert_null(strstr(err.note, "swordfish"));
    db_close(db);
}

static void
the_session_has_our_name_and_the_operators_options(void **state)
{
    struct db_fixture *fx = *state;
    char conninfo[256];

    snprintf(conninfo, sizeof conninfo, "%s options='-c lock_timeout=77'", db_fixture_conninfo());
    struct db *db = db_open(&(struct db_options){
        .conninfo = conninfo, .name = "roster worker 1", .timeout_ms = 1000 });
    static const struct stmt settings = {
        "settings",
        "SELECT (current_setting('lock_timeout') = '77ms'"
        " AND current_setting('statement_timeout') = '900ms'"
        " AND current_setting('application_name') = 'roster worker 1'"
        " AND current_setting('client_encoding') = 'UTF8'"
        " AND current_setting('timezone') = 'UTC'"
        " AND current_setting('max_parallel_workers_per_gather') = '0'"
        " AND current_setting('jit') = 'off')::integer",
        &row,
    };

    assert_int_equal(ask(db_single(db), &settings, fx->mem), 1);
    db_close(db);
}

/* --- notifications --- */

static void
a_notification_ends_the_wait(void **state)
{
    struct db_fixture *fx = *state;
    int64_t start = clock_ms();

    assert_ok(db_run(fx->db, "LISTEN hints", &fx->err), &fx->err);
    assert_false(db_wait_notify(fx->db, start + 100, -1));
    assert_in_range(clock_ms() - start, 95, 100 + SLACK_MS);

    struct db *other = db_fixture_another(5000);
    assert_ok(db_run(other, "NOTIFY hints, 'a'; NOTIFY hints, 'b'", &fx->err), &fx->err);
    db_close(other);
    assert_true(db_wait_notify(fx->db, clock_ms() + 5000, -1));
    assert_false(db_wait_notify(fx->db, clock_ms() + 50, -1));
}

static void
another_descriptor_or_a_lost_link_ends_the_wait(void **state)
{
    struct db_fixture *fx = *state;
    pid_t backend = backend_of(fx);
    int64_t start = clock_ms();
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_false(db_wait_notify(fx->db, start + 5000, ends[0]));
    assert_true(db_is_connected(fx->db));
    terminate(backend);
    assert_false(db_wait_notify(fx->db, start + 5000, -1));
    assert_false(db_is_connected(fx->db));
    assert_true(clock_ms() < start + 4000);
    close(ends[0]);
    close(ends[1]);
}

#define with_things(test) cmocka_unit_test_setup_teardown(test, make_things, db_fixture_close)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        db_fixture_test(a_long_statement_ends_at_the_deadline),
        with_things(nothing_is_sent_after_the_deadline),
        db_fixture_test(each_unit_has_its_own_time_when_no_deadline_is_given),
        db_fixture_test(a_statement_of_an_abandoned_connection_ends_on_the_server_too),
        with_things(a_stopped_backend_holds_nobody_past_the_deadline),
        with_things(a_stopped_backend_makes_a_commit_unknown_in_time),
        with_things(a_roll_back_does_not_wait_for_a_stopped_backend),
        with_things(an_idle_backend_that_was_terminated_is_replaced_unnoticed),
        with_things(a_transaction_starts_again_when_the_link_breaks_before_its_first_answer),
        with_things(a_first_statement_that_was_on_its_way_runs_again_in_a_transaction_only),
        with_things(a_transaction_whose_link_breaks_later_is_lost_for_certain),
        with_things(a_link_seen_broken_before_commit_is_a_certain_failure),
        with_things(a_link_that_breaks_during_commit_leaves_the_outcome_unknown),
        with_things(a_link_that_breaks_during_a_single_statement_leaves_its_outcome_unknown),
        with_things(a_large_statement_to_a_stopped_backend_does_not_block_either),
        with_things(lock_waits_end_by_themselves_and_keep_the_connection),
        cmocka_unit_test(connecting_to_a_mute_server_ends_in_time),
        cmocka_unit_test(tries_again_only_after_growing_pauses),
        cmocka_unit_test(a_pause_ends_when_another_handle_of_the_server_has_connected),
        cmocka_unit_test(a_malformed_connection_string_does_not_show_its_password),
        db_fixture_test(the_session_has_our_name_and_the_operators_options),
        db_fixture_test(a_notification_ends_the_wait),
        db_fixture_test(another_descriptor_or_a_lost_link_ends_the_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
