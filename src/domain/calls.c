/* Records of calls: kept in batches, read page by page. */
#include "domain/links.h"

#include "domain_priv.h"
#include "store/calls.h"

void
calls_row(const struct call_record *record, struct buf *rows)
{
    store_calls_row(record, rows);
}

bool
calls_record(struct unit *u, const struct buf *rows, struct err *err)
{
    return buf_size(rows) == 0 || store_calls_insert(db_single(u->db), rows, err);
}

static bool
check_filter(const struct call_filter *filter, struct err *err)
{
    struct agent_key key;
    struct uuid uuid;

    if (filter->agent_id != NULL && !agents_key_read(filter->agent_id, &key))
        return err_set(err, ERR_VALIDATION_ERROR, "agent_id", "This is no id of an agent.");
    if (filter->connection_id != NULL && !ids_uuid_read(filter->connection_id, &uuid))
        return err_set(err, ERR_VALIDATION_ERROR, "connection_id",
                       "This is no id of a connection.");
    return true;
}

struct page *
calls_list(struct unit *u, const struct call_filter *filter, struct err *err)
{
    struct call_filter more = *filter;
    struct cursor cursor;

    more.limit = filter->limit + 1;
    if (!check_filter(filter, err) ||
        !cursor_read(filter->cursor, 'r', false, &cursor, u->mem, err))
        return NULL;

    const struct list *rows =
        store_calls_list(db_single(u->db), u->by->org_text, &more, cursor.number, u->mem, err);
    if (rows == NULL)
        return NULL;

    struct page *page = cursor_page(rows, filter->limit, u->mem);
    if (page->has_more) {
        const struct call_record *last = page->data.v[page->data.n - 1];

        cursor = (struct cursor){ .number = last->id };
        page->next = cursor_write('r', &cursor, u->mem);
    }
    return page;
}
