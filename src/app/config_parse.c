/* The INI files: sections, keys, values, drop-ins; every fault with its file and line. */
#include "config_priv.h"

#include "json/near.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One file while it is read. */
struct ini {
    struct config_reading *r;
    const char *path, *section; /* section: NULL before the first; "" in an unknown one */
    unsigned mode;
    size_t line;
};

struct config_bytes
config_slurp(const char *path, size_t limit, struct arena *mem)
{
    struct config_bytes file = { 0 };
    struct stat st;
    /* Not to hang on a FIFO that somebody put there. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0 || fstat(fd, &st) != 0) {
        file.why = strerrordesc_np(errno);
    } else if (!S_ISREG(st.st_mode)) {
        file.why = S_ISDIR(st.st_mode) ? "it is a directory" : "it is not a regular file";
    } else if (st.st_size > (off_t)limit) {
        file.why = "it is too large";
    } else {
        char *bytes = arena_alloc(mem, (size_t)st.st_size + 1);
        ssize_t n = read(fd, bytes, (size_t)st.st_size);
        file = (struct config_bytes){ .v = n < 0 ? NULL : bytes,
                                      .n = n < 0 ? 0 : (size_t)n,
                                      .mode = st.st_mode & 07777,
                                      .why = n < 0 ? strerrordesc_np(errno) : NULL };
    }
    if (fd >= 0)
        close(fd);
    return file;
}

void
config_unknown_section(struct config_reading *r, const char *where, const char *section)
{
    const char *best = NULL;
    unsigned least = UINT_MAX;

    for (size_t i = 0; i < config_sections_count; i++) {
        unsigned d = near_distance(section, config_sections[i].name);
        if (d < least) {
            least = d;
            best = config_sections[i].name;
        }
    }
    if (best != NULL && near_enough(least, section))
        config_fault(r, where, "unknown section \"%.64s\"; did you mean \"%s\"?", section, best);
    else
        config_fault(r, where, "unknown section \"%.64s\"", section);
}

void
config_unknown_key(struct config_reading *r, const char *where, const char *section,
                   const char *name)
{
    const struct config_key *best = NULL;
    unsigned least = UINT_MAX;

    /* A key of the right name in the wrong section is meant more often than a misspelt one. */
    for (size_t i = 0; i < config_keys_count; i++) {
        const struct config_key *key = &config_keys[i];
        unsigned d = 2 * near_distance(name, key->name) + (strcmp(section, key->section) != 0);
        if (d < least) {
            least = d;
            best = key;
        }
    }
    if (best != NULL && near_enough(least / 2, name))
        config_fault(r, where, "unknown key \"%s.%.64s\"; did you mean \"%s.%s\"?", section, name,
                     best->section, best->name);
    else
        config_fault(r, where, "unknown key \"%s.%.64s\"", section, name);
}

static const char *
here(const struct ini *ini)
{
    return arena_printf(ini->r->mem, "%s:%zu", ini->path, ini->line);
}

static char *
trim(char *text)
{
    size_t n;

    text += strspn(text, " \t");
    for (n = strlen(text); n > 0 && (text[n - 1] == ' ' || text[n - 1] == '\t'); n--)
        text[n - 1] = '\0';
    return text;
}

static void
take_section(struct ini *ini, char *text)
{
    size_t n = strlen(text);

    ini->section = "";
    if (text[n - 1] != ']') {
        config_fault(ini->r, here(ini), "a section is written [name], alone on its line");
        return;
    }
    text[n - 1] = '\0';
    text = trim(text + 1);
    for (size_t i = 0; i < config_sections_count; i++)
        if (strcmp(config_sections[i].name, text) == 0)
            ini->section = config_sections[i].name;
    if (ini->section[0] == '\0')
        config_unknown_section(ini->r, here(ini), text);
}

/* Takes the quotes off a quoted value. False: the quotes do not pair. */
static bool
unquote(char **value)
{
    size_t n = strlen(*value);

    if ((*value)[0] != '"')
        return true;
    if (n < 2 || (*value)[n - 1] != '"' || memchr(*value + 1, '"', n - 2) != NULL)
        return false;
    (*value)[n - 1] = '\0';
    (*value)++;
    return true;
}

