/* Rows in PostgreSQL's text format to structs of ours, by the shape of the statement. A column of
 * another type than its shape says is a mistake in a table of ours and so an assert. */
#include "db_priv.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Reads one entry, quoted or not, into *room, which moves on; *out is it (NULL: the word NULL).
 * Returns where it ends, or NULL when it is malformed. */
static const char *
read_entry(const char *at, const char **out, char **room)
{
    bool quoted = *at == '"';
    const char *text = *room;
    char *to = *room;

    for (at += quoted; *at != '\0'; at++) {
        if (quoted ? *at == '"' : strchr(",{}\"", *at) != NULL)
            break;
        if (*at == '\\' && *++at == '\0')
            return NULL;
        *to++ = *at;
    }
    *to++ = '\0';
    *room = to;
    *out = !quoted && strcmp(text, "NULL") == 0 ? NULL : text;
    if (quoted)
        return *at == '"' ? at + 1 : NULL;
    return *text == '\0' ? NULL : at;
}

bool
db_rows_array(const char *literal, struct texts *out, struct arena *mem)
{
    size_t most = 1;
    const char *at = literal;

    *out = (struct texts){ 0 };
    if (*at++ != '{')
        return false;
    if (strcmp(at, "}") == 0)
        return true;
    for (const char *p = at; *p != '\0'; p++)
        most += *p == ',';
    out->v = arena_alloc(mem, most * sizeof *out->v);
    /* An entry and its NUL need no more than the entry and the comma or brace behind it. */
    char *room = arena_alloc(mem, strlen(at) + 1);
    for (;;) {
        at = read_entry(at, &out->v[out->n], &room);
        if (at == NULL)
            return false;
        out->n++;
        if (*at == '}')
            return at[1] == '\0';
        if (*at++ != ',')
            return false;
    }
}

static struct bytes
read_bytes(const char *text, struct arena *mem)
{
    size_t n = strlen(text);
    assert(n >= 2 && text[0] == '\\' && text[1] == 'x');
    n = n / 2 - 1;
    unsigned char *v = arena_alloc(mem, n);
    bool good = ids_unhex(text + 2, v, n);

    assert(good);
    return (struct bytes){ v, n };
}

static int64_t
read_int(const char *text)
{
    char *end;

    errno = 0;
    long long number = strtoll(text, &end, 10);
    assert(errno == 0 && end != text && *end == '\0');
    return number;
}

static bool
read_bool(const char *text)
{
    assert(strcmp(text, "t") == 0 || strcmp(text, "f") == 0);
    return text[0] == 't';
}

/* The struct is zeroed, which is what a null means for every kind. */
static void
read_member(char *member, enum field_kind kind, const char *text, struct arena *mem)
{
    bool good = true;

    switch (kind) {
    case FIELD_TEXT:
    case FIELD_JSON:
        *(const char **)(void *)member = arena_text(mem, text);
        break;
    case FIELD_TEXTS:
        good = db_rows_array(text, (struct texts *)(void *)member, mem);
        break;
    case FIELD_BOOL:
        *(bool *)member = read_bool(text);
        break;
    case FIELD_INT:
    case FIELD_TIME:
        *(int64_t *)(void *)member = read_int(text);
        break;
    case FIELD_ENUM:
        *(int *)(void *)member = (int)read_int(text);
        break;
    case FIELD_UUID:
        good = ids_uuid_read(text, (struct uuid *)(void *)member);
        break;
    case FIELD_BYTES:
        *(struct bytes *)(void *)member = read_bytes(text, mem);
        break;
    case FIELD_OBJECT:
    case FIELD_LIST:
        good = false;
        break;
    }
    assert(good);
}

void *
db_rows_read(const PGresult *result, int row, const struct db_shape *shape, struct arena *mem)
{
    char *thing = arena_alloc(mem, shape->size);

    assert((size_t)PQnfields(result) == shape->ncols);
    for (int i = 0; i < (int)shape->ncols; i++)
        if (!PQgetisnull(result, row, i))
            read_member(thing + shape->cols[i].offset, shape->cols[i].kind,
                        PQgetvalue(result, row, i), mem);
    return thing;
}
