/* The settings as a whole: the table, the order of the sources, what a reload may change. */
#include "config_priv.h"

#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

static const char *const level_words[] = { "error", "warn", "info", "debug", NULL };
static const char *const format_words[] = { "auto", "logfmt", "json", "journal", NULL };

_Static_assert(LOG_ERROR == 0 && LOG_DEBUG == 3, "level_words follow enum log_level");
_Static_assert(LOG_AUTO == 0 && LOG_JOURNAL == 3, "format_words follow enum log_format");

#define KIND_TEXT(member)     CONFIG_TEXT, AT(struct config, member, const char *)
#define KIND_ADDRESS(member)  CONFIG_ADDRESS, AT(struct config, member, const char *)
#define KIND_URL(member)      CONFIG_URL, AT(struct config, member, const char *)
#define KIND_PATH(member)     CONFIG_PATH, AT(struct config, member, const char *)
#define KIND_NETS(member)     CONFIG_NETS, AT(struct config, member, const char *)
#define KIND_INT(member)      CONFIG_INT, AT(struct config, member, int64_t)
#define KIND_DURATION(member) CONFIG_DURATION, AT(struct config, member, int64_t)
#define KIND_SIZE(member)     CONFIG_SIZE, AT(struct config, member, int64_t)
#define KIND_BOOL(member)     CONFIG_BOOL, AT(struct config, member, bool)
#define KIND_LEVEL(member)    CONFIG_ENUM, AT(struct config, member, int)
#define KIND_FORMAT(member)   CONFIG_ENUM, AT(struct config, member, int)
#define KIND_SECRET(member)   CONFIG_SECRET, AT(struct config, member, struct secret *)

#define WORDS_TEXT     NULL
#define WORDS_ADDRESS  NULL
#define WORDS_URL      NULL
#define WORDS_PATH     NULL
#define WORDS_NETS     NULL
#define WORDS_INT      NULL
#define WORDS_DURATION NULL
#define WORDS_SIZE     NULL
#define WORDS_BOOL     NULL
#define WORDS_SECRET   NULL
#define WORDS_LEVEL    level_words
#define WORDS_FORMAT   format_words

