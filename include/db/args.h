/* Arguments of a statement, as typed literals: DB_ARGS(DB_UUID(&id), DB_TEXT(name)). */
#ifndef DB_ARGS_H
#define DB_ARGS_H

#include "base/field.h"
#include "base/ids.h"

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
    const char *text;          /* NULL: SQL null                                         */
    int64_t number;            /* DB_ARG_TIME: ms since 1970, sent as timestamptz; 0: null */
    const struct texts *texts; /* text[]; an entry NULL is a null                        */
    struct bytes bytes;        /* bytea; v NULL: SQL null                                */
    const struct uuid *uuids;  /* one, or count of them (uuid[])                         */
    const int64_t *numbers;    /* count of them (bigint[])                               */
    size_t count;
};

#define DB_TEXT(v)     ((struct db_arg){ .kind = DB_ARG_TEXT, .text = (v) })
#define DB_INT(v)      ((struct db_arg){ .kind = DB_ARG_INT, .number = (v) })
#define DB_BOOL(v)     ((struct db_arg){ .kind = DB_ARG_BOOL, .number = (v) })
#define DB_TIME(v)     ((struct db_arg){ .kind = DB_ARG_TIME, .number = (v) })
#define DB_TEXTS(v)    ((struct db_arg){ .kind = DB_ARG_TEXTS, .texts = (v) })
#define DB_BYTES(v)    ((struct db_arg){ .kind = DB_ARG_BYTES, .bytes = (v) })
#define DB_UUID(v)     ((struct db_arg){ .kind = DB_ARG_UUID, .uuids = (v), .count = 1 })
#define DB_UUIDS(v, n) ((struct db_arg){ .kind = DB_ARG_UUIDS, .uuids = (v), .count = (n) })
#define DB_INTS(v, n)  ((struct db_arg){ .kind = DB_ARG_INTS, .numbers = (v), .count = (n) })

struct db_args {
    const struct db_arg *v;
    size_t n;
};

#define DB_ARGS(...)                                                                               \
    ((struct db_args){ (const struct db_arg[]){ __VA_ARGS__ },                                     \
                       sizeof((const struct db_arg[]){ __VA_ARGS__ }) / sizeof(struct db_arg) })
#define DB_NO_ARGS ((struct db_args){ NULL, 0 })

struct arena;

/* The same arguments in mem, for when the literals are out of scope; what they point to stays. */
struct db_args db_args_keep(struct db_args args, struct arena *mem);

#endif
