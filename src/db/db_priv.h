/* What the files of the db room share: the handle, the wire, batches of steps. */
#ifndef DB_DB_PRIV_H
#define DB_DB_PRIV_H

#include "base/buf.h"
#include "values_priv.h"

enum {
    DB_DEPTH_MAX = 8,        /* nested transactions                              */
    DB_AFTER_MAX = 16,       /* functions waiting for the commit                 */
    DB_PREPARED_SIZE = 1024, /* slots for prepared statements; a power of two    */
    DB_PAUSE_MIN_MS = 100,
    DB_PAUSE_MAX_MS = 2000,
};

struct db_tx {
    struct db *db;
    bool open; /* begun, neither committed nor dropped; never for a single */
};

struct db_after {
    void (*then)(void *arg);
    void *arg;
};

struct db {
    struct db_options options;
    PGconn *conn;       /* NULL: no connection                                   */
    int64_t until;      /* of db_deadline; 0: each unit has its own              */
    int64_t unit_until; /* of the unit under way, when until is 0                */
    int64_t tried_at;   /* when the last attempt to connect began                */
    int64_t retry_at;   /* no attempt to connect before                          */
    int pause_ms;       /* the last pause between attempts; 0: the last one went well */
    const struct stmt *prepared[DB_PREPARED_SIZE]; /* hashed by address             */
    size_t nprepared;
    struct db_tx single;
    struct db_tx levels[DB_DEPTH_MAX]; /* the open transaction and those inside it  */
    unsigned depth;
    bool begun;  /* BEGIN has been sent on this connection                          */
    bool doomed; /* the open transaction can only be rolled back                    */
    bool lost;   /* … because the connection is gone                                */
    struct db_after after[DB_AFTER_MAX];
    unsigned nafter;
};

/* --- wire.c: one connection, never waiting past the deadline --- */

/* The deadline that holds now. */
int64_t db_wire_until(const struct db *db);

/* Starts the clock of a unit that has no deadline of db_deadline. */
void db_wire_begin_unit(struct db *db);

/* Whether the connection stands; one that the server has closed is dropped here, before anything
 * is sent on it. */
bool db_wire_is_alive(struct db *db);

/* Connects unless connected. Fails with DATABASE_UNAVAILABLE. */
bool db_wire_connect(struct db *db, struct err *err) MUST_CHECK;

/* Closes the connection at once, whatever it does; what it had prepared is forgotten. */
void db_wire_drop(struct db *db);

enum db_wait { DB_WAIT_OK, DB_WAIT_LOST, DB_WAIT_LATE };

/* Sends what is queued and reads until PQgetResult would not block. */
enum db_wait db_wire_wait(struct db *db);

/* --- steps.c: several messages in one round trip --- */

enum db_step_kind { DB_STEP_TEXT, DB_STEP_PREPARE, DB_STEP_RUN, DB_STEP_DESCRIBE };

struct db_step {
    enum db_step_kind kind;
    const char *sql;         /* DB_STEP_TEXT */
    const struct stmt *stmt; /* the others   */
    const struct db_params *params;
    PGresult *result; /* filled: NULL when it was not reached */
};

enum db_end {
    DB_END_OK,
    DB_END_REFUSED, /* the server said no; the connection stands                     */
    DB_END_LOST,    /* the connection is gone (dropped): nobody knows what was done  */
    DB_END_LATE,    /* the same, because the deadline passed                         */
    DB_END_UNSENT,  /* the deadline had passed before anything was sent              */
};

struct db_reply {
    PGresult *refusal; /* the first error the server gave, if any */
    char why[160];     /* for LOST without a refusal              */
};

/* Sends all steps and one sync, and collects their results. What was prepared is remembered. */
enum db_end db_steps_run(struct db *db, struct db_step *steps, size_t n, struct db_reply *reply);

/* Sends one text of several statements by the simple protocol; rows: what a COPY in it asks for,
 * else NULL. */
enum db_end db_steps_script(struct db *db, const char *sql, const struct buf *rows,
                            struct db_reply *reply);

/* Clears the results of the steps and the reply. */
void db_steps_clear(struct db_step *steps, size_t n, struct db_reply *reply);

bool db_steps_is_prepared(const struct db *db, const struct stmt *stmt);

/* --- errors.c --- */

/* Sets err from what ended the steps; stmt may be NULL. Returns false. */
bool db_errors_set(struct err *err, enum db_end end, const struct db_reply *reply,
                   const struct stmt *stmt);

/* The code of an SQLSTATE that no clash table knows. */
enum err_code db_errors_code(const char *sqlstate);

/* Copies text to out, each run of control characters as one space, trailing ones cut. */
void db_errors_line(const char *text, char *out, size_t size);

/* --- copy.c --- */

/* Queues the rows of a COPY that has begun, and its end; false when the link would not take them.
 */
bool db_copy_put(PGconn *conn, const struct buf *rows);

/* --- migrate.c --- */

/* "0001_registry.sql" to 1 and "0001_registry" in mem; false when the name has another form. */
bool migrate_name_read(const char *file, int64_t *version, const char **name, struct arena *mem);

#endif
