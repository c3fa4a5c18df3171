/* One PostgreSQL connection: prepared statements from tables, transactions, deadlines of ours.
 * A struct db belongs to one thread at a time. */
#ifndef DB_DB_H
#define DB_DB_H

#include "base/arena.h"
#include "base/err.h"
#include "base/field.h"
#include "base/ids.h"
#include "base/must.h"
#include "db/args.h"

struct db;
struct db_tx;

/* Which constraint, when broken, is which error. */
struct db_clash {
    const char *constraint;
    enum err_code code;
    const char *field; /* the model's name of the member at fault, or NULL */
};

/* One column of a row: kind, member (in SELECT order). */
struct db_col {
    enum field_kind kind;
    size_t offset;
};

struct db_shape {
    size_t size; /* of the struct */
    const struct db_col *cols;
    size_t ncols;
};

#define DB_SHAPE(type, columns)                                                                    \
    {                                                                                              \
        sizeof(type), (columns), sizeof(columns) / sizeof *(columns)                               \
    }

struct stmt {
    const char *name; /* of the prepared statement, unique over all tables; NULL ends a table */
    const char *sql;
    const struct db_shape *row;     /* NULL: gives no rows                     */
    const struct db_clash *clashes; /* constraint NULL ends it; may be NULL    */
};

#define STMT_END                                                                                   \
    {                                                                                              \
        .name = NULL                                                                               \
    }
#define DB_CLASH_END                                                                               \
    {                                                                                              \
        .constraint = NULL                                                                         \
    }

struct db_options {
    const char *conninfo;     /* libpq connection string; kept by reference, as is the name   */
    const char *name;         /* application_name                                              */
    int timeout_ms;           /* for connecting, for each statement on the server, and for each
                                 unit (a transaction, a single statement) without a deadline   */
    _Atomic int64_t *reached; /* clock_ms of the last connecting, shared by the handles of one
                                 server; NULL: this handle is told nothing by others       */
    bool by_key;              /* one plan for each statement, whatever its values, that finds its
                                 rows one by one in an index, in the order of the arrays: for
                                 those that are given the keys of all that they touch          */
};

/* A handle that connects when first used, and again when the connection is lost: with pauses
 * growing from 100 ms to 2 s, which end when another handle of the server connects. Never fails;
 * close with db_close. */
struct db *db_open(const struct db_options *options);
void db_close(struct db *db);

/* All that follows must end by this monotonic time (clock_ms), until the next call; 0: each unit
 * has timeout_ms. What does not end is abandoned: the connection is dropped, the call fails with
 * DATABASE_UNAVAILABLE, and the server ends the statement within about a second. */
void db_deadline(struct db *db, int64_t until_ms);

/* Whether a connection stands, as far as is known. */
bool db_is_connected(const struct db *db);

/* Connects now if need be. Fails with DATABASE_UNAVAILABLE, at once while pausing between tries. */
bool db_connect(struct db *db, struct err *err) MUST_CHECK;

/* Begins a transaction (READ COMMITTED), or enters the one that is open: the outermost commits.
 * NULL: fails with DATABASE_UNAVAILABLE. BEGIN itself travels with the first statement. After a
 * statement of it failed, a transaction can only be dropped. */
struct db_tx *db_begin(struct db *db, struct err *err) MUST_CHECK;

/* A handle for single statements outside a transaction. Never NULL; nothing to commit or drop. */
struct db_tx *db_single(struct db *db);

/* True only when PostgreSQL said COMMIT (or no statement was run). When the link is lost meanwhile
 * the outcome is unknown: DATABASE_UNAVAILABLE with the fact outcome=unknown; single statements
 * have it too. After a true outermost commit the functions of db_after_commit run. */
bool db_commit(struct db_tx *tx, struct err *err) MUST_CHECK;

/* Rolls back unless committed; NULL is fine. An inner drop without commit dooms the outer one. */
void db_drop(struct db_tx *tx);
void db_drop_scoped(struct db_tx **tx);
#define DB_SCOPED __attribute__((cleanup(db_drop_scoped)))

/* Calls then(arg) after the outermost commit, in order; never when it fails. At most 16; arg must
 * live until then. Outside a transaction it is called at once. */
void db_after_commit(struct db_tx *tx, void (*then)(void *arg), void *arg);

/* Whether a transaction is open: asserted false at the end of each unit of work. */
bool db_in_transaction(const struct db *db);

/* Runs a statement, prepared at first use and known by its address: it must be static. db_one: the
 * first row as a struct in mem, or NULL; when there was no row, NULL with err unset. db_all: the
 * rows as a list of structs. db_exec: how many rows it touched, -1 on failure. Failures:
 * DATABASE_UNAVAILABLE (connection, deadline, deadlock, serialization, lock timeout, shutdown, out
 * of connections, disk full, read-only server), the code of the clash table, VALIDATION_ERROR
 * (22P05, 22P02, 22021), else INTERNAL_ERROR; the SQLSTATE and message go to the note. */
void *db_one(struct db_tx *tx, const struct stmt *stmt, struct db_args args, struct arena *mem,
             struct err *err) MUST_CHECK;
bool db_all(struct db_tx *tx, const struct stmt *stmt, struct db_args args, struct arena *mem,
            struct list *rows, struct err *err) MUST_CHECK;
long db_exec(struct db_tx *tx, const struct stmt *stmt, struct db_args args, struct arena *mem,
             struct err *err) MUST_CHECK;

/* One of the rows that db_each works on. */
struct db_each {
    struct db_args args; /* scalars and lists of texts */
    struct arena *mem;   /* for what comes back        */
    void *row;           /* filled                     */
};

/* Runs a statement once for all n rows of arguments: its $i is a text[] of what each of them has in
 * place i. It must give a row for each, in their order. Fails as a whole, as db_all does. */
bool db_each(struct db_tx *tx, const struct stmt *stmt, struct db_each *rows, size_t n,
             struct arena *mem, struct err *err) MUST_CHECK;

/* Runs SQL text that gives no rows and takes no arguments, several statements allowed: for
 * migrations, LISTEN and tests. */
bool db_run(struct db *db, const char *sql, struct err *err) MUST_CHECK;

/* Waits until the monotonic time until_ms for a NOTIFY; true when one (or several) came. False at
 * that time, when other_fd (or -1) is readable, or when the connection is lost: LISTEN again. */
bool db_wait_notify(struct db *db, int64_t until_ms, int other_fd);

/* For the test that prepares every statement: how many parameters and columns stmt has. */
bool db_describe(struct db *db, const struct stmt *stmt, int *nparams, int *ncols,
                 struct err *err) MUST_CHECK;

#endif
