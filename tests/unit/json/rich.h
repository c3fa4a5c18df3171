/* A struct with a member of every kind, and its specs: for the tests of this room and the fuzzer.
 */
#ifndef TESTS_RICH_H
#define TESTS_RICH_H

#include "json/formats.h"
#include "json/spec.h"

struct rich_inner {
    struct texts models;
    int64_t rate;
};

struct rich {
    const char *id, *name, *code, *colour, *secret, *email, *note, *meta;
    struct texts tags, languages;
    bool open;
    int64_t count, level, at;
    int mode;
    struct rich_inner inner;
    struct list parts;
};

enum rich_mode { MODE_FAST, MODE_SLOW, MODE_OFF };

static const char *const rich_modes[] = { "fast", "slow", "off", NULL };
static const char *const rich_colours[] = { "red", "green", NULL };

static const struct field rich_inner_fields[] = {
    { "models", TEXTS_AT(struct rich_inner, models), .max = 3, .item_max = 5 },
    { "rate", INT_AT(struct rich_inner, rate), F_REQUIRED | F_NULLABLE, .min = 1, .max = 1000 },
    FIELD_LAST,
};

static const struct spec rich_inner_spec = { "Inner", sizeof(struct rich_inner),
                                             rich_inner_fields };

static const struct field rich_fields[] = {
    { "id", TEXT_AT(struct rich, id), F_OUT_ONLY | F_OMIT_NULL, .doc = "Ours." },
    { "name", TEXT_AT(struct rich, name), F_REQUIRED, .min = 1, .max = 10, .doc = "Its name.",
      .example = "\"Screener\"" },
    { "short_code", TEXT_AT(struct rich, code), F_IMMUTABLE | F_NULLABLE, .min = 4, .max = 4 },
    { "colour", TEXT_AT(struct rich, colour), F_NULLABLE, .names = rich_colours },
    { "secret", TEXT_AT(struct rich, secret), F_IN_ONLY | F_NULLABLE, .min = 8 },
    { "media", TEXT_AT(struct rich, email), F_NULLABLE, .format = &format_media_type },
    { "note", TEXT_AT(struct rich, note), F_OUT_ONLY | F_SECRET | F_OMIT_NULL },
    { "metadata", JSON_AT(struct rich, meta), F_NULLABLE, .max = 64, .doc = "Free." },
    { "tags", TEXTS_AT(struct rich, tags), F_NULLABLE, .min = 1, .max = 3 },
    { "languages", TEXTS_AT(struct rich, languages), .max = 4, .format = &format_language },
    { "is_open", BOOL_AT(struct rich, open), F_NULLABLE },
    { "count", INT_AT(struct rich, count), .min = -5, .max = 100 },
    { "level", INT_AT(struct rich, level), F_NULLABLE },
    { "at", TIME_AT(struct rich, at), F_NULLABLE },
    { "mode", ENUM_AT(struct rich, mode), F_NULLABLE, .names = rich_modes },
    { "inner", OBJECT_AT(struct rich, inner, struct rich_inner), F_NULLABLE,
      .spec = &rich_inner_spec },
    { "parts", LIST_AT(struct rich, parts), F_OUT_ONLY, .spec = &rich_inner_spec },
    FIELD_LAST,
};

static const struct spec rich_spec = { "Rich", sizeof(struct rich), rich_fields };

#endif
