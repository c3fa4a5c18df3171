/* What all lists of the portal have in common. */
#ifndef API_PORTAL_LISTS_H
#define API_PORTAL_LISTS_H

#include "http/route.h"
#include "model/link.h"

enum { PORTAL_LIMIT_MAX = 200 };

/* The three members of a page; inner: the spec of one item. */
#define PORTAL_PAGE_FIELDS(inner)                                                                  \
    { "data", LIST_AT(struct page, data), 0, .spec = (inner), .doc = "Newest first." },            \
        { "has_more", BOOL_AT(struct page, has_more), 0, .doc = "Whether a next page exists." },   \
        { "next", TEXT_AT(struct page, next), F_NULLABLE, .doc = "Cursor of the next page." },     \
        FIELD_LAST

/* The two parameters of a page; page: the default limit, as text. */
#define PORTAL_PAGE_QUERY(type, page)                                                              \
    { "cursor",   TEXT_AT(type, cursor),                                                           \
      0,          .min = 1,                                                                        \
      .max = 200, .doc = "The value of next in the page before." },                                \
    {                                                                                              \
        "limit", INT_AT(type, limit), 0, .min = 1, .max = PORTAL_LIMIT_MAX,                        \
                                         .doc = "Items a page; " page " when not given."           \
    }

/* Makes a page the answer, with a Link header to the next one that keeps the other parameters.
 * page NULL: returns false. */
bool portal_lists_answer(struct request *rq, const struct page *page);

/* The same without the body: the header alone. */
void portal_lists_link(struct request *rq, const struct page *page);

#endif
