/* Several messages to PostgreSQL in one round trip (libpq's pipeline mode), and their results. */
#include "db_priv.h"

#include "base/clock.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

static size_t
slot_of(const struct db *db, const struct stmt *stmt)
{
    size_t i = (size_t)((uintptr_t)stmt >> 3) * 2654435761u;

    for (;; i++) {
        const struct stmt *there = db->prepared[i % DB_PREPARED_SIZE];

        if (there == stmt || there == NULL)
            return i % DB_PREPARED_SIZE;
    }
}

bool
db_steps_is_prepared(const struct db *db, const struct stmt *stmt)
{
    return db->prepared[slot_of(db, stmt)] != NULL;
}

static void
remember(struct db *db, const struct stmt *stmt)
{
    assert(db->nprepared < DB_PREPARED_SIZE - DB_PREPARED_SIZE / 4);
    db->prepared[slot_of(db, stmt)] = stmt;
    db->nprepared++;
}

static bool
send_step(PGconn *conn, const struct db_step *step)
{
    const struct db_params *p = step->params;

    switch (step->kind) {
    case DB_STEP_TEXT:
        return PQsendQueryParams(conn, step->sql, 0, NULL, NULL, NULL, NULL, 0) == 1;
    case DB_STEP_PREPARE:
        return PQsendPrepare(conn, step->stmt->name, step->stmt->sql, 0, NULL) == 1;
    case DB_STEP_RUN:
        return PQsendQueryPrepared(conn, step->stmt->name, p->n, p->values, p->lengths, p->formats,
                                   0) == 1;
    case DB_STEP_DESCRIBE:
        return PQsendDescribePrepared(conn, step->stmt->name) == 1;
    }
    return false;
}

static bool
send_steps(PGconn *conn, const struct db_step *steps, size_t n)
{
    if (PQenterPipelineMode(conn) != 1)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!send_step(conn, &steps[i]))
            return false;
    return PQpipelineSync(conn) == 1;
}

/* An error that ends the connection, or that libpq made up because it ended. */
static bool
is_fatal(const PGresult *result)
{
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);

    return PQresultErrorField(result, PG_DIAG_SQLSTATE) == NULL || severity == NULL ||
           strcmp(severity, "ERROR") != 0;
}

static bool
is_good(ExecStatusType status)
{
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY;
}

/* Takes one result that is not good: the first that the server gave is kept as the refusal. */
static void
take_bad(PGresult *result, struct db_reply *reply)
{
    if (PQresultStatus(result) == PGRES_PIPELINE_ABORTED || reply->refusal != NULL) {
        PQclear(result);
        return;
    }
    if (PQresultErrorField(result, PG_DIAG_SQLSTATE) == NULL) {
        db_errors_line(PQresultErrorMessage(result), reply->why, sizeof reply->why);
        PQclear(result);
        return;
    }
    reply->refusal = result;
}

static enum db_end
give_up(struct db *db, enum db_end end, struct db_reply *reply)
{
    if (reply->why[0] == '\0' && db->conn != NULL)
        db_errors_line(end == DB_END_LATE ? "deadline passed" : PQerrorMessage(db->conn),
                       reply->why, sizeof reply->why);
    db_wire_drop(db);
    return end;
}

/* After the last result: what it comes to. */
static enum db_end
conclude(struct db *db, struct db_reply *reply)
{
    if (reply->refusal != NULL && !is_fatal(reply->refusal) && PQstatus(db->conn) == CONNECTION_OK)
        return DB_END_REFUSED;
    if (reply->refusal != NULL || reply->why[0] != '\0' || PQstatus(db->conn) != CONNECTION_OK)
        return give_up(db, DB_END_LOST, reply);
    return DB_END_OK;
}

/* Reads results until the sync. A NULL result stands between the results of two steps. An error
 * may come after a step went well: a single statement is committed by the sync. */
static enum db_end
collect(struct db *db, struct db_step *steps, size_t n, struct db_reply *reply)
{
    for (size_t at = 0;;) {
        enum db_wait wait = db_wire_wait(db);
        if (wait == DB_WAIT_LATE)
            return give_up(db, DB_END_LATE, reply);
        PGresult *result = wait == DB_WAIT_LOST ? NULL : PQgetResult(db->conn);

        if (result == NULL) {
            if (wait == DB_WAIT_LOST || PQstatus(db->conn) != CONNECTION_OK || ++at > n + 1)
                return give_up(db, DB_END_LOST, reply);
            continue;
        }
        if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
            PQclear(result);
            return conclude(db, reply);
        }
        if (is_good(PQresultStatus(result)) && at < n && steps[at].result == NULL)
            steps[at].result = result;
        else
            take_bad(result, reply);
        if (reply->why[0] != '\0')
            return give_up(db, DB_END_LOST, reply);
    }
}

enum db_end
db_steps_run(struct db *db, struct db_step *steps, size_t n, struct db_reply *reply)
{
    assert(db->conn != NULL);
    if (clock_ms() >= db_wire_until(db))
        return DB_END_UNSENT;

    /* A failed send may still have an explanation of the server waiting to be read. */
    bool sent = send_steps(db->conn, steps, n);
    if (!sent && PQstatus(db->conn) == CONNECTION_OK)
        return give_up(db, DB_END_LOST, reply);

    enum db_end end = collect(db, steps, n, reply);
    if (end != DB_END_OK && end != DB_END_REFUSED)
        return end;
    for (size_t i = 0; i < n; i++)
        if (steps[i].kind == DB_STEP_PREPARE && steps[i].result != NULL)
            remember(db, steps[i].stmt);
    if (PQexitPipelineMode(db->conn) != 1)
        return give_up(db, DB_END_LOST, reply);
    return end;
}

enum db_end
db_steps_script(struct db *db, const char *sql, const struct buf *rows, struct db_reply *reply)
{
    assert(db->conn != NULL);
    if (clock_ms() >= db_wire_until(db))
        return DB_END_UNSENT;
    if (PQsendQuery(db->conn, sql) != 1)
        return give_up(db, DB_END_LOST, reply);
    for (;;) {
        enum db_wait wait = db_wire_wait(db);
        if (wait == DB_WAIT_LATE)
            return give_up(db, DB_END_LATE, reply);
        if (wait == DB_WAIT_LOST)
            return give_up(db, DB_END_LOST, reply);

        PGresult *result = PQgetResult(db->conn);
        if (result == NULL)
            return conclude(db, reply);
        bool asks = PQresultStatus(result) == PGRES_COPY_IN && rows != NULL;
        if (asks || is_good(PQresultStatus(result)))
            PQclear(result);
        else
            take_bad(result, reply);
        if (reply->why[0] != '\0' || (asks && !db_copy_put(db->conn, rows)))
            return give_up(db, DB_END_LOST, reply);
    }
}

void
db_steps_clear(struct db_step *steps, size_t n, struct db_reply *reply)
{
    for (size_t i = 0; i < n; i++) {
        PQclear(steps[i].result);
        steps[i].result = NULL;
    }
    PQclear(reply->refusal);
    *reply = (struct db_reply){ 0 };
}
