/* Records of calls: kept in batches, read page by page. */
#include "domain/links.h"

#include "domain_priv.h"
#include "store/calls.h"

enum { LATE_MS = 10 * 60 * 1000 }; /* a row may be written after others of later calls */

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

static bool
is_filtered(const struct call_filter *f)
{
    return f->agent_id != NULL || f->connection_id != NULL || f->outcome != NULL ||
           f->trace_id != NULL || f->since != 0 || f->until != 0;
}

/* A row is written when its call has ended, so what lies behind the edge ended before it: but for
 * what another node wrote late. */
static bool
may_go_on(const struct call_filter *filter, const struct call_edge *edge)
{
    return edge != NULL && (filter->since == 0 || edge->ended + LATE_MS >= filter->since);
}

/* One page looks at the rows down to the edge: of a filter that hardly any passes it is short, and
 * its cursor goes on behind the edge. */
struct page *
calls_list(struct unit *u, const struct call_filter *filter, struct err *err)
{
    struct db_tx *tx = db_single(u->db);
    const char *org = u->by->org_text;
    struct call_filter more = *filter;
    struct call_edge *edge = NULL;
    struct cursor cursor;

    more.limit = filter->limit + 1;
    if (!check_filter(filter, err) ||
        !cursor_read(filter->cursor, 'r', false, &cursor, u->mem, err))
        return NULL;
    if (is_filtered(filter) &&
        (edge = store_calls_edge(tx, org, cursor.number, u->mem, err)) == NULL &&
        err->code != ERR_NONE)
        return NULL;

    const struct call_range range = { edge == NULL ? 0 : edge->id, cursor.number };
    const struct list *rows = store_calls_list(tx, org, &more, range, u->mem, err);
    if (rows == NULL)
        return NULL;

    struct page *page = cursor_page(rows, filter->limit, u->mem);
    if (page->has_more)
        cursor.number = ((const struct call_record *)page->data.v[page->data.n - 1])->id;
    else if ((page->has_more = may_go_on(filter, edge)))
        cursor.number = edge->id;
    if (page->has_more)
        page->next = cursor_write('r', &cursor, u->mem);
    return page;
}
