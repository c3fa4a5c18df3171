/* Many rows at once: COPY … FROM STDIN (FORMAT binary), drawn row by row as they come up. */
#ifndef DB_COPY_H
#define DB_COPY_H

#include "base/buf.h"
#include "db/db.h"

enum db_copy_kind {
    DB_COPY_TEXT, /* const char *: NULL is null             */
    DB_COPY_UUID, /* const char *: the text of a UUID       */
    DB_COPY_INT4, /* int64_t that fits into an integer      */
    DB_COPY_INT8, /* int64_t                                */
    DB_COPY_TIME, /* int64_t: milliseconds since 1970 UTC   */
};

/* One column of the rows: what the member of the struct is, and where it is. */
struct db_copy_col {
    enum db_copy_kind kind;
    size_t offset;
};

#define DB_COPY_TEXT_AT(type, member)                                                              \
    {                                                                                              \
        DB_COPY_TEXT, AT(type, member, const char *)                                               \
    }
#define DB_COPY_UUID_AT(type, member)                                                              \
    {                                                                                              \
        DB_COPY_UUID, AT(type, member, const char *)                                               \
    }
#define DB_COPY_INT4_AT(type, member)                                                              \
    {                                                                                              \
        DB_COPY_INT4, AT(type, member, int64_t)                                                    \
    }
#define DB_COPY_INT8_AT(type, member)                                                              \
    {                                                                                              \
        DB_COPY_INT8, AT(type, member, int64_t)                                                    \
    }
#define DB_COPY_TIME_AT(type, member)                                                              \
    {                                                                                              \
        DB_COPY_TIME, AT(type, member, int64_t)                                                    \
    }

struct db_copy {
    struct stmt stmt; /* its text is the COPY; never prepared */
    const struct db_copy_col *cols;
    size_t ncols;
};

/* Appends a struct as one row ("Binary Format" in PostgreSQL's page on COPY); out has no limit. */
void db_copy_row(const struct db_copy *copy, const void *row, struct buf *out);

/* Sends the rows that were drawn. As db_exec, and all of them or none: a row that the database
 * refuses fails them all. */
bool db_copy(struct db_tx *tx, const struct db_copy *copy, const struct buf *rows,
             struct err *err) MUST_CHECK;

#endif
