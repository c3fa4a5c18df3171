/* The handle, its transactions, and the statements of the stores. */
#include "db_priv.h"

#include "base/clock.h"
#include "db/copy.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const char begin_sql[] = "BEGIN ISOLATION LEVEL READ COMMITTED";

struct db *
db_open(const struct db_options *options)
{
    struct db *db = must(calloc(1, sizeof *db));

    assert(options->timeout_ms > 0);
    db->options = *options;
    db->single.db = db;
    return db;
}

void
db_close(struct db *db)
{
    if (db == NULL)
        return;
    assert(db->depth == 0);
    db_wire_drop(db);
    free(db);
}

void
db_deadline(struct db *db, int64_t until_ms)
{
    db->until = until_ms;
}

bool
db_is_connected(const struct db *db)
{
    return db->conn != NULL;
}

bool
db_in_transaction(const struct db *db)
{
    return db->depth > 0;
}

struct db_tx *
db_single(struct db *db)
{
    return &db->single;
}

static bool
refuse_doomed(const struct db *db, struct err *err)
{
    if (db->lost)
        return err_fault(err, ERR_DATABASE_UNAVAILABLE, "the link of this transaction is lost");
    return err_fault(err, ERR_INTERNAL_ERROR, "a part of this transaction has failed before");
}

/* Makes the connection ready for what comes next: at the start of a unit a dead one is replaced;
 * within a transaction it stands, or the transaction is lost. */
static bool
make_ready(struct db *db, struct err *err)
{
    if (db->depth == 0)
        db_wire_begin_unit(db);
    if (db->doomed)
        return refuse_doomed(db, err);
    if (db->depth > 0 && db->begun)
        return true;
    return db_wire_is_alive(db) || db_wire_connect(db, err);
}

bool
db_connect(struct db *db, struct err *err)
{
    return make_ready(db, err);
}

struct db_tx *
db_begin(struct db *db, struct err *err)
{
    assert(db->depth < DB_DEPTH_MAX);
    if (!make_ready(db, err))
        return NULL;

    struct db_tx *tx = &db->levels[db->depth++];

    *tx = (struct db_tx){ db, true };
    return tx;
}

static void
leave_transaction(struct db *db)
{
    db->depth = 0;
    db->begun = db->doomed = db->lost = false;
}

static void
roll_back(struct db *db)
{
    struct db_step step = { .kind = DB_STEP_TEXT, .sql = "ROLLBACK" };
    struct db_reply reply = { 0 };

    /* A connection that cannot roll back in time is closed, which rolls back too. */
    if (db->begun && db->conn != NULL && db_steps_run(db, &step, 1, &reply) != DB_END_OK)
        db_wire_drop(db);
    db_steps_clear(&step, 1, &reply);
    db->nafter = 0;
    leave_transaction(db);
}

void
db_drop(struct db_tx *tx)
{
    if (tx == NULL || !tx->open)
        return;

    struct db *db = tx->db;

    assert(tx == &db->levels[db->depth - 1]);
    tx->open = false;
    if (db->depth == 1) {
        roll_back(db);
        return;
    }
    db->depth--;
    db->doomed = true;
}

void
db_drop_scoped(struct db_tx **tx)
{
    db_drop(*tx);
}

/* Sends COMMIT; true only when that is what the server did. */
static bool
send_commit(struct db *db, struct err *err)
{
    struct db_step step = { .kind = DB_STEP_TEXT, .sql = "COMMIT" };
    struct db_reply reply = { 0 };
    bool done = false;

    /* Seen dead before COMMIT was sent, the transaction is surely not committed. */
    if (!db_wire_is_alive(db))
        return err_fault(err, ERR_DATABASE_UNAVAILABLE, "the connection is lost before COMMIT");

    enum db_end end = db_steps_run(db, &step, 1, &reply);
    if (end != DB_END_OK)
        db_errors_set(err, end, &reply, NULL);
    else if (strcmp(PQcmdStatus(step.result), "COMMIT") != 0)
        err_fault(err, ERR_INTERNAL_ERROR, "COMMIT was answered with %s", PQcmdStatus(step.result));
    else
        done = true;
    if (end == DB_END_LOST || end == DB_END_LATE)
        err_fact_text(err, "outcome", "unknown");
    if (end == DB_END_UNSENT)
        db_wire_drop(db);
    db_steps_clear(&step, 1, &reply);
    return done;
}

