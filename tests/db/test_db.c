/* Values, errors and transactions against a real PostgreSQL. */
#include "../../src/db/db_priv.h"
#include "db_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

struct sample {
    const char *text, *json;
    struct texts texts;
    bool flag;
    int64_t number, at;
    int word;
    struct uuid uuid;
    struct bytes bytes;
};

static const struct db_col columns[] = {
    { TEXT_AT(struct sample, text) },   { JSON_AT(struct sample, json) },
    { TEXTS_AT(struct sample, texts) }, { BOOL_AT(struct sample, flag) },
    { INT_AT(struct sample, number) },  { TIME_AT(struct sample, at) },
    { ENUM_AT(struct sample, word) },   { UUID_AT(struct sample, uuid) },
    { BYTES_AT(struct sample, bytes) },
};
static const struct db_shape row = DB_SHAPE(struct sample, columns);
static const struct db_shape text_row = { sizeof(struct sample), columns, 1 };

static const struct db_col number_columns[] = { { INT_AT(struct sample, number) } };
static const struct db_shape number_row = DB_SHAPE(struct sample, number_columns);

static const struct stmt echo = {
    "echo",
    "SELECT $1::text, $2::json, $3::text[], $4::boolean, $5::bigint, ms($6::timestamptz),"
    " $7::smallint, $8::uuid, $9::bytea",
    &row,
};
static const struct db_col each_columns[] = {
    { TEXT_AT(struct sample, text) }, { TEXTS_AT(struct sample, texts) },
    { BOOL_AT(struct sample, flag) }, { INT_AT(struct sample, number) },
    { TIME_AT(struct sample, at) },   { BYTES_AT(struct sample, bytes) },
};
static const struct db_shape each_row = DB_SHAPE(struct sample, each_columns);
static const struct stmt each = {
    "each",
    "SELECT a, b::text[], c::boolean, d::bigint, ms(e::timestamptz), f::bytea"
    " FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])"
    " WITH ORDINALITY AS t (a, b, c, d, e, f, n) ORDER BY n",
    &each_row,
};
static const struct stmt nulls = {
    "nulls",
    "SELECT NULL::text, NULL::json, NULL::text[], NULL::boolean, NULL::bigint, NULL::bigint,"
    " NULL::smallint, NULL::uuid, NULL::bytea",
    &row,
};
static const struct stmt ids = {
    "ids", "SELECT u::text FROM unnest($1::uuid[]) WITH ORDINALITY AS t (u, n) ORDER BY n",
    &text_row
};
static const struct stmt numbers = {
    "numbers", "SELECT i FROM unnest($1::bigint[]) WITH ORDINALITY AS t (i, n) ORDER BY n",
    &number_row
};

static const struct db_clash clashes[] = {
    { "other_key", ERR_NOT_FOUND, NULL },
    { "things_name_key", ERR_CONNECTION_EXISTS, "name" },
    DB_CLASH_END,
};
static const struct stmt insert = { "things_insert", "INSERT INTO things (name) VALUES ($1)", NULL,
                                    clashes };
static const struct stmt insert_plainly = { "things_insert_plainly",
                                            "INSERT INTO things (name) VALUES ($1)" };
static const struct stmt insert_late = {
    "late_insert", "INSERT INTO late_things (name) VALUES ($1)", NULL,
    (const struct db_clash[]){ { "late_things_name_key", ERR_CONNECTION_EXISTS, "name" },
                               DB_CLASH_END }
};
static const struct stmt find = { "things_find", "SELECT name FROM things WHERE name = $1",
                                  &text_row };
static const struct stmt rename_all = { "things_rename", "UPDATE things SET name = name || $1" };

static int
make_things(void **state)
{
    if (db_fixture_open(state) != 0)
        return -1;

    struct db_fixture *fx = *state;

    return db_run(fx->db,
                  "DROP TABLE IF EXISTS things, late_things;"
                  "CREATE TABLE things (name text, CONSTRAINT things_name_key UNIQUE (name),"
                  " CONSTRAINT things_name_ok CHECK (name <> 'bad'));"
                  "CREATE TABLE late_things (name text, CONSTRAINT late_things_name_key UNIQUE"
                  " (name) DEFERRABLE INITIALLY DEFERRED)",
                  &fx->err)
               ? 0
               : -1;
}