const struct config_key config_keys[] = {
#define SECTION(name, doc)
#define KEY(section, name, kind, standard, min, max, flags, doc)                                   \
    { #section, #name, KIND_##kind(section.name), standard, min, max, flags, WORDS_##kind, doc },
#include "config_keys.def"
#undef SECTION
#undef KEY
};

const struct config_section config_sections[] = {
#define SECTION(name, doc) { #name, doc },
#define KEY(section, name, kind, standard, min, max, flags, doc)
#include "config_keys.def"
#undef SECTION
#undef KEY
};

const size_t config_keys_count = COUNT(config_keys);
const size_t config_sections_count = COUNT(config_sections);

void
config_fault(struct config_reading *r, const char *where, const char *text, ...)
{
    struct config_fault *fault = ARENA_NEW(r->mem, struct config_fault);
    void **v = arena_alloc(r->mem, (r->faults->n + 1) * sizeof *v);
    char sentence[1024];
    va_list args;

    va_start(args, text);
    vsnprintf(sentence, sizeof sentence, text, args);
    va_end(args);
    fault->where = arena_text(r->mem, where);
    fault->text = arena_text(r->mem, sentence);
    if (r->faults->n > 0)
        memcpy(v, r->faults->v, r->faults->n * sizeof *v);
    v[r->faults->n++] = fault;
    r->faults->v = v;
}

const struct config_key *
config_find(const char *section, const char *name, bool *by_file)
{
    for (size_t i = 0; i < config_keys_count; i++) {
        const struct config_key *key = &config_keys[i];
        size_t n = strlen(key->name);

        if (strcmp(key->section, section) != 0 || strncmp(key->name, name, n) != 0)
            continue;
        *by_file = key->kind == CONFIG_SECRET && strcmp(name + n, "_file") == 0;
        if (*by_file || name[n] == '\0')
            return key;
    }
    return NULL;
}

/* ROSTERD_PROXY_MAX_BODY to proxy, max_body. False: not of a section of ours. */
static bool
read_variable(const char *entry, size_t n, struct arena *mem, const char **section,
              const char **name)
{
    char *text = arena_textn(mem, entry + strlen("ROSTERD_"), n - strlen("ROSTERD_"));
    char *split = strchr(text, '_');

    if (split == NULL)
        return false;
    *split = '\0';
    for (char *c = text; c < text + n - strlen("ROSTERD_"); c++)
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
    *section = text;
    *name = split + 1;
    for (size_t i = 0; i < config_sections_count; i++)
        if (strcmp(config_sections[i].name, text) == 0)
            return true;
    return false;
}

static void
read_environment(struct config_reading *r)
{
    memset(r->seen, 0, config_keys_count * sizeof *r->seen);
    for (char **e = environ; *e != NULL; e++) {
        const char *equals = strchr(*e, '='), *section, *name;
        bool by_file = false;

        if (strncmp(*e, "ROSTERD_", 8) != 0 || strncmp(*e, "ROSTERD_TEST_", 13) == 0 ||
            equals == NULL)
            continue;
        size_t n = (size_t)(equals - *e);
        const char *where = arena_printf(r->mem, "environment %.*s", (int)n, *e);

        if (n <= 8 || !read_variable(*e, n, r->mem, &section, &name))
            continue;
        const struct config_key *key = config_find(section, name, &by_file);
        if (key == NULL) {
            config_unknown_key(r, where, section, name);
        } else if (r->seen[key - config_keys] != NULL) {
            config_fault(r, where, "%s.%s is also set by %s: keep one", section, name,
                         r->seen[key - config_keys]);
        } else {
            r->seen[key - config_keys] = where;
            config_put(r, key, by_file, equals + 1, where);
        }
    }
}

static void
read_overrides(struct config_reading *r)
{
    const struct params *list = r->source->overrides;

    for (size_t i = 0; list != NULL && i < list->n; i++) {
        const char *dot = strchr(list->v[i].name, '.');
        bool by_file = false;
        const char *section =
            dot == NULL ? ""
                        : arena_textn(r->mem, list->v[i].name, (size_t)(dot - list->v[i].name));
        const struct config_key *key = dot == NULL ? NULL : config_find(section, dot + 1, &by_file);

        if (key == NULL)
            config_fault(r, "command line", "unknown key \"%s\"", list->v[i].name);
        else
            config_put(r, key, by_file, list->v[i].value, "command line");
    }
}

static void
put_standards(struct config_reading *r)
{
    for (size_t i = 0; i < config_keys_count; i++)
        if (config_keys[i].standard[0] != '\0' || config_keys[i].kind == CONFIG_NETS)
            config_put(r, &config_keys[i], false, config_keys[i].standard, "standard");
    if (r->source->dev) {
        r->config->outbound.allow = "127.0.0.0/8, ::1/128";
        r->config->outbound.allow_http = true;
    }
    memset(r->given, 0, config_keys_count * sizeof *r->given);
}

struct config *
config_load(const struct config_source *source, struct arena *mem, struct list *faults)
{
    struct config_reading r = {
        .source = source,
        .mem = mem,
        .config = ARENA_NEW(mem, struct config),
        .faults = faults,
        .given = arena_alloc(mem, config_keys_count * sizeof(bool)),
        .seen = arena_alloc(mem, config_keys_count * sizeof(char *)),
    };

    *faults = (struct list){ 0 };
    put_standards(&r);
    if (source->file != NULL)
        config_read_files(&r, source->file);
    read_environment(&r);
    read_overrides(&r);
    config_check(&r);
    return faults->n == 0 ? r.config : NULL;
}

static bool
same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool
same_secret(const struct secret *a, const struct secret *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    return secret_size(a) == secret_size(b) &&
           memcmp(secret_bytes(a), secret_bytes(b), secret_size(a)) == 0;
}

/* Size of the member of a plain (not text, not secret) kind; 0: of another kind. */
static size_t
plain_size(enum config_kind kind)
{
    switch (kind) {
    case CONFIG_INT:
    case CONFIG_DURATION:
    case CONFIG_SIZE:
        return sizeof(int64_t);
    case CONFIG_BOOL:
        return sizeof(bool);
    case CONFIG_ENUM:
        return sizeof(int);
    case CONFIG_TEXT:
    case CONFIG_ADDRESS:
    case CONFIG_URL:
    case CONFIG_PATH:
    case CONFIG_NETS:
    case CONFIG_SECRET:
        break;
    }
    return 0;
}

static bool
same_value(const struct config_key *key, const char *a, const char *b)
{
    size_t n = plain_size(key->kind);

    if (n > 0)
        return memcmp(a, b, n) == 0;
    if (key->kind == CONFIG_SECRET)
        return same_secret(*(struct secret *const *)(const void *)a,
                           *(struct secret *const *)(const void *)b);
    return same_text(*(const char *const *)(const void *)a, *(const char *const *)(const void *)b);
}

void
config_reload(struct config *now, const struct config *fresh, struct arena *mem, struct texts *held)
{
    *held = (struct texts){ arena_alloc(mem, config_keys_count * sizeof(char *)), 0 };
    for (size_t i = 0; i < config_keys_count; i++) {
        const struct config_key *key = &config_keys[i];
        char *to = (char *)now + key->offset;
        const char *from = (const char *)fresh + key->offset;

        if (same_value(key, to, from))
            continue;
        /* Texts and secrets belong to the arena of the reading that made them: they never move. */
        if (key->flags & KEY_RELOAD && plain_size(key->kind) > 0)
            memcpy(to, from, plain_size(key->kind));
        else
            held->v[held->n++] = arena_printf(mem, "%s.%s", key->section, key->name);
    }
}
