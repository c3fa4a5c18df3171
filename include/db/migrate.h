/* Schema migrations: numbered, forward-only, carried by the binary. */
#ifndef DB_MIGRATE_H
#define DB_MIGRATE_H

#include "db/db.h"

struct migration {
    int64_t version;
    const char *name;
    const char *state;  /* applied, pending, changed (checksum differs), unknown (newer) */
    int64_t applied_at; /* ms since 1970; 0: not yet */
    int64_t took_ms;
};

/* Runs what is pending, each in a transaction of its own, under pg_advisory_xact_lock, so that any
 * number of processes may try at once. Without db_deadline each has ten minutes. *ran says how
 * many. Fails with DATABASE_UNAVAILABLE or INTERNAL_ERROR (the note says which file; a schema newer
 * than this binary, or a changed checksum, is refused). */
bool migrate_up(struct db *db, int *ran, struct arena *mem, struct err *err) MUST_CHECK;

/* All migrations, carried or recorded, by version: a list of struct migration. */
bool migrate_status(struct db *db, struct list *out, struct arena *mem, struct err *err) MUST_CHECK;

/* True when the schema is exactly the one that this binary carries; when it is not, false with err
 * unset. *version: the database's, 0 when it has none. */
bool migrate_is_current(struct db *db, int64_t *version, struct arena *mem,
                        struct err *err) MUST_CHECK;

#endif
