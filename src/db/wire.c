/* One connection to PostgreSQL by libpq's non-blocking calls: connect, wait, drop, listen.
 * A server that has stopped answering costs no more than the deadline. */
#include "db_priv.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

int64_t
db_wire_until(const struct db *db)
{
    return db->until > 0 ? db->until : db->unit_until;
}

void
db_wire_begin_unit(struct db *db)
{
    db->unit_until = clock_ms() + db->options.timeout_ms;
}

void
db_wire_drop(struct db *db)
{
    if (db->conn == NULL)
        return;
    /* Not blocking, PQfinish does not wait for a stuck peer either. */
    PQfinish(db->conn);
    db->conn = NULL;
    memset(db->prepared, 0, sizeof db->prepared);
    db->nprepared = 0;
    if (db->depth > 0 && db->begun)
        db->doomed = db->lost = true;
}

/* Waits for events on fd; 1: they came, 0: the time came, -1: poll failed. */
static int
wait_for(int fd, short events, int64_t until)
{
    for (;;) {
        struct pollfd p = { .fd = fd, .events = events };
        int64_t left = until - clock_ms();
        int n;

        if (left <= 0)
            return 0;
        n = poll(&p, 1, left > 60000 ? 60000 : (int)left);
        if (n > 0)
            return 1;
        if (n < 0 && errno != EINTR)
            return -1;
    }
}

enum db_wait
db_wire_wait(struct db *db)
{
    int64_t until = db_wire_until(db);

    for (;;) {
        int unsent = PQflush(db->conn);

        /* When sending fails the server may have said why before it went: that is read first. */
        if (unsent <= 0 && PQisBusy(db->conn) == 0)
            return DB_WAIT_OK;
        if (PQsocket(db->conn) < 0)
            return DB_WAIT_LOST;
        switch (wait_for(PQsocket(db->conn), unsent > 0 ? POLLIN | POLLOUT : POLLIN, until)) {
        case 0:
            return DB_WAIT_LATE;
        case 1:
            break;
        default:
            return DB_WAIT_LOST;
        }
        if (PQconsumeInput(db->conn) == 0)
            return PQisBusy(db->conn) == 0 ? DB_WAIT_OK : DB_WAIT_LOST;
    }
}

bool
db_wire_is_alive(struct db *db)
{
    if (db->conn == NULL)
        return false;
    /* Notices and notifications may have come since; each round takes what is there. */
    for (int round = 0; round < 16 && PQstatus(db->conn) == CONNECTION_OK; round++) {
        struct pollfd p = { .fd = PQsocket(db->conn), .events = POLLIN | POLLRDHUP };

        if (poll(&p, 1, 0) <= 0)
            return true;
        if ((p.revents & (POLLHUP | POLLERR | POLLNVAL | POLLRDHUP)) != 0)
            break;
        if (PQconsumeInput(db->conn) == 0)
            break;
        (void)PQisBusy(db->conn);
    }
    log_event(LOG_INFO, "database_gone", LOG_T("name", db->options.name));
    db_wire_drop(db);
    return false;
}

static void
take_notice(void *arg, const PGresult *result)
{
    (void)arg;
    if (log_wants(LOG_DEBUG))
        log_event(LOG_DEBUG, "database_notice",
                  LOG_T("text", PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY)));
}

/* The timeouts of the server stand behind ours: a backend whose client went ends soon, and so do
 * its locks. Statements are short: workers and compilers would cost more than they. Settings of the
 * operator come last and so win. False: the conninfo is malformed. */
static bool
server_settings(const struct db *db, char *out, size_t size)
{
    PQconninfoOption *parts = PQconninfoParse(db->options.conninfo, NULL);
    const char *theirs = "";
    int ms = db->options.timeout_ms;

    if (parts == NULL)
        return false;
    for (PQconninfoOption *p = parts; p->keyword != NULL; p++)
        if (strcmp(p->keyword, "options") == 0 && p->val != NULL)
            theirs = p->val;
    int n = snprintf(out, size,
                     "-c statement_timeout=%d -c lock_timeout=%d"
                     " -c idle_in_transaction_session_timeout=%d"
                     " -c client_connection_check_interval=1000 -c timezone=UTC"
                     " -c bytea_output=hex -c max_parallel_workers_per_gather=0 -c jit=off%s %s",
                     ms - ms / 10, ms / 2 + 1, 2 * ms,
                     db->options.by_key
                         ? " -c plan_cache_mode=force_generic_plan -c enable_hashjoin=off"
                           " -c enable_mergejoin=off -c enable_seqscan=off"
                         : "",
                     theirs);
    PQconninfoFree(parts);
    return n > 0 && (size_t)n < size;
}