static void
take_value(struct ini *ini, const char *name, char *value)
{
    struct config_reading *r = ini->r;
    const char *where = here(ini);
    bool by_file = false;
    const struct config_key *key = config_find(ini->section, name, &by_file);

    if (key == NULL) {
        config_unknown_key(r, where, ini->section, name);
        return;
    }
    const char **first = &r->seen[key - config_keys];
    if (*first != NULL) {
        config_fault(r, where, "duplicate key \"%s.%s\", first set at %s", key->section, name,
                     *first);
        return;
    }
    *first = where;
    if (!unquote(&value))
        config_fault(r, where, "%s.%s: the quotes around the value do not pair", key->section,
                     name);
    else if (key->flags & KEY_GUARDED && !by_file && ini->mode & 077)
        config_fault(r, where,
                     "%s.%s: a key may not stand in a file that others can read (mode %04o); use "
                     "%s_file",
                     key->section, key->name, ini->mode, key->name);
    else
        config_put(r, key, by_file, value, where);
}

static void
take_line(struct ini *ini, char *text)
{
    char *equals;

    text = trim(text);
    if (text[0] == '\0' || text[0] == '#' || text[0] == ';')
        return;
    if (text[0] == '[') {
        take_section(ini, text);
        return;
    }
    equals = strchr(text, '=');
    if (equals == NULL) {
        /* Not shown: a secret may have been pasted onto a line of its own. */
        config_fault(ini->r, here(ini), "expected \"key = value\", a [section] or a # comment");
        return;
    }
    if (ini->section == NULL) {
        config_fault(ini->r, here(ini), "a key before the first [section]");
        return;
    }
    /* One fault for an unknown section is enough. */
    if (ini->section[0] == '\0')
        return;
    *equals = '\0';
    take_value(ini, trim(text), trim(equals + 1));
}

/* NULL when the bytes of a line are acceptable; else what is wrong with them. */
static const char *
line_fault(const char *line, size_t n)
{
    if (n > CONFIG_LINE_MAX)
        return "the line is longer than 8192 bytes";
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)line[i];

        if (c == '\0')
            return "a NUL byte";
        if (c == '\r')
            return "a carriage return inside the line";
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return "a control character";
    }
    return NULL;
}

static void
read_lines(struct ini *ini, const char *bytes, size_t n)
{
    const char *end = bytes + n;

    while (bytes < end) {
        const char *stop = memchr(bytes, '\n', (size_t)(end - bytes));
        size_t length = (size_t)((stop == NULL ? end : stop) - bytes);
        size_t kept = length > 0 && bytes[length - 1] == '\r' ? length - 1 : length;
        const char *wrong = line_fault(bytes, kept);

        ini->line++;
        if (wrong != NULL)
            config_fault(ini->r, here(ini), "%s", wrong);
        else
            take_line(ini, arena_textn(ini->r->mem, bytes, kept));
        bytes += length + (stop != NULL);
    }
}

static void
read_one(struct config_reading *r, const char *path)
{
    struct ini ini = { .r = r, .path = path };
    struct config_bytes file = config_slurp(path, CONFIG_FILE_MAX, r->mem);

    ini.mode = file.mode;
    memset(r->seen, 0, config_keys_count * sizeof *r->seen);
    r->unread = r->unread || file.v == NULL;
    if (file.v == NULL)
        config_fault(r, path, "cannot be read: %s", file.why);
    else if (file.n >= 3 && memcmp(file.v, "\xef\xbb\xbf", 3) == 0)
        config_fault(r, arena_printf(r->mem, "%s:1", path),
                     "begins with a byte order mark; save it as plain UTF-8");
    else
        read_lines(&ini, file.v, file.n);
}

static int
is_drop_in(const struct dirent *entry)
{
    size_t n = strlen(entry->d_name);

    return entry->d_name[0] != '.' && n > 5 && strcmp(entry->d_name + n - 5, ".conf") == 0;
}

/* In the order of bytes, whatever the locale. */
static int
by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

void
config_read_files(struct config_reading *r, const char *file)
{
    const char *dir = arena_printf(r->mem, "%s.d", file);
    struct dirent **names = NULL;

    read_one(r, file);
    int n = scandir(dir, &names, is_drop_in, by_name);
    if (n < 0 && errno != ENOENT)
        config_fault(r, dir, "cannot be read: %s", strerrordesc_np(errno));
    for (int i = 0; i < n; i++) {
        read_one(r, arena_printf(r->mem, "%s/%s", dir, names[i]->d_name));
        free(names[i]);
    }
    free(names);
}
