/* One PostgreSQL connection: prepared statements from tables, transactions, deadlines of ours.
 * A struct db belongs to one thread at a time. */
#ifndef DB_DB_H
#define DB_DB_H

#include "base/arena.h"
#include "base/err.h"
#include "base/field.h"
#include "base/ids.h"
#include "base/must.h"

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

#define DB_SHAPE(type, columns) { sizeof(type), (columns), sizeof(columns) / sizeof *(columns) }

struct stmt {
    const char *name; /* of the prepared statement, unique over all tables; NULL ends a table */
    const char *sql;
    const struct db_shape *row;      /* NULL: gives no rows                     */
    const struct db_clash *clashes;  /* constraint NULL ends it; may be NULL    */
};

#define STMT_END { .name = NULL }
#define DB_CLASH_END { .constraint = NULL }

enum db_arg_kind {
    DB_ARG_TEXT,
    DB_ARG_INT,
    DB_ARG_BOOL,
    DB_ARG_TIME,
    DB_ARG_TEXTS,
    DB_ARG_BYTES,
    DB_ARG_UUID,
    DB_ARG_UUIDS,
    DB_ARG_INTS,
};

struct db_arg {
    enum db_arg_kind kind;
    const char *text;           /* NULL: SQL null                                         */
    int64_t number;             /* DB_ARG_TIME: ms since 1970, sent as timestamptz; 0: null */
    const struct texts *texts;  /* text[]; an entry NULL is a null                        */
    struct bytes bytes;         /* bytea; v NULL: SQL null                                */
    const struct uuid *uuids;   /* one, or count of them (uuid[])                         */
    const int64_t *numbers;     /* count of them (bigint[])                               */
    size_t count;
};

#define DB_TEXT(v)       ((struct db_arg){ .kind = DB_ARG_TEXT, .text = (v) })
#define DB_INT(v)        ((struct db_arg){ .kind = DB_ARG_INT, .number = (v) })
#define DB_BOOL(v)       ((struct db_arg){ .kind = DB_ARG_BOOL, .number = (v) })
#define DB_TIME(v)       ((struct db_arg){ .kind = DB_ARG_TIME, .number = (v) })
#define DB_TEXTS(v)      ((struct db_arg){ .kind = DB_ARG_TEXTS, .texts = (v) })
#define DB_BYTES(v)      ((struct db_arg){ .kind = DB_ARG_BYTES, .bytes = (v) })
#define DB_UUID(v)       ((struct db_arg){ .kind = DB_ARG_UUID, .uuids = (v), .count = 1 })
#define DB_UUIDS(v, n)   ((struct db_arg){ .kind = DB_ARG_UUIDS, .uuids = (v), .count = (n) })
#define DB_INTS(v, n)    ((struct db_arg){ .kind = DB_ARG_INTS, .numbers = (v), .count = (n) })

struct db_args {
    const struct db_arg *v;
    size_t n;
};

#define DB_ARGS(...)                                                                               \
    ((struct db_args){ (const struct db_arg[]){ __VA_ARGS__ },                                     \
                       sizeof((const struct db_arg[]){ __VA_ARGS__ }) / sizeof(struct db_arg) })
#define DB_NO_ARGS ((struct db_args){ NULL, 0 })

struct db_options {
    const char *conninfo;     /* libpq connection string; kept by reference              */
    const char *name;         /* application_name                                        */
    int timeout_ms;           /* for connecting, and for each unit when db_deadline is not
                                 called                                                  */
};

/* A handle that connects when first used, and again (after a pause with jitter, growing from
 * 100 ms to 2 s) when the connection is lost. Never fails; close with db_close. */
struct db *db_open(const struct db_options *options);
void db_close(struct db *db);

/* All that follows must end by this monotonic time (clock_ms); what does not is abandoned: the
 * connection is cancelled and dropped and the call fails with DATABASE_UNAVAILABLE. */
void db_deadline(struct db *db, int64_t until_ms);

/* Whether a connection stands, as far as is known. */
bool db_is_connected(const struct db *db);

/* Connects now if need be. Fails with DATABASE_UNAVAILABLE, at once while pausing between tries. */
bool db_connect(struct db *db, struct err *err) MUST_CHECK;

/* Begins a transaction (READ COMMITTED), or enters the one that is open: the outermost commits.
 * NULL: fails with DATABASE_UNAVAILABLE. */
struct db_tx *db_begin(struct db *db, struct err *err) MUST_CHECK;

/* A handle for single statements outside a transaction. Never NULL; nothing to commit or drop. */
struct db_tx *db_single(struct db *db);

/* True only when PostgreSQL said COMMIT. When the link is lost meanwhile the outcome is unknown:
 * DATABASE_UNAVAILABLE with the fact outcome=unknown. After a true outermost commit the functions
 * of db_after_commit run. */
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

/* Runs a statement (prepared at first use). db_one: the first row as a struct in mem, or NULL; when
 * there was no row, NULL with err unset. db_all: the rows as a list of structs. db_exec: how many
 * rows it touched, -1 on failure. Failures: DATABASE_UNAVAILABLE (connection, deadline, deadlock,
 * serialization, lock timeout, admin shutdown, out of connections, disk full, read-only server), the code of the clash table,
 * VALIDATION_ERROR (22P05, 22P02, 22021), else INTERNAL_ERROR; the SQLSTATE and message go to the
 * note. */
void *db_one(struct db_tx *tx, const struct stmt *stmt, struct db_args args, struct arena *mem,
             struct err *err) MUST_CHECK;
bool db_all(struct db_tx *tx, const struct stmt *stmt, struct db_args args, struct arena *mem,
            struct list *rows, struct err *err) MUST_CHECK;
long db_exec(struct db_tx *tx, const struct stmt *stmt, struct db_args args, struct arena *mem,
             struct err *err) MUST_CHECK;

/* Runs SQL text that gives no rows and takes no arguments, several statements allowed: for
 * migrations, LISTEN and tests. */
bool db_run(struct db *db, const char *sql, struct err *err) MUST_CHECK;

/* Waits until the monotonic time until_ms for a NOTIFY; true when one (or several) came. False at
 * that time, or when the connection is lost. other_fd (or -1) becoming readable also ends the wait. */
bool db_wait_notify(struct db *db, int64_t until_ms, int other_fd);

/* For the test that prepares every statement: describes stmt on this connection; how many
 * parameters and columns it has. */
bool db_describe(struct db *db, const struct stmt *stmt, int *nparams, int *ncols,
                 struct err *err) MUST_CHECK;

#endif