static long
put(struct db_fixture *fx, struct db_tx *tx, const char *name, struct err *err)
{
    return db_exec(tx, &insert, DB_ARGS(DB_TEXT(name)), fx->mem, err);
}

#define THINGS() db_fixture_number("SELECT count(*) FROM things")

static void
assert_texts(const struct texts *got, const char *const *want, size_t n)
{
    assert_int_equal(got->n, n);
    for (size_t i = 0; i < n; i++) {
        if (want[i] == NULL)
            assert_null(got->v[i]);
        else
            assert_string_equal(got->v[i], want[i]);
    }
}

static void
values_come_back_as_they_went(void **state)
{
    static const char *const texts[] = {
        "",
        "plain",
        "it's \"quoted\"",
        "back\\slash \\x41 \\",
        "{a,b}",
        "NULL",
        "line\nfeed\ttab\r",
        "h\xc3\xa9llo \xe2\x82\xac \xf0\x9f\x98\x80",
        "$1; DROP TABLE things --",
    };
    static const unsigned char raw[] = { 0, 1, 127, 128, 255, '\\', '\'' };
    struct db_fixture *fx = *state;
    const char *list[COUNT(texts) + 1] = { NULL };
    struct texts in = { list, COUNT(list) };
    struct uuid uuid = ids_uuid_new();

    memcpy(list + 1, texts, sizeof texts);
    for (size_t i = 0; i < COUNT(texts); i++) {
        const struct sample *got =
            db_one(db_single(fx->db), &echo,
                   DB_ARGS(DB_TEXT(texts[i]), DB_TEXT("{\"a\": [1, \"\\\\\"]}"), DB_TEXTS(&in),
                           DB_BOOL(true), DB_INT(INT64_MIN + (int64_t)i), DB_TIME(1700000000123),
                           DB_INT(-32768), DB_UUID(&uuid), DB_BYTES(((struct bytes){ raw, 7 }))),
                   fx->mem, &fx->err);

        assert_ok(got != NULL, &fx->err);
        assert_string_equal(got->text, texts[i]);
        assert_string_equal(got->json, "{\"a\": [1, \"\\\\\"]}");
        assert_texts(&got->texts, list, COUNT(list));
        assert_true(got->flag);
        assert_true(got->number == INT64_MIN + (int64_t)i);
        assert_true(got->at == 1700000000123);
        assert_int_equal(got->word, -32768);
        assert_memory_equal(&got->uuid, &uuid, sizeof uuid);
        assert_int_equal(got->bytes.n, 7);
        assert_memory_equal(got->bytes.v, raw, 7);
    }
}

static void
empty_values_stay_empty_and_nulls_null(void **state)
{
    struct db_fixture *fx = *state;
    struct texts none = { NULL, 0 };
    struct uuid zero = { { 0 } };
    const struct sample *empty =
        db_one(db_single(fx->db), &echo,
               DB_ARGS(DB_TEXT(""), DB_TEXT("\"\""), DB_TEXTS(&none), DB_BOOL(false), DB_INT(0),
                       DB_TIME(1), DB_INT(0), DB_UUID(&zero),
                       DB_BYTES(((struct bytes){ (const unsigned char *)"", 0 }))),
               fx->mem, &fx->err);
    const struct sample *sent =
        db_one(db_single(fx->db), &echo,
               DB_ARGS(DB_TEXT(NULL), DB_TEXT(NULL), DB_TEXTS(NULL), DB_BOOL(false), DB_INT(7),
                       DB_TIME(0), DB_INT(0), DB_UUID(NULL), DB_BYTES(((struct bytes){ NULL, 0 }))),
               fx->mem, &fx->err);
    const struct sample *read = db_one(db_single(fx->db), &nulls, DB_NO_ARGS, fx->mem, &fx->err);
    static const struct sample blank;

    assert_ok(empty != NULL && sent != NULL && read != NULL, &fx->err);
    assert_string_equal(empty->text, "");
    assert_string_equal(empty->json, "\"\"");
    assert_int_equal(empty->texts.n, 0);
    assert_true(empty->at == 1);
    assert_non_null(empty->bytes.v);
    assert_int_equal(empty->bytes.n, 0);
    assert_null(sent->text);
    assert_null(sent->json);
    assert_null(sent->bytes.v);
    assert_true(sent->at == 0 && sent->number == 7);
    assert_memory_equal(read, &blank, sizeof blank);
}

