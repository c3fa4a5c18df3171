/* The rows of config_keys.def as data, and what the config files share. */
#ifndef APP_CONFIG_PRIV_H
#define APP_CONFIG_PRIV_H

#include "app/config.h"

#include <limits.h>

enum config_kind {
    CONFIG_TEXT,
    CONFIG_ADDRESS, /* HOST:PORT                        */
    CONFIG_URL,     /* http:// or https://, no path     */
    CONFIG_PATH,    /* of a readable file               */
    CONFIG_NETS,    /* list of address/bits             */
    CONFIG_INT,
    CONFIG_DURATION, /* milliseconds                     */
    CONFIG_SIZE,     /* bytes                            */
    CONFIG_BOOL,
    CONFIG_ENUM,   /* the index of its word            */
    CONFIG_SECRET, /* struct secret *; also NAME_file  */
};

enum config_flag {
    KEY_RELOAD = 1 << 0,   /* may change while it runs                            */
    KEY_REQUIRED = 1 << 1, /* there is no standard value                          */
    KEY_GUARDED = 1 << 2,  /* may not stand in a file that others can read        */
};

struct config_key {
    const char *section, *name;
    enum config_kind kind;
    size_t offset;
    const char *standard;
    int64_t min, max;
    unsigned flags;
    const char *const *words; /* CONFIG_ENUM, NULL-terminated */
    const char *doc;
};

struct config_section {
    const char *name, *doc;
};

extern const struct config_key config_keys[];
extern const struct config_section config_sections[];
extern const size_t config_keys_count, config_sections_count;

enum { CONFIG_LINE_MAX = 8192, CONFIG_FILE_MAX = 1 << 20, CONFIG_SECRET_MAX = 65536 };

/* One reading: what is known so far. */
struct config_reading {
    const struct config_source *source;
    struct arena *mem;
    struct config *config;
    struct list *faults;
    bool *given;       /* per key: a value (right or wrong) was met                  */
    const char **seen; /* per key: where in the current file, NULL: not yet          */
    bool unread;       /* a file could not be read: what is missing may stand there */
};

/* Adds a fault; text is printf-formatted. */
void config_fault(struct config_reading *r, const char *where, const char *text, ...)
    __attribute__((format(printf, 3, 4)));

/* The row called "section" "name"; by_file is set when name is NAME_file of a secret. NULL: none.
 */
const struct config_key *config_find(const char *section, const char *name, bool *by_file);

/* Adds the fault "unknown key" or "unknown section", with the nearest known one. */
void config_unknown_key(struct config_reading *r, const char *where, const char *section,
                        const char *name);
void config_unknown_section(struct config_reading *r, const char *where, const char *section);

/* Reads FILE and FILE.d/NAME.conf in the order of their names. */
void config_read_files(struct config_reading *r, const char *file);

/* Reads text into the key's member, or adds a fault that names the key and never shows a secret. */
void config_put(struct config_reading *r, const struct config_key *key, bool by_file,
                const char *text, const char *where);

/* A file as it was read: bytes in mem with a NUL behind them, or NULL and why not. */
struct config_bytes {
    char *v;
    size_t n;
    unsigned mode;
    const char *why;
};

/* Reads a regular file of at most limit bytes. */
struct config_bytes config_slurp(const char *path, size_t limit, struct arena *mem);

/* Rules over several keys, and secrets that are still missing. */
void config_check(struct config_reading *r);

/* What may be written for a key, such as "a duration such as 30s or 2m". */
const char *config_wants(const struct config_key *key);

/* A number of the key's kind in the largest unit that is exact, in mem. */
char *config_number(const struct config_key *key, int64_t number, struct arena *mem);

#endif