static void
run_after(struct db *db)
{
    struct db_after after[DB_AFTER_MAX];
    unsigned n = db->nafter;

    /* They may use the handle, even begin a transaction. */
    memcpy(after, db->after, sizeof after);
    db->nafter = 0;
    for (unsigned i = 0; i < n; i++)
        after[i].then(after[i].arg);
}

bool
db_commit(struct db_tx *tx, struct err *err)
{
    struct db *db = tx->db;

    if (tx == &db->single)
        return true;
    assert(tx->open && tx == &db->levels[db->depth - 1]);
    if (db->doomed)
        return refuse_doomed(db, err);
    tx->open = false;
    if (db->depth > 1) {
        db->depth--;
        return true;
    }

    bool done = !db->begun || send_commit(db, err);

    leave_transaction(db);
    if (done)
        run_after(db);
    db->nafter = 0;
    return done;
}

void
db_after_commit(struct db_tx *tx, void (*then)(void *arg), void *arg)
{
    struct db *db = tx->db;

    if (db->depth == 0) {
        then(arg);
        return;
    }
    assert(db->nafter < DB_AFTER_MAX);
    db->after[db->nafter++] = (struct db_after){ then, arg };
}

/* A statement as its steps: BEGIN and Prepare where they are still due, then what is wanted. */
struct batch {
    struct db_params params;
    struct db_step steps[3];
    size_t n;
    struct db_reply reply;
};

static void
clear_batch(struct batch *batch)
{
    db_steps_clear(batch->steps, batch->n, &batch->reply);
    batch->n = 0;
}

static void
add_step(struct batch *batch, struct db_step step)
{
    batch->steps[batch->n++] = step;
}

static enum db_end
send_batch(struct db *db, struct batch *batch, struct db_step last)
{
    bool begins = db->depth > 0 && !db->begun;

    batch->n = 0;
    if (begins)
        add_step(batch, (struct db_step){ .kind = DB_STEP_TEXT, .sql = begin_sql });
    if (last.stmt != NULL && !db_steps_is_prepared(db, last.stmt))
        add_step(batch, (struct db_step){ .kind = DB_STEP_PREPARE, .stmt = last.stmt });
    add_step(batch, last);

    enum db_end end = db_steps_run(db, batch->steps, batch->n, &batch->reply);

    if (begins && db->conn != NULL)
        db->begun = batch->steps[0].result != NULL;
    return end;
}

/* Fills err. A failure inside a transaction leaves nothing to do but to roll back. */
static void
set_failure(struct db *db, enum db_end end, const struct db_reply *reply, const struct stmt *stmt,
            struct err *err)
{
    db_errors_set(err, end, reply, stmt);
    if (db->depth == 0 && (end == DB_END_LOST || end == DB_END_LATE))
        err_fact_text(err, "outcome", "unknown");
    if (db->depth > 0) {
        db->doomed = true;
        db->lost = db->lost || end != DB_END_REFUSED;
    }
    if (end == DB_END_REFUSED) {
        const char *sqlstate = PQresultErrorField(reply->refusal, PG_DIAG_SQLSTATE);

        /* Prepared statement gone, or its result type changed by a migration: prepare all anew. */
        if (strcmp(sqlstate, "26000") == 0 || strcmp(sqlstate, "0A000") == 0)
            db_wire_drop(db);
    }
}

/* Runs the batch that ends with last; false and err, or the result in batch (to be cleared). */
static bool
run_batch(struct db *db, struct batch *batch, struct db_step last, struct err *err)
{
    if (!make_ready(db, err))
        return false;

    bool first = db->depth > 0 && !db->begun;
    enum db_end end = send_batch(db, batch, last);

    /* The link broke with the first statement of a transaction: without COMMIT nothing of it can
     * have been kept, so it may run again, once. */
    if (end == DB_END_LOST && first) {
        clear_batch(batch);
        if (!db_wire_connect(db, err)) {
            db->doomed = db->lost = true;
            return false;
        }
        end = send_batch(db, batch, last);
    }
    if (end == DB_END_OK)
        return true;
    set_failure(db, end, &batch->reply, last.stmt, err);
    clear_batch(batch);
    return false;
}