static void
lists_of_ids_and_numbers_arrive_in_order(void **state)
{
    struct db_fixture *fx = *state;
    struct uuid in[3] = { ids_uuid_new(), ids_uuid_new(), ids_uuid_new() };
    const int64_t n[] = { 5, -1, INT64_MAX, INT64_MIN, 0 };
    struct list rows;
    char text[UUID_TEXT_SIZE];

    assert_ok(db_all(db_single(fx->db), &ids, DB_ARGS(DB_UUIDS(in, 3)), fx->mem, &rows, &fx->err),
              &fx->err);
    assert_int_equal(rows.n, 3);
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(((struct sample *)rows.v[i])->text, ids_uuid_text(&in[i], text));
    assert_ok(db_all(db_single(fx->db), &numbers, DB_ARGS(DB_INTS(n, 5)), fx->mem, &rows, &fx->err),
              &fx->err);
    assert_int_equal(rows.n, 5);
    for (size_t i = 0; i < 5; i++)
        assert_true(((struct sample *)rows.v[i])->number == n[i]);
    assert_ok(db_all(db_single(fx->db), &ids, DB_ARGS(DB_UUIDS(NULL, 0)), fx->mem, &rows, &fx->err),
              &fx->err);
    assert_int_equal(rows.n, 0);
}

static void
many_rows_of_arguments_give_a_row_each_in_their_order(void **state)
{
    struct db_fixture *fx = *state;
    const char *words[] = { "a \"b\"", NULL, "{c,\\d}" };
    struct texts some = { words, COUNT(words) }, none = { NULL, 0 };
    unsigned char bytes[] = { 0, 1, 255 };
    struct arena *other = arena_new();
    struct db_each rows[] = {
        { DB_ARGS(DB_TEXT("z"), DB_TEXTS(&some), DB_BOOL(true), DB_INT(-7), DB_TIME(1500),
                  DB_BYTES(((struct bytes){ bytes, 3 }))),
          fx->mem, NULL },
        { DB_ARGS(DB_TEXT(NULL), DB_TEXTS(&none), DB_BOOL(false), DB_INT(INT64_MIN), DB_TIME(0),
                  DB_BYTES(((struct bytes){ bytes, 0 }))),
          other, NULL },
        { DB_ARGS(DB_TEXT("NULL"), DB_TEXTS(NULL), DB_BOOL(false), DB_INT(0), DB_TIME(0),
                  DB_BYTES(((struct bytes){ NULL, 0 }))),
          fx->mem, NULL },
    };

    assert_ok(db_each(db_single(fx->db), &each, rows, COUNT(rows), fx->mem, &fx->err), &fx->err);
    const struct sample *first = rows[0].row, *second = rows[1].row, *third = rows[2].row;

    assert_string_equal(first->text, "z");
    assert_int_equal(first->texts.n, 3);
    assert_string_equal(first->texts.v[0], words[0]);
    assert_null(first->texts.v[1]);
    assert_string_equal(first->texts.v[2], words[2]);
    assert_true(first->flag && first->number == -7 && first->at == 1500);
    assert_int_equal(first->bytes.n, 3);
    assert_memory_equal(first->bytes.v, bytes, 3);
    assert_null(second->text);
    assert_true(second->texts.n == 0 && !second->flag && second->number == INT64_MIN);
    assert_true(second->at == 0 && second->bytes.v != NULL && second->bytes.n == 0);
    assert_string_equal(third->text, "NULL");
    assert_true(third->number == 0 && third->bytes.v == NULL);
    arena_free(other);
}

static void
no_row_is_null_without_an_error_and_exec_counts_rows(void **state)
{
    struct db_fixture *fx = *state;
    struct db_tx *single = db_single(fx->db);

    assert_null(db_one(single, &find, DB_ARGS(DB_TEXT("x")), fx->mem, &fx->err));
    assert_int_equal(fx->err.code, ERR_NONE);
    assert_int_equal(put(fx, single, "x", &fx->err), 1);
    assert_int_equal(put(fx, single, "y", &fx->err), 1);
    assert_int_equal(db_exec(single, &rename_all, DB_ARGS(DB_TEXT("z")), fx->mem, &fx->err), 2);
    const struct sample *got = db_one(single, &find, DB_ARGS(DB_TEXT("xz")), fx->mem, &fx->err);
    assert_ok(got != NULL, &fx->err);
    assert_string_equal(got->text, "xz");
}

