/* Arguments of a statement in the forms that PostgreSQL reads: text, and binary where text would
 * be ambiguous or costly (bytes, UUIDs, lists of numbers). */
#include "db_priv.h"

#include "base/clock.h"

#include <assert.h>
#include <endian.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { OID_INT8 = 20, OID_UUID = 2950 };

static char *
put_quoted(char *to, const char *from, size_t n)
{
    if (memchr(from, '"', n) == NULL && memchr(from, '\\', n) == NULL)
        return mempcpy(to, from, n);
    for (; n > 0; n--, from++) {
        if (*from == '"' || *from == '\\')
            *to++ = '\\';
        *to++ = *from;
    }
    return to;
}

/* Every entry is quoted: then only quote and backslash are special, and "NULL" is a text. */
char *
db_args_array(const struct texts *texts, struct arena *mem)
{
    size_t size = 3;

    for (size_t i = 0; i < texts->n; i++)
        size += texts->v[i] == NULL ? 5 : 2 * strlen(texts->v[i]) + 3;

    char *literal = arena_alloc(mem, size);
    char *to = literal;

    *to++ = '{';
    for (size_t i = 0; i < texts->n; i++) {
        if (i > 0)
            *to++ = ',';
        if (texts->v[i] == NULL) {
            to = mempcpy(to, "NULL", 4);
            continue;
        }
        *to++ = '"';
        to = put_quoted(to, texts->v[i], strlen(texts->v[i]));
        *to++ = '"';
    }
    *to++ = '}';
    *to = '\0';
    return literal;
}

char *
db_args_number(char *to, uint64_t value, int bytes)
{
    uint64_t first_is_highest = htobe64(value << 8 * (8 - bytes));

    return mempcpy(to, &first_is_highest, (size_t)bytes);
}

/* The head of a binary array of one dimension without nulls (see array_recv of PostgreSQL): number
 * of dimensions, null flag, type, length, lower bound. */
static char *
put_array_head(char *to, uint32_t type, size_t count)
{
    to = db_args_number(to, count == 0 ? 0 : 1, 4);
    to = db_args_number(to, 0, 4);
    to = db_args_number(to, type, 4);
    if (count == 0)
        return to;
    to = db_args_number(to, count, 4);
    return db_args_number(to, 1, 4);
}

static struct bytes
uuid_array(const struct db_arg *arg, struct arena *mem)
{
    char *data = arena_alloc(mem, 20 + arg->count * 20);
    char *to = put_array_head(data, OID_UUID, arg->count);

    for (size_t i = 0; i < arg->count; i++) {
        to = db_args_number(to, 16, 4);
        to = mempcpy(to, arg->uuids[i].b, 16);
    }
    return (struct bytes){ (unsigned char *)data, (size_t)(to - data) };
}

static struct bytes
int_array(const struct db_arg *arg, struct arena *mem)
{
    char *data = arena_alloc(mem, 20 + arg->count * 12);
    char *to = put_array_head(data, OID_INT8, arg->count);

    for (size_t i = 0; i < arg->count; i++) {
        to = db_args_number(to, 8, 4);
        to = db_args_number(to, (uint64_t)arg->numbers[i], 8);
    }
    return (struct bytes){ (unsigned char *)data, (size_t)(to - data) };
}

static const char *
time_text(int64_t ms, struct arena *mem)
{
    return ms == 0 ? NULL : clock_text(ms, arena_alloc(mem, CLOCK_TEXT_SIZE));
}

/* The hex form of bytea. */
static const char *
bytes_text(struct bytes bytes, struct arena *mem)
{
    if (bytes.v == NULL)
        return NULL;

    char *text = arena_alloc(mem, 2 * bytes.n + 3);

    text[0] = '\\';
    text[1] = 'x';
    ids_hex(bytes.v, bytes.n, text + 2);
    return text;
}

/* The argument as PostgreSQL reads it in text; NULL: SQL null. */
static const char *
text_of(const struct db_arg *arg, struct arena *mem)
{
    switch (arg->kind) {
    case DB_ARG_TEXT:
        return arg->text;
    case DB_ARG_INT:
        return arena_printf(mem, "%lld", (long long)arg->number);
    case DB_ARG_BOOL:
        return arg->number != 0 ? "t" : "f";
    case DB_ARG_TIME:
        return time_text(arg->number, mem);
    case DB_ARG_TEXTS:
        return arg->texts == NULL ? NULL : db_args_array(arg->texts, mem);
    case DB_ARG_BYTES:
        return bytes_text(arg->bytes, mem);
    case DB_ARG_UUID:
    case DB_ARG_UUIDS:
    case DB_ARG_INTS:
        break;
    }
    abort(); /* binary only */
}

static void
put_bytes(struct db_params *out, int i, struct bytes bytes)
{
    assert(bytes.n <= INT_MAX);
    out->formats[i] = 1;
    out->values[i] = (const char *)bytes.v;
    out->lengths[i] = (int)bytes.n;
}

static void
put_arg(struct db_params *out, int i, const struct db_arg *arg, struct arena *mem)
{
    switch (arg->kind) {
    case DB_ARG_TEXT:
    case DB_ARG_INT:
    case DB_ARG_BOOL:
    case DB_ARG_TIME:
    case DB_ARG_TEXTS:
        out->values[i] = text_of(arg, mem);
        break;
    case DB_ARG_BYTES:
        put_bytes(out, i, arg->bytes);
        break;
    case DB_ARG_UUID:
        put_bytes(out, i, (struct bytes){ arg->uuids == NULL ? NULL : arg->uuids->b, 16 });
        break;
    case DB_ARG_UUIDS:
        put_bytes(out, i, uuid_array(arg, mem));
        break;
    case DB_ARG_INTS:
        put_bytes(out, i, int_array(arg, mem));
        break;
    }
}

struct db_args
db_args_keep(struct db_args args, struct arena *mem)
{
    size_t size = args.n * sizeof *args.v;

    return (struct db_args){ memcpy(arena_alloc(mem, size), args.v, size), args.n };
}

struct db_args
db_args_columns(const struct db_each *rows, size_t n, struct arena *mem)
{
    size_t columns = rows[0].args.n;
    struct db_arg *args = arena_alloc(mem, columns * sizeof *args);

    for (size_t i = 0; i < columns; i++) {
        struct texts *texts = ARENA_NEW(mem, struct texts);

        *texts = (struct texts){ arena_alloc(mem, n * sizeof *texts->v), n };
        for (size_t k = 0; k < n; k++) {
            assert(rows[k].args.n == columns);
            texts->v[k] = text_of(&rows[k].args.v[i], mem);
        }
        args[i] = DB_TEXTS(texts);
    }
    return (struct db_args){ args, columns };
}

struct db_params
db_args_bind(struct db_args args, struct arena *mem)
{
    struct db_params params = { .n = (int)args.n };

    assert(args.n <= 65535);
    params.values = arena_alloc(mem, args.n * sizeof *params.values);
    params.lengths = arena_alloc(mem, args.n * sizeof *params.lengths);
    params.formats = arena_alloc(mem, args.n * sizeof *params.formats);
    for (size_t i = 0; i < args.n; i++)
        put_arg(&params, (int)i, &args.v[i], mem);
    return params;
}
