/* Cursors: a letter for the list, a number of 16 hex digits, and for some an id of 32. They keep
 * the place between two rows, not a page number, so rows inserted meanwhile move nothing. */
#include "domain_priv.h"

#include <string.h>

enum { NUMBER_SIZE = 8, UUID_SIZE = 16 };

char *
cursor_write(char kind, const struct cursor *cursor, struct arena *mem)
{
    unsigned char bytes[NUMBER_SIZE + UUID_SIZE];
    size_t n = NUMBER_SIZE;
    struct uuid id;

    for (size_t i = 0; i < NUMBER_SIZE; i++)
        bytes[i] = (unsigned char)((uint64_t)cursor->number >> (8 * (NUMBER_SIZE - 1 - i)));
    if (cursor->id != NULL && ids_uuid_read(cursor->id, &id)) {
        memcpy(bytes + n, id.b, UUID_SIZE);
        n += UUID_SIZE;
    }

    char *text = arena_alloc(mem, 2 * n + 2);

    text[0] = kind;
    ids_hex(bytes, n, text + 1);
    return text;
}

bool
cursor_read(const char *text, char kind, bool has_id, struct cursor *cursor, struct arena *mem,
            struct err *err)
{
    unsigned char bytes[NUMBER_SIZE + UUID_SIZE];
    size_t n = NUMBER_SIZE + (has_id ? UUID_SIZE : 0);
    uint64_t number = 0;

    *cursor = (struct cursor){ 0 };
    if (text == NULL)
        return true;
    if (text[0] != kind || !ids_unhex(text + 1, bytes, n))
        goto broken;
    for (size_t i = 0; i < NUMBER_SIZE; i++)
        number = number << 8 | bytes[i];
    /* What no list of ours gives out; a time near the end of int64 is none of PostgreSQL's. */
    if (number == 0 || number > (uint64_t)INT64_MAX / 2)
        goto broken;
    cursor->number = (int64_t)number;
    if (has_id) {
        struct uuid id;

        memcpy(id.b, bytes + NUMBER_SIZE, UUID_SIZE);
        cursor->id = ids_uuid_text(&id, arena_alloc(mem, UUID_TEXT_SIZE));
    }
    return true;
broken:
    return err_set(err, ERR_VALIDATION_ERROR, "cursor",
                   "The cursor is not one that this list gave.");
}

struct page *
cursor_page(const struct list *rows, int64_t limit, struct arena *mem)
{
    struct page *page = ARENA_NEW(mem, struct page);

    page->data = *rows;
    page->has_more = rows->n > (size_t)limit;
    if (page->has_more)
        page->data.n = (size_t)limit;
    return page;
}
