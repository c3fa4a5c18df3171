/* One line per event on stderr: time, level, event, then typed fields. Never a secret, never raw
 * bytes of a client: texts are escaped and cut. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>

enum log_level {
    LOG_ERROR, /* someone must act        */
    LOG_WARN,  /* we coped                */
    LOG_INFO,  /* a fact worth keeping    */
    LOG_DEBUG,
};

enum log_format {
    LOG_AUTO, /* logfmt on a terminal, journal under systemd, JSON otherwise */
    LOG_LOGFMT,
    LOG_JSON,
    LOG_JOURNAL, /* logfmt without time, with a "<N>" priority in front */
};

struct log_field {
    const char *key;
    const char *text; /* NULL: number */
    long long number;
};

#define LOG_T(name, value) ((struct log_field){ (name), (value) == NULL ? "" : (value), 0 })
#define LOG_N(name, value) ((struct log_field){ (name), NULL, (long long)(value) })

/* Settings of the whole process: call before threads start, or again at a reload. */
void log_setup(enum log_level most, enum log_format format);

/* Whether lines of this level are written at all. */
bool log_wants(enum log_level level);

/* Writes one line. The same event at warn or error more than 20 times in a second is counted, and
 * the count is written afterwards. */
void log_emit(enum log_level level, const char *event, const struct log_field *fields, size_t n);

/* log_event(LOG_INFO, "start", LOG_T("listen", "127.0.0.1"), LOG_N("port", 8080)) */
#define log_event(level, event, ...)                                                               \
    log_emit((level), (event), (const struct log_field[]){ __VA_ARGS__ },                          \
             sizeof((const struct log_field[]){ __VA_ARGS__ }) / sizeof(struct log_field))

#endif
