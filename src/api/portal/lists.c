/* Pages of lists: the answer and the link to the next one. */
#include "api/portal/lists.h"

#include "base/buf.h"

#include <string.h>

/* Everything but RFC 3986's unreserved characters is escaped. */
static void
put_encoded(struct buf *out, const char *text)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

    for (; *text != '\0'; text++) {
        if (strchr(plain, *text) != NULL)
            buf_put(out, text, 1);
        else
            buf_printf(out, "%%%02X", (unsigned char)*text);
    }
}

static void
put_param(struct buf *out, const char *name, const char *value)
{
    buf_text(out, strchr(buf_cstr(out), '?') == NULL ? "?" : "&");
    put_encoded(out, name);
    buf_text(out, "=");
    put_encoded(out, value);
}

void
portal_lists_link(struct request *rq, const struct page *page)
{
    struct buf out;

    if (!page->has_more)
        return;
    buf_init(&out, 0);
    buf_printf(&out, "<%s", rq->path);
    for (size_t i = 0; i < rq->query.n; i++)
        if (strcmp(rq->query.v[i].name, "cursor") != 0)
            put_param(&out, rq->query.v[i].name, rq->query.v[i].value);
    put_param(&out, "cursor", page->next);
    buf_text(&out, ">; rel=\"next\"");
    reply_header(rq, "Link", arena_textn(rq->mem, buf_bytes(&out), buf_size(&out)));
    buf_done(&out);
}

bool
portal_lists_answer(struct request *rq, const struct page *page)
{
    if (page == NULL)
        return false;
    rq->out = page;
    portal_lists_link(rq, page);
    return true;
}
