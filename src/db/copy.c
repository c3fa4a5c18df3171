/* Rows in the binary format of COPY: a count of columns, then each as its length and its bytes. */
#include "db/copy.h"

#include "db_priv.h"

#include <assert.h>
#include <string.h>

enum { HEAD_SIZE = 19, LENGTH_SIZE = 4 };

static const unsigned char head[HEAD_SIZE] = "PGCOPY\n\377\r\n\0"; /* no flags, no extension */
static const unsigned char end[2] = { 0xff, 0xff };                /* a count of -1 */

static const int64_t epoch_ms = 946684800000; /* PostgreSQL counts from 2000-01-01 */

static char *
put_text(char *to, const char *text)
{
    if (text == NULL)
        return db_args_number(to, (uint64_t)-1, LENGTH_SIZE);

    size_t n = strlen(text);

    return mempcpy(db_args_number(to, n, LENGTH_SIZE), text, n);
}

static char *
put_uuid(char *to, const char *text)
{
    struct uuid uuid;
    bool is_uuid = ids_uuid_read(text, &uuid);

    assert(is_uuid);
    (void)is_uuid;
    return mempcpy(db_args_number(to, sizeof uuid.b, LENGTH_SIZE), uuid.b, sizeof uuid.b);
}

static char *
put_number(char *to, int64_t number, int bytes)
{
    return db_args_number(db_args_number(to, (uint64_t)bytes, LENGTH_SIZE), (uint64_t)number,
                          bytes);
}

static char *
put_column(char *to, enum db_copy_kind kind, const void *member)
{
    switch (kind) {
    case DB_COPY_TEXT:
        return put_text(to, *(const char *const *)member);
    case DB_COPY_UUID:
        return put_uuid(to, *(const char *const *)member);
    case DB_COPY_INT4:
        return put_number(to, *(const int64_t *)member, 4);
    case DB_COPY_INT8:
        return put_number(to, *(const int64_t *)member, 8);
    case DB_COPY_TIME:
        return put_number(to, (*(const int64_t *)member - epoch_ms) * 1000, 8);
    }
    return to;
}

/* What a column may take; a UUID's text is longer than its bytes. */
static size_t
column_most(enum db_copy_kind kind, const void *member)
{
    const char *text = kind == DB_COPY_TEXT ? *(const char *const *)member : NULL;

    return LENGTH_SIZE + (text == NULL ? sizeof(struct uuid) : strlen(text));
}

void
db_copy_row(const struct db_copy *copy, const void *row, struct buf *out)
{
    size_t most = sizeof end;

    for (size_t i = 0; i < copy->ncols; i++)
        most += column_most(copy->cols[i].kind, (const char *)row + copy->cols[i].offset);

    char *room = buf_room(out, most);
    char *to = db_args_number(room, copy->ncols, sizeof end);

    for (size_t i = 0; i < copy->ncols; i++)
        to = put_column(to, copy->cols[i].kind, (const char *)row + copy->cols[i].offset);
    buf_added(out, (size_t)(to - room));
}

bool
db_copy_put(PGconn *conn, const struct buf *rows)
{
    /* Not blocking, libpq takes all of it and sends what it can. */
    return PQputCopyData(conn, (const char *)head, HEAD_SIZE) == 1 &&
           PQputCopyData(conn, buf_bytes(rows), (int)buf_size(rows)) == 1 &&
           PQputCopyData(conn, (const char *)end, sizeof end) == 1 && PQputCopyEnd(conn, NULL) == 1;
}