static PGconn *
start(const struct db *db)
{
    char options[1024];

    if (!server_settings(db, options, sizeof options))
        return NULL;
    const char *keys[] = { "dbname", "application_name", "client_encoding", "options", NULL };
    const char *values[] = { db->options.conninfo, db->options.name, "UTF8", options, NULL };
    return must(PQconnectStartParams(keys, values, 1));
}

/* Drives the connecting; NULL when it stands, else what went wrong. */
static const char *
finish_connecting(PGconn *conn, int64_t until)
{
    PostgresPollingStatusType state = PGRES_POLLING_WRITING;

    if (PQstatus(conn) == CONNECTION_BAD)
        return PQerrorMessage(conn);
    while (state != PGRES_POLLING_OK && state != PGRES_POLLING_FAILED) {
        short events = state == PGRES_POLLING_READING ? POLLIN : POLLOUT;

        if (wait_for(PQsocket(conn), events, until) <= 0)
            return "no connection in time";
        state = PQconnectPoll(conn);
    }
    return state == PGRES_POLLING_OK ? NULL : PQerrorMessage(conn);
}

static void
lengthen_pause(struct db *db)
{
    unsigned char jitter;

    ids_random(&jitter, sizeof jitter);
    db->pause_ms = db->pause_ms == 0 ? DB_PAUSE_MIN_MS : 2 * db->pause_ms;
    if (db->pause_ms > DB_PAUSE_MAX_MS)
        db->pause_ms = DB_PAUSE_MAX_MS;
    /* Between half of the pause and all of it: many handles must not come back in step. */
    db->retry_at = clock_ms() + db->pause_ms / 2 + db->pause_ms * jitter / 510;
}

/* The server is back: a handle that went on pausing would fail its callers for no reason. */
static bool
another_connected(const struct db *db)
{
    return db->options.reached != NULL && atomic_load(db->options.reached) > db->tried_at;
}

bool
db_wire_connect(struct db *db, struct err *err)
{
    int64_t now = clock_ms();
    int64_t until = db_wire_until(db);
    const char *why;
    char note[160];

    if (db->conn != NULL)
        return true;
    if (now < db->retry_at && !another_connected(db))
        return err_fault(err, ERR_DATABASE_UNAVAILABLE, "waiting before the next connect");
    if (until <= now)
        return err_fault(err, ERR_DATABASE_UNAVAILABLE, "deadline passed before connecting");
    if (until > now + db->options.timeout_ms)
        until = now + db->options.timeout_ms;

    db->tried_at = now;
    PGconn *conn = start(db);
    /* libpq's complaint about a malformed string may quote the password. */
    why = conn == NULL ? "the connection string is malformed" : finish_connecting(conn, until);
    if (why == NULL && PQsetnonblocking(conn, 1) != 0)
        why = "PQsetnonblocking failed";
    if (why != NULL) {
        db_errors_line(why, note, sizeof note);
        PQfinish(conn);
        lengthen_pause(db);
        return err_fault(err, ERR_DATABASE_UNAVAILABLE, "connect: %s", note);
    }
    PQsetNoticeReceiver(conn, take_notice, NULL);
    if (db->pause_ms > 0)
        log_event(LOG_INFO, "database_back", LOG_T("name", db->options.name));
    db->conn = conn;
    db->pause_ms = 0;
    db->retry_at = 0;
    if (db->options.reached != NULL)
        atomic_store(db->options.reached, clock_ms());
    return true;
}

static bool
take_notifies(struct db *db)
{
    bool any = false;
    PGnotify *notify;

    while ((notify = PQnotifies(db->conn)) != NULL) {
        PQfreemem(notify);
        any = true;
    }
    return any;
}

bool
db_wait_notify(struct db *db, int64_t until_ms, int other_fd)
{
    while (db->conn != NULL) {
        struct pollfd p[] = { { .fd = PQsocket(db->conn), .events = POLLIN },
                              { .fd = other_fd, .events = POLLIN } };
        int64_t left = until_ms - clock_ms();

        if (take_notifies(db))
            return true;
        if (left <= 0)
            return false;
        if (poll(p, 2, left > 60000 ? 60000 : (int)left) < 0 && errno != EINTR)
            return false;
        /* What came together with the other is still told the next time. */
        if (p[1].revents != 0)
            return false;
        if (p[0].revents != 0 && PQconsumeInput(db->conn) == 0)
            db_wire_drop(db);
    }
    return false;
}
