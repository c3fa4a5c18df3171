/* What all lists of /api/v1 have in common: {data, total, page, limit}. */
#ifndef API_IDP_LISTS_H
#define API_IDP_LISTS_H

#include "http/route.h"
#include "model/identity.h"

enum { IDP_LIMIT_MAX = 100, IDP_PAGE_MAX = 1000000 };

/* The four members of a page; inner: the spec of one item. */
#define IDP_PAGE_FIELDS(inner)                                                                     \
    { "data", LIST_AT(struct numbered_page, data), 0, .spec = (inner), .doc = "Newest first." },   \
        { "total", INT_AT(struct numbered_page, total), 0,                                         \
          .doc = "Items on all pages, as far as 10,000; pages go on to 100,000. All agents of an " \
                 "organization, without a filter, are counted as far as 100,000." },               \
        { "page", INT_AT(struct numbered_page, page), 0, .doc = "Which page this is, from 1." },   \
        { "limit", INT_AT(struct numbered_page, limit), 0, .doc = "Items a page." }, FIELD_LAST

/* The two parameters of a page; most: the largest limit; std: the default, as text. */
#define IDP_PAGE_QUERY(type, most, std)                                                            \
    {                                                                                              \
        "page", INT_AT(type, page), 0, .min = 1, .max = IDP_PAGE_MAX, .doc = "Which page, from 1." \
    },                                                                                             \
    {                                                                                              \
        "limit", INT_AT(type, limit), 0, .min = 1, .max = (most),                                  \
                                         .doc = "Items a page; " std " when not given."            \
    }

#endif
