/* A place in a struct as data that the compiler checks; JSON specs, SQL rows, settings use it. */
#ifndef BASE_FIELD_H
#define BASE_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A list of texts; v has n entries. */
struct texts {
    const char **v;
    size_t n;
};

/* A list of pointers to structs of one kind; v has n entries. */
struct list {
    void **v;
    size_t n;
};

/* Bytes that are not text. */
struct bytes {
    const unsigned char *v;
    size_t n;
};

/* A named text: a query parameter, a header. */
struct param {
    const char *name, *value;
};

struct params {
    const struct param *v;
    size_t n;
};

/* A named, published check of a text: a row feeds the reader, the document and their tests. */
struct format {
    const char *name;    /* as in OpenAPI's "format"                      */
    const char *pattern; /* published regular expression (ECMA), or NULL  */
    bool (*check)(const char *text);
    const char *say;                      /* "must be …": the end of the sentence          */
    const char *const *good, *const *bad; /* samples, NULL-terminated               */
};

enum field_kind {
    FIELD_TEXT,   /* const char *: NULL is null                              */
    FIELD_TEXTS,  /* struct texts                                            */
    FIELD_BOOL,   /* bool                                                    */
    FIELD_INT,    /* int64_t                                                 */
    FIELD_ENUM,   /* int: the index of its word                              */
    FIELD_TIME,   /* int64_t: milliseconds since 1970 UTC; 0 is null         */
    FIELD_JSON,   /* const char *: JSON as text; NULL is null               */
    FIELD_UUID,   /* struct uuid; SQL only                                   */
    FIELD_BYTES,  /* struct bytes: v NULL is null; SQL only                  */
    FIELD_OBJECT, /* a struct inside the struct, drawn by its own spec       */
    FIELD_LIST,   /* struct list of structs, each drawn by its own spec      */
};

/* offsetof, refused by the compiler unless the member has exactly this type. */
#define AT(type, member, want)                                                                     \
    (offsetof(type, member) * sizeof(char[_Generic(((type *)0)->member, want : 1)]))

#define TEXT_AT(type, member)         FIELD_TEXT, AT(type, member, const char *)
#define TEXTS_AT(type, member)        FIELD_TEXTS, AT(type, member, struct texts)
#define BOOL_AT(type, member)         FIELD_BOOL, AT(type, member, bool)
#define INT_AT(type, member)          FIELD_INT, AT(type, member, int64_t)
#define ENUM_AT(type, member)         FIELD_ENUM, AT(type, member, int)
#define TIME_AT(type, member)         FIELD_TIME, AT(type, member, int64_t)
#define JSON_AT(type, member)         FIELD_JSON, AT(type, member, const char *)
#define UUID_AT(type, member)         FIELD_UUID, AT(type, member, struct uuid)
#define BYTES_AT(type, member)        FIELD_BYTES, AT(type, member, struct bytes)
#define OBJECT_AT(type, member, want) FIELD_OBJECT, AT(type, member, want)
#define LIST_AT(type, member)         FIELD_LIST, AT(type, member, struct list)

#endif
