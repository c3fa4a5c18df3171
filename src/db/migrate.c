/* Brings the schema to the one that this binary carries, and tells how far it is. */
#include "db/migrate.h"

#include "base/clock.h"
#include "base/embedded.h"
#include "base/log.h"
#include "db_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MIGRATE_MS = 600000 }; /* for each migration, unless db_deadline says otherwise */

/* The number is "rost" as ASCII: any will do that nobody else locks. Waiting for another runner and
 * long statements are what a migration is for, so the timeouts of the server are off. */
static const char prologue[] =
    "SET LOCAL statement_timeout = 0;"
    "SET LOCAL lock_timeout = 0;"
    "SET LOCAL client_min_messages = warning;"
    "SELECT pg_advisory_xact_lock(1919906676);"
    "CREATE TABLE IF NOT EXISTS schema_migrations ("
    "    version    bigint      NOT NULL,"
    "    name       text        NOT NULL,"
    "    checksum   bytea       NOT NULL,"
    "    applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),"
    "    took_ms    bigint      NOT NULL,"
    "    CONSTRAINT schema_migrations_pkey PRIMARY KEY (version)"
    ");"
    "COMMENT ON TABLE  schema_migrations            IS 'The migrations that made this schema.';"
    "COMMENT ON COLUMN schema_migrations.version    IS 'The number its file name begins with.';"
    "COMMENT ON COLUMN schema_migrations.name       IS 'Its file name without the ending.';"
    "COMMENT ON COLUMN schema_migrations.checksum   IS 'SHA-256 of the file: it must not change.';"
    "COMMENT ON COLUMN schema_migrations.applied_at IS 'When it had run.';"
    "COMMENT ON COLUMN schema_migrations.took_ms    IS 'How long it ran.';";

struct flag {
    bool is;
};

static const struct db_col flag_columns[] = { { BOOL_AT(struct flag, is) } };
static const struct db_shape flag_row = DB_SHAPE(struct flag, flag_columns);

static const struct db_col columns[] = {
    { INT_AT(struct migration, version) }, { TEXT_AT(struct migration, name) },
    { TEXT_AT(struct migration, state) },  { TIME_AT(struct migration, applied_at) },
    { INT_AT(struct migration, took_ms) },
};
static const struct db_shape row = DB_SHAPE(struct migration, columns);

static const struct stmt find_table = {
    "migrations_find_table",
    "SELECT to_regclass('schema_migrations') IS NOT NULL",
    &flag_row,
};

static const struct stmt compare = {
    "migrations_compare",
    "SELECT version, coalesce(c.name, r.name),"
    " CASE WHEN r.version IS NULL THEN 'pending' WHEN c.version IS NULL THEN 'unknown'"
    "      WHEN r.checksum = sha256(convert_to(c.script, 'UTF8')) THEN 'applied'"
    "      ELSE 'changed' END,"
    " (extract(epoch FROM r.applied_at) * 1000)::bigint, r.took_ms"
    " FROM unnest($1::bigint[], $2::text[], $3::text[]) AS c (version, name, script)"
    " FULL JOIN schema_migrations r USING (version) ORDER BY version",
    &row,
};

static const struct stmt record = {
    "migrations_record",
    "INSERT INTO schema_migrations (version, name, checksum, took_ms)"
    " VALUES ($1, $2, sha256(convert_to($3, 'UTF8')), $4)",
};

/* The migrations that the binary carries, as columns. */
struct carried {
    int64_t *versions;
    struct texts names, scripts;
};

bool
migrate_name_read(const char *file, int64_t *version, const char **name, struct arena *mem)
{
    size_t digits = strspn(file, "0123456789");
    size_t n = strlen(file);

    if (digits == 0 || digits > 9 || file[digits] != '_' || n < digits + 6 ||
        strcmp(file + n - 4, ".sql") != 0)
        return false;
    *version = strtol(file, NULL, 10);
    *name = arena_textn(mem, file, n - 4);
    return *version > 0;
}

static bool
read_carried(struct carried *out, struct arena *mem, struct err *err)
{
    size_t n = 0;

    while (embedded_migrations[n].name != NULL)
        n++;
    out->versions = arena_alloc(mem, n * sizeof *out->versions);
    out->names = (struct texts){ arena_alloc(mem, n * sizeof(char *)), n };
    out->scripts = (struct texts){ arena_alloc(mem, n * sizeof(char *)), n };
    for (size_t i = 0; i < n; i++) {
        const struct embedded *file = &embedded_migrations[i];

        if (!migrate_name_read(file->name, &out->versions[i], &out->names.v[i], mem) ||
            (i > 0 && out->versions[i] <= out->versions[i - 1]))
            return err_fault(err, ERR_INTERNAL_ERROR, "migration %s: bad name or order",
                             file->name);
        out->scripts.v[i] = file->bytes;
    }
    return true;
}

static bool
list_compared(struct db_tx *tx, const struct carried *carried, struct list *out, struct arena *mem,
              struct err *err)
{
    return db_all(tx, &compare,
                  DB_ARGS(DB_INTS(carried->versions, carried->names.n), DB_TEXTS(&carried->names),
                          DB_TEXTS(&carried->scripts)),
                  mem, out, err);
}

