/* A JSON object as data: the rows that read it, check it, draw it and document it. */
#ifndef JSON_TABLE_H
#define JSON_TABLE_H

#include "base/field.h"

enum field_flag {
    F_REQUIRED = 1 << 0,  /* must be given when the whole is given (not in a patch)            */
    F_OUT_ONLY = 1 << 1,  /* readOnly: refused on the way in                                   */
    F_IN_ONLY = 1 << 2,   /* writeOnly: never drawn                                            */
    F_NULLABLE = 1 << 3,  /* null is accepted on the way in (sets NULL or 0) and may be drawn  */
    F_SECRET = 1 << 4,    /* drawn once: null in what is kept for a replay                     */
    F_IMMUTABLE = 1 << 5, /* accepted when the whole is given, refused in a patch              */
    F_OMIT_NULL = 1 << 6, /* left out of the drawing instead of null                           */
    F_LIST = 1 << 7,      /* of FIELD_JSON: a list of objects instead of an object             */
    F_ANY = 1 << 8,       /* of FIELD_JSON: a value of any kind                                */
};

struct spec;

struct field {
    const char *key; /* on the wire                                                    */
    enum field_kind kind;
    size_t offset;
    unsigned flags;
    long long min, max;          /* length of a text (code points), items of a list, value of an
                                    int; max 0: unbounded, min always holds. FIELD_JSON: max
                                    bytes of its text                                      */
    long long item_max;          /* FIELD_TEXTS: longest item; 0: 200                      */
    const struct format *format; /* for a text, and for each item of FIELD_TEXTS           */
    const char *const *names;    /* the allowed words, NULL-terminated; FIELD_ENUM: the index is
                                    the value                                              */
    const struct spec *spec;     /* FIELD_OBJECT, FIELD_LIST: of the inner struct          */
    const char *doc;             /* one sentence, published                                */
    const char *example;         /* published; JSON text, or NULL                          */
};

#define FIELD_LAST                                                                                 \
    {                                                                                              \
        .key = NULL                                                                                \
    }

enum { FIELD_ITEM_MAX = 200 };

struct spec {
    const char *name; /* its name in the OpenAPI components */
    size_t size;      /* of the struct                      */
    const struct field *fields;
    bool open; /* unknown members are ignored instead of refused */
};

#endif