static void
a_broken_constraint_is_the_error_of_the_clash_table(void **state)
{
    struct db_fixture *fx = *state;
    struct db_tx *single = db_single(fx->db);
    struct err clash = { 0 }, unlisted = { 0 }, plain = { 0 };

    assert_int_equal(put(fx, single, "x", &fx->err), 1);
    assert_int_equal(put(fx, single, "x", &clash), -1);
    assert_int_equal(clash.code, ERR_CONNECTION_EXISTS);
    assert_string_equal(clash.field, "name");
    assert_int_equal(strncmp(clash.note, "23505 things_insert: duplicate key", 34), 0);
    assert_null(strchr(clash.note, '\n'));
    assert_int_equal(put(fx, single, "bad", &unlisted), -1);
    assert_int_equal(unlisted.code, ERR_INTERNAL_ERROR);
    assert_int_equal(db_exec(single, &insert_plainly, DB_ARGS(DB_TEXT("x")), fx->mem, &plain), -1);
    assert_int_equal(plain.code, ERR_INTERNAL_ERROR);
    assert_int_equal(THINGS(), 1);
}

static void
a_constraint_checked_at_commit_still_fails_a_single_statement(void **state)
{
    struct db_fixture *fx = *state;
    struct err err = { 0 };

    assert_int_equal(
        db_exec(db_single(fx->db), &insert_late, DB_ARGS(DB_TEXT("x")), fx->mem, &fx->err), 1);
    assert_int_equal(db_exec(db_single(fx->db), &insert_late, DB_ARGS(DB_TEXT("x")), fx->mem, &err),
                     -1);
    assert_int_equal(err.code, ERR_CONNECTION_EXISTS);
    assert_int_equal(db_fixture_number("SELECT count(*) FROM late_things"), 1);
    /* The connection is in step afterwards. */
    assert_int_equal(put(fx, db_single(fx->db), "y", &fx->err), 1);
}

static void
bad_input_is_the_clients_fault(void **state)
{
    static const struct {
        struct stmt stmt;
        const char *text;
    } cases[] = {
        { { "as_json", "SELECT ($1::jsonb)::text", &text_row }, "\"\\u0000\"" },
        { { "as_uuid", "SELECT ($1::uuid)::text", &text_row }, "none" },
        { { "as_text", "SELECT $1::text", &text_row }, "\xff\xfe" },
    };
    struct db_fixture *fx = *state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct err err = { 0 };

        assert_null(db_one(db_single(fx->db), &cases[i].stmt, DB_ARGS(DB_TEXT(cases[i].text)),
                           fx->mem, &err));
        assert_int_equal(err.code, ERR_VALIDATION_ERROR);
    }
}

static void
wrong_sql_is_our_fault_and_can_be_tried_again(void **state)
{
    static const struct stmt wrong = { "wrong", "SELECT FROM WHERE" };
    struct db_fixture *fx = *state;

    for (int i = 0; i < 2; i++) {
        struct err err = { 0 };

        assert_int_equal(db_exec(db_single(fx->db), &wrong, DB_NO_ARGS, fx->mem, &err), -1);
        assert_int_equal(err.code, ERR_INTERNAL_ERROR);
        assert_int_equal(strncmp(err.note, "42601 wrong: ", 13), 0);
    }
    assert_true(db_is_connected(fx->db));
}

static void
statements_are_described(void **state)
{
    struct db_fixture *fx = *state;
    int nparams = -1, ncols = -1;

    assert_ok(db_describe(fx->db, &echo, &nparams, &ncols, &fx->err), &fx->err);
    assert_int_equal(nparams, 9);
    assert_int_equal(ncols, 9);
    assert_ok(db_describe(fx->db, &insert, &nparams, &ncols, &fx->err), &fx->err);
    assert_int_equal(nparams, 1);
    assert_int_equal(ncols, 0);
}