/* Refuses a schema that this binary does not know. */
static bool
check_known(const struct list *all, struct err *err)
{
    for (size_t i = 0; i < all->n; i++) {
        const struct migration *m = all->v[i];

        if (strcmp(m->state, "unknown") == 0)
            return err_fault(err, ERR_INTERNAL_ERROR,
                             "migration %s is in the database, but not in this binary", m->name);
        if (strcmp(m->state, "changed") == 0)
            return err_fault(err, ERR_INTERNAL_ERROR,
                             "migration %s is not the one that was applied", m->name);
    }
    return true;
}

static const struct migration *
first_pending(const struct list *all)
{
    for (size_t i = 0; i < all->n; i++) {
        const struct migration *m = all->v[i];

        if (strcmp(m->state, "pending") == 0)
            return m;
    }
    return NULL;
}

/* Runs the script of m and records it. */
static bool
apply(struct db_tx *tx, const struct migration *m, const struct carried *carried, struct arena *mem,
      struct err *err)
{
    int64_t start = clock_ms();
    const char *script = NULL;

    for (size_t i = 0; i < carried->names.n; i++)
        if (carried->versions[i] == m->version)
            script = carried->scripts.v[i];
    if (!db_run(tx->db, script, err)) {
        char note[sizeof err->note];

        memcpy(note, err->note, sizeof note);
        snprintf(err->note, sizeof err->note, "%.60s: %.120s", m->name, note);
        return false;
    }
    if (PQtransactionStatus(tx->db->conn) != PQTRANS_INTRANS)
        return err_fault(err, ERR_INTERNAL_ERROR, "%s ended its transaction itself", m->name);
    return db_exec(tx, &record,
                   DB_ARGS(DB_INT(m->version), DB_TEXT(m->name), DB_TEXT(script),
                           DB_INT(clock_ms() - start)),
                   mem, err) == 1;
}

enum round { ROUND_FAILED, ROUND_RAN, ROUND_NOTHING_LEFT };

/* One migration under the lock. What is pending is asked anew each time: another process may have
 * run it while we waited. */
static enum round
run_next(struct db *db, const struct carried *carried, struct arena *mem, struct err *err)
{
    struct list all;
    struct db_tx *tx DB_SCOPED = db_begin(db, err);

    if (tx == NULL || !db_run(db, prologue, err) || !list_compared(tx, carried, &all, mem, err) ||
        !check_known(&all, err))
        return ROUND_FAILED;

    const struct migration *next = first_pending(&all);

    if (next != NULL && !apply(tx, next, carried, mem, err))
        return ROUND_FAILED;
    if (!db_commit(tx, err))
        return ROUND_FAILED;
    if (next == NULL)
        return ROUND_NOTHING_LEFT;
    log_event(LOG_INFO, "migrated", LOG_T("migration", next->name));
    return ROUND_RAN;
}

bool
migrate_up(struct db *db, int *ran, struct arena *mem, struct err *err)
{
    struct carried carried;
    int64_t given = db->until;
    enum round round;

    *ran = 0;
    if (!read_carried(&carried, mem, err))
        return false;
    do {
        db->until = given > 0 ? given : clock_ms() + MIGRATE_MS;
        round = run_next(db, &carried, mem, err);
        *ran += round == ROUND_RAN;
    } while (round == ROUND_RAN);
    db->until = given;
    return round == ROUND_NOTHING_LEFT;
}

static void
list_pending(const struct carried *carried, struct list *out, struct arena *mem)
{
    out->n = carried->names.n;
    out->v = arena_alloc(mem, out->n * sizeof *out->v);
    for (size_t i = 0; i < out->n; i++) {
        struct migration *m = ARENA_NEW(mem, struct migration);

        *m = (struct migration){ carried->versions[i], carried->names.v[i], "pending", 0, 0 };
        out->v[i] = m;
    }
}

bool
migrate_status(struct db *db, struct list *out, struct arena *mem, struct err *err)
{
    struct carried carried;
    const struct flag *table;

    *out = (struct list){ 0 };
    if (!read_carried(&carried, mem, err))
        return false;
    table = db_one(db_single(db), &find_table, DB_NO_ARGS, mem, err);
    if (table == NULL)
        return false;
    /* Asking must work with the rights of a reader, so the table is not made here. */
    if (!table->is) {
        list_pending(&carried, out, mem);
        return true;
    }
    return list_compared(db_single(db), &carried, out, mem, err);
}

bool
migrate_is_current(struct db *db, int64_t *version, struct arena *mem, struct err *err)
{
    struct list all;
    bool current = true;

    *version = 0;
    if (!migrate_status(db, &all, mem, err))
        return false;
    for (size_t i = 0; i < all.n; i++) {
        const struct migration *m = all.v[i];

        current = current && strcmp(m->state, "applied") == 0;
        if (strcmp(m->state, "pending") != 0)
            *version = m->version;
    }
    return current;
}