/* Runs stmt with the parameters in batch; its result, or NULL and err. Clear batch afterwards. */
static PGresult *
run_stmt(struct db_tx *tx, const struct stmt *stmt, struct batch *batch, struct err *err)
{
    struct db_step last = { .kind = DB_STEP_RUN, .stmt = stmt, .params = &batch->params };

    if (!run_batch(tx->db, batch, last, err))
        return NULL;

    PGresult *result = batch->steps[batch->n - 1].result;

    assert(stmt->row == NULL || (size_t)PQnfields(result) == stmt->row->ncols);
    return result;
}

void *
db_one(struct db_tx *tx, const struct stmt *stmt, struct db_args args, struct arena *mem,
       struct err *err)
{
    struct batch batch = { .params = db_args_bind(args, mem) };
    const PGresult *result = run_stmt(tx, stmt, &batch, err);
    void *row = NULL;

    assert(stmt->row != NULL);
    if (result != NULL && PQntuples(result) > 0)
        row = db_rows_read(result, 0, stmt->row, mem);
    clear_batch(&batch);
    return row;
}

bool
db_all(struct db_tx *tx, const struct stmt *stmt, struct db_args args, struct arena *mem,
       struct list *rows, struct err *err)
{
    struct batch batch = { .params = db_args_bind(args, mem) };
    const PGresult *result = run_stmt(tx, stmt, &batch, err);

    assert(stmt->row != NULL);
    *rows = (struct list){ 0 };
    if (result != NULL) {
        rows->n = (size_t)PQntuples(result);
        rows->v = arena_alloc(mem, rows->n * sizeof *rows->v);
        for (size_t i = 0; i < rows->n; i++)
            rows->v[i] = db_rows_read(result, (int)i, stmt->row, mem);
    }
    clear_batch(&batch);
    return result != NULL;
}

bool
db_each(struct db_tx *tx, const struct stmt *stmt, struct db_each *rows, size_t n,
        struct arena *mem, struct err *err)
{
    struct batch batch = { .params = db_args_bind(db_args_columns(rows, n, mem), mem) };
    const PGresult *result = run_stmt(tx, stmt, &batch, err);

    assert(stmt->row != NULL);
    if (result != NULL) {
        assert((size_t)PQntuples(result) == n);
        for (size_t i = 0; i < n; i++)
            rows[i].row = db_rows_read(result, (int)i, stmt->row, rows[i].mem);
    }
    clear_batch(&batch);
    return result != NULL;
}

long
db_exec(struct db_tx *tx, const struct stmt *stmt, struct db_args args, struct arena *mem,
        struct err *err)
{
    struct batch batch = { .params = db_args_bind(args, mem) };
    PGresult *result = run_stmt(tx, stmt, &batch, err);
    long n = result == NULL ? -1 : strtol(PQcmdTuples(result), NULL, 10);

    clear_batch(&batch);
    return n;
}

static bool
run_script(struct db *db, const struct stmt *script, const struct buf *rows, struct err *err)
{
    struct batch batch = { 0 };
    enum db_end end;

    if (!make_ready(db, err))
        return false;
    if (db->depth > 0 && !db->begun) {
        /* An empty statement, so that BEGIN goes out. */
        if (!run_batch(db, &batch, (struct db_step){ .kind = DB_STEP_TEXT, .sql = "" }, err))
            return false;
        clear_batch(&batch);
    }
    end = db_steps_script(db, script->sql, rows, &batch.reply);
    if (end != DB_END_OK)
        set_failure(db, end, &batch.reply, script->name == NULL ? NULL : script, err);
    clear_batch(&batch);
    return end == DB_END_OK;
}

bool
db_run(struct db *db, const char *sql, struct err *err)
{
    return run_script(db, &(struct stmt){ .sql = sql }, NULL, err);
}

bool
db_copy(struct db_tx *tx, const struct db_copy *copy, const struct buf *rows, struct err *err)
{
    return run_script(tx->db, &copy->stmt, rows, err);
}

bool
db_describe(struct db *db, const struct stmt *stmt, int *nparams, int *ncols, struct err *err)
{
    struct batch batch = { 0 };

    if (!run_batch(db, &batch, (struct db_step){ .kind = DB_STEP_DESCRIBE, .stmt = stmt }, err))
        return false;

    const PGresult *result = batch.steps[batch.n - 1].result;

    *nparams = PQnparams(result);
    *ncols = PQnfields(result);
    clear_batch(&batch);
    return true;
}