static void
others_see_a_transaction_only_after_its_commit(void **state)
{
    struct db_fixture *fx = *state;
    struct db_tx *tx = db_begin(fx->db, &fx->err);

    assert_ok(tx != NULL, &fx->err);
    assert_true(db_in_transaction(fx->db));
    assert_int_equal(put(fx, tx, "x", &fx->err), 1);
    assert_int_equal(THINGS(), 0);
    assert_ok(db_commit(tx, &fx->err), &fx->err);
    assert_false(db_in_transaction(fx->db));
    assert_int_equal(THINGS(), 1);
    db_drop(tx);
    assert_int_equal(THINGS(), 1);
}

static bool
put_and_forget(struct db_fixture *fx)
{
    struct db_tx *tx DB_SCOPED = db_begin(fx->db, &fx->err);

    return tx != NULL && put(fx, tx, "x", &fx->err) == 1;
}

static void
leaving_the_scope_without_commit_rolls_back(void **state)
{
    struct db_fixture *fx = *state;

    assert_true(put_and_forget(fx));
    assert_false(db_in_transaction(fx->db));
    assert_int_equal(put(fx, db_single(fx->db), "y", &fx->err), 1);
    assert_int_equal(THINGS(), 1);
}

static void
an_inner_transaction_is_part_of_the_outer_one(void **state)
{
    struct db_fixture *fx = *state;
    struct db_tx *outer = db_begin(fx->db, &fx->err);
    struct db_tx *inner = db_begin(fx->db, &fx->err);

    assert_int_equal(put(fx, inner, "x", &fx->err), 1);
    assert_ok(db_commit(inner, &fx->err), &fx->err);
    db_drop(inner);
    assert_int_equal(THINGS(), 0);
    assert_int_equal(put(fx, outer, "y", &fx->err), 1);
    assert_ok(db_commit(outer, &fx->err), &fx->err);
    assert_int_equal(THINGS(), 2);
}

static void
an_inner_drop_dooms_the_outer_transaction(void **state)
{
    struct db_fixture *fx = *state;
    struct db_tx *outer = db_begin(fx->db, &fx->err);
    struct err late = { 0 }, commit = { 0 };

    assert_int_equal(put(fx, outer, "x", &fx->err), 1);
    struct db_tx *inner = db_begin(fx->db, &fx->err);
    assert_int_equal(put(fx, inner, "y", &fx->err), 1);
    db_drop(inner);
    assert_int_equal(put(fx, outer, "z", &late), -1);
    assert_false(db_commit(outer, &commit));
    assert_int_equal(commit.code, ERR_INTERNAL_ERROR);
    db_drop(outer);
    assert_false(db_in_transaction(fx->db));
    assert_int_equal(THINGS(), 0);
}

static void
a_failed_transaction_is_never_a_commit(void **state)
{
    struct db_fixture *fx = *state;
    struct db_tx *tx = db_begin(fx->db, &fx->err);
    struct err clash = { 0 }, commit = { 0 };

    assert_int_equal(put(fx, tx, "x", &fx->err), 1);
    assert_int_equal(put(fx, tx, "x", &clash), -1);
    assert_false(db_commit(tx, &commit));
    assert_int_equal(commit.code, ERR_INTERNAL_ERROR);
    assert_int_equal(commit.nfacts, 0);
    db_drop(tx);
    assert_int_equal(THINGS(), 0);
}

static void
a_commit_that_the_server_answers_with_rollback_is_a_failure(void **state)
{
    struct db_fixture *fx = *state;
    struct db_tx *tx = db_begin(fx->db, &fx->err);
    struct err clash = { 0 }, commit = { 0 };

    assert_int_equal(put(fx, tx, "x", &fx->err), 1);
    assert_int_equal(put(fx, tx, "x", &clash), -1);
    fx->db->doomed = false; /* as if the handle had not seen it */
    assert_false(db_commit(tx, &commit));
    assert_int_equal(commit.code, ERR_INTERNAL_ERROR);
    assert_string_equal(commit.note, "COMMIT was answered with ROLLBACK");
    assert_int_equal(THINGS(), 0);
}

static void
a_constraint_checked_at_commit_fails_the_commit_for_certain(void **state)
{
    struct db_fixture *fx = *state;
    struct db_tx *tx = db_begin(fx->db, &fx->err);
    struct err err = { 0 };

    for (int i = 0; i < 2; i++)
        assert_int_equal(db_exec(tx, &insert_late, DB_ARGS(DB_TEXT("x")), fx->mem, &fx->err), 1);
    assert_false(db_commit(tx, &err));
    assert_int_equal(err.code, ERR_INTERNAL_ERROR);
    assert_int_equal(err.nfacts, 0);
    assert_int_equal(db_fixture_number("SELECT count(*) FROM late_things"), 0);
}

