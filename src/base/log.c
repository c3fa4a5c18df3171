/* Formats log lines and writes each with one write(2), so that threads never mix. */
#include "base/log.h"

#include "base/buf.h"
#include "base/clock.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <pthread.h>
#include <unistd.h>

enum { TEXT_MAX = 512, REPEAT_MAX = 20 };

static _Atomic int most_level = LOG_INFO;
static _Atomic int line_format = LOG_LOGFMT;
static const char *const level_names[] = { "error", "warn", "info", "debug" };
static const char *const level_marks[] = { "<3>", "<4>", "<6>", "<7>" };

void
log_setup(enum log_level most, enum log_format format)
{
    if (format == LOG_AUTO)
        format = getenv("JOURNAL_STREAM") != NULL ? LOG_JOURNAL
                 : isatty(STDERR_FILENO)          ? LOG_LOGFMT
                                                  : LOG_JSON;
    atomic_store(&most_level, (int)most);
    atomic_store(&line_format, (int)format);
}

bool
log_wants(enum log_level level)
{
    return (int)level <= atomic_load_explicit(&most_level, memory_order_relaxed);
}

static void
put_quoted(struct buf *line, const char *text)
{
    size_t n = strnlen(text, TEXT_MAX);

    buf_put(line, "\"", 1);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c == '"' || c == '\\')
            buf_printf(line, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            buf_printf(line, "\\u%04x", c);
        else
            buf_put(line, &text[i], 1);
    }
    buf_put(line, "\"", 1);
}

static bool
is_plain(const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "-_.:/@%+,";
    size_t n = strspn(text, plain);

    return n > 0 && n < TEXT_MAX && text[n] == '\0';
}

static void
put_field(struct buf *line, bool json, const struct log_field *f)
{
    buf_printf(line, json ? ",\"%s\":" : " %s=", f->key);
    if (f->text == NULL)
        buf_printf(line, "%lld", f->number);
    else if (!json && is_plain(f->text))
        buf_text(line, f->text);
    else
        put_quoted(line, f->text);
}

static void
write_line(enum log_level level, const char *event, const struct log_field *fields, size_t n)
{
    int format = atomic_load_explicit(&line_format, memory_order_relaxed);
    bool json = format == LOG_JSON;
    char now[CLOCK_TEXT_SIZE];
    struct buf line;

    buf_init(&line, 0);
    clock_text(clock_wall_ms(), now);
    if (json)
        buf_printf(&line, "{\"time\":\"%s\",\"level\":\"%s\",\"event\":\"%s\"", now,
                   level_names[level], event);
    else if (format == LOG_JOURNAL)
        buf_printf(&line, "%s%s", level_marks[level], event);
    else
        buf_printf(&line, "%s %-5s %s", now, level_names[level], event);
    for (size_t i = 0; i < n; i++)
        put_field(&line, json, &fields[i]);
    buf_text(&line, json ? "}\n" : "\n");
    /* A full pipe or a closed terminal must not stop the service: the line is lost then. */
    if (write(STDERR_FILENO, buf_bytes(&line), buf_size(&line)) < 0)
        (void)0;
    buf_done(&line);
}

/* True when this event may be written now; *missed says how many were held back before it. */
static bool
may_repeat(const char *event, unsigned *missed)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static struct {
        const char *event; /* literals: compared by address */
        int64_t second;
        unsigned written, held;
    } seen[16];
    int64_t second = clock_ms() / 1000;
    bool may = true;

    pthread_mutex_lock(&lock);
    size_t at = ((uintptr_t)event >> 4) % (sizeof seen / sizeof *seen);
    *missed = 0;
    if (seen[at].event != event || seen[at].second != second) {
        *missed = seen[at].event == event ? seen[at].held : 0;
        seen[at].event = event;
        seen[at].second = second;
        seen[at].written = seen[at].held = 0;
    }
    if (seen[at].written < REPEAT_MAX) {
        seen[at].written++;
    } else {
        seen[at].held++;
        may = false;
    }
    pthread_mutex_unlock(&lock);
    return may;
}

void
log_emit(enum log_level level, const char *event, const struct log_field *fields, size_t n)
{
    unsigned missed = 0;

    if (!log_wants(level))
        return;
    if (level <= LOG_WARN && !may_repeat(event, &missed))
        return;
    if (missed > 0)
        write_line(level, "log_held_back",
                   (const struct log_field[]){ LOG_T("of", event), LOG_N("lines", missed) }, 2);
    write_line(level, event, fields, n);
}
