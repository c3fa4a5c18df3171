/* One table per JSON object: the rows that read it, check it, draw it and document it. */
#ifndef JSON_SPEC_H
#define JSON_SPEC_H

#include "base/arena.h"
#include "base/err.h"
#include "base/field.h"
#include "base/must.h"

#include <jansson.h>

enum field_flag {
    F_REQUIRED = 1 << 0,  /* must be given when the whole is given (not in a patch)            */
    F_OUT_ONLY = 1 << 1,  /* readOnly: refused on the way in                                   */
    F_IN_ONLY = 1 << 2,   /* writeOnly: never drawn                                            */
    F_NULLABLE = 1 << 3,  /* null is accepted on the way in (sets NULL or 0) and may be drawn  */
    F_SECRET = 1 << 4,    /* drawn once: null in what is kept for a replay                     */
    F_IMMUTABLE = 1 << 5, /* accepted when the whole is given, refused in a patch              */
    F_OMIT_NULL = 1 << 6, /* left out of the drawing instead of null                           */
};

struct spec;

struct field {
    const char *key; /* on the wire                                                    */
    enum field_kind kind;
    size_t offset;
    unsigned flags;
    long long min, max;          /* length of a text, items of a list, value of an int; max 0:
                                    unbounded. FIELD_JSON: max bytes of its text           */
    long long item_max;          /* FIELD_TEXTS: longest item; 0: 200                      */
    const struct format *format; /* for a text, and for each item of FIELD_TEXTS           */
    const char *const *names;    /* the allowed words, NULL-terminated; FIELD_ENUM: the index is
                                    the value                                              */
    const struct spec *spec;     /* FIELD_OBJECT, FIELD_LIST: of the inner struct          */
    const char *doc;             /* one sentence, published                                */
    const char *example;         /* published; JSON text, or NULL                          */
};

#define FIELD_LAST { .key = NULL }

struct spec {
    const char *name; /* its name in the OpenAPI components */
    size_t size;      /* of the struct                      */
    const struct field *fields;
    bool open;        /* unknown members are ignored instead of refused */
};

enum { JSON_DEPTH_MAX = 32, JSON_NODES_MAX = 20000 };

/* Parses a body within the limits: depth JSON_DEPTH_MAX, at most JSON_NODES_MAX values (counted
 * before parsing), no duplicate members, no NUL, nothing behind the value. The result is owned by
 * mem. Fails with MALFORMED_JSON (reason with line and column, never the text itself) or
 * VALIDATION_ERROR (a duplicate member; field names it where it is known). */
json_t *json_read(const char *bytes, size_t n, struct arena *mem, struct err *err) MUST_CHECK;

enum spec_mode {
    SPEC_WHOLE, /* required fields must be there                                     */
    SPEC_PATCH, /* RFC 7396: only members given change; the others stay as they are  */
};

/* Checks body (must be an object) against the spec and fills thing, whose texts then live in mem.
 * Members not given are left as they are in thing: fill in defaults before. Null sets NULL, 0,
 * false, an empty list. Fails with VALIDATION_ERROR, field = path such as
 * "capabilities.models[2]"; the first fault in the order of the table. An unknown member is a
 * fault (with "did you mean …" when one is near) unless the spec is open. */
bool spec_read(const struct spec *spec, json_t *body, void *thing, enum spec_mode mode,
               struct arena *mem, struct err *err) MUST_CHECK;

/* The same for query parameters (kinds TEXT, INT, BOOL, ENUM, TIME): thing is filled in from text.
 * A parameter given twice is a fault; an unknown one too. */
bool spec_read_query(const struct spec *spec, const struct params *query, void *thing,
                     struct arena *mem, struct err *err) MUST_CHECK;

enum spec_view {
    VIEW_FULL, /* with one-time secrets                      */
    VIEW_KEPT, /* F_SECRET members are null                  */
};

/* Draws thing as a new JSON object, members in the order of the table; the caller owns the
 * reference. Text that is not UTF-8 is a programming error (asserted). */
json_t *spec_write(const struct spec *spec, const void *thing, enum spec_view view);

enum spec_side {
    SIDE_IN,    /* body of a creating request     */
    SIDE_PATCH, /* body of a PATCH                */
    SIDE_OUT,   /* answer                         */
};

/* The JSON Schema (2020-12, as OpenAPI 3.1 uses it) of the spec, inner specs by
 * {"$ref": "#/components/schemas/NAME"} (spec_schema_name gives NAME). New reference. */
json_t *spec_schema(const struct spec *spec, enum spec_side side);

/* The schema of one field, as it stands in a query parameter. New reference. */
json_t *spec_field_schema(const struct field *field, enum spec_side side);

/* "Agent" for SIDE_OUT, "AgentInput" for SIDE_IN, "AgentPatch" for SIDE_PATCH, in mem. */
const char *spec_schema_name(const struct spec *spec, enum spec_side side, struct arena *mem);

#endif