static char order[8];

static void
note(void *arg)
{
    strcat(order, arg);
}

static void
what_waits_for_the_commit_runs_in_order_and_only_after_it(void **state)
{
    struct db_fixture *fx = *state;
    char a[] = "a", b[] = "b", c[] = "c";

    order[0] = '\0';
    struct db_tx *outer = db_begin(fx->db, &fx->err);
    db_after_commit(outer, note, a);
    struct db_tx *inner = db_begin(fx->db, &fx->err);
    db_after_commit(inner, note, b);
    assert_int_equal(put(fx, inner, "x", &fx->err), 1);
    assert_ok(db_commit(inner, &fx->err), &fx->err);
    db_after_commit(outer, note, c);
    assert_string_equal(order, "");
    assert_ok(db_commit(outer, &fx->err), &fx->err);
    assert_string_equal(order, "abc");
    db_after_commit(db_single(fx->db), note, a);
    assert_string_equal(order, "abca");
}

static void
what_waits_for_the_commit_is_forgotten_with_the_transaction(void **state)
{
    struct db_fixture *fx = *state;
    char a[] = "a";
    struct err err = { 0 };

    order[0] = '\0';
    struct db_tx *tx = db_begin(fx->db, &fx->err);
    db_after_commit(tx, note, a);
    assert_int_equal(put(fx, tx, "x", &fx->err), 1);
    db_drop(tx);
    tx = db_begin(fx->db, &fx->err);
    db_after_commit(tx, note, a);
    for (int i = 0; i < 2; i++)
        assert_int_equal(db_exec(tx, &insert_late, DB_ARGS(DB_TEXT("x")), fx->mem, &fx->err), 1);
    assert_false(db_commit(tx, &err));
    tx = db_begin(fx->db, &fx->err);
    assert_int_equal(put(fx, tx, "y", &fx->err), 1);
    assert_ok(db_commit(tx, &fx->err), &fx->err);
    assert_string_equal(order, "");
}

static void
an_empty_transaction_commits(void **state)
{
    struct db_fixture *fx = *state;
    struct db_tx *tx = db_begin(fx->db, &fx->err);
    char a[] = "a";

    order[0] = '\0';
    db_after_commit(tx, note, a);
    assert_ok(db_commit(tx, &fx->err), &fx->err);
    assert_string_equal(order, "a");
    tx = db_begin(fx->db, &fx->err);
    db_drop(tx);
    assert_false(db_in_transaction(fx->db));
}

#define with_things(test) cmocka_unit_test_setup_teardown(test, make_things, db_fixture_close)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        db_fixture_test(values_come_back_as_they_went),
        db_fixture_test(empty_values_stay_empty_and_nulls_null),
        db_fixture_test(lists_of_ids_and_numbers_arrive_in_order),
        db_fixture_test(many_rows_of_arguments_give_a_row_each_in_their_order),
        with_things(no_row_is_null_without_an_error_and_exec_counts_rows),
        with_things(a_broken_constraint_is_the_error_of_the_clash_table),
        with_things(a_constraint_checked_at_commit_still_fails_a_single_statement),
        db_fixture_test(bad_input_is_the_clients_fault),
        db_fixture_test(wrong_sql_is_our_fault_and_can_be_tried_again),
        with_things(statements_are_described),
        with_things(others_see_a_transaction_only_after_its_commit),
        with_things(leaving_the_scope_without_commit_rolls_back),
        with_things(an_inner_transaction_is_part_of_the_outer_one),
        with_things(an_inner_drop_dooms_the_outer_transaction),
        with_things(a_failed_transaction_is_never_a_commit),
        with_things(a_commit_that_the_server_answers_with_rollback_is_a_failure),
        with_things(a_constraint_checked_at_commit_fails_the_commit_for_certain),
        with_things(what_waits_for_the_commit_runs_in_order_and_only_after_it),
        with_things(what_waits_for_the_commit_is_forgotten_with_the_transaction),
        with_things(an_empty_transaction_commits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
