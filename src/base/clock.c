/* Reading the clocks and writing RFC 3339. */
#include "base/clock.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

int64_t
clock_wall_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t
clock_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t
clock_ms(void)
{
    return clock_us() / 1000;
}

static char *
put_two(char *to, int number)
{
    to[0] = (char)('0' + number / 10);
    to[1] = (char)('0' + number % 10);
    return to + 2;
}

char *
clock_text(int64_t wall_ms, char *out)
{
    time_t seconds = (time_t)(wall_ms >= 0 ? wall_ms / 1000 : (wall_ms - 999) / 1000);
    int ms = (int)(wall_ms - (int64_t)seconds * 1000);
    struct tm tm;

    if (gmtime_r(&seconds, &tm) == NULL)
        memset(&tm, 0, sizeof tm);
    int year = tm.tm_year + 1900;
    if (year < 1000 || year > 9999) {
        size_t n = strftime(out, CLOCK_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);

        snprintf(out + n, CLOCK_TEXT_SIZE - n, ".%03dZ", ms);
        return out;
    }
    memcpy(out, "0000-00-00T00:00:00.000Z", sizeof "0000-00-00T00:00:00.000Z");
    put_two(put_two(out, year / 100), year % 100);
    put_two(out + 5, tm.tm_mon + 1);
    put_two(out + 8, tm.tm_mday);
    put_two(out + 11, tm.tm_hour);
    put_two(out + 14, tm.tm_min);
    put_two(out + 17, tm.tm_sec);
    out[20] = (char)('0' + ms / 100);
    put_two(out + 21, ms % 100);
    return out;
}

static bool
read_digits(const char **p, int count, int *out)
{
    int value = 0;

    for (; count > 0; count--, (*p)++) {
        if (!isdigit((unsigned char)**p))
            return false;
        value = value * 10 + (**p - '0');
    }
    *out = value;
    return true;
}

static bool
read_mark(const char **p, const char *marks)
{
    if (**p == '\0' || strchr(marks, **p) == NULL)
        return false;
    (*p)++;
    return true;
}

/* "Z" or "+hh:mm"; minutes east of UTC. */
static bool
read_offset(const char **p, int *minutes)
{
    int hour, minute, sign = **p == '-' ? -1 : 1;

    *minutes = 0;
    if (read_mark(p, "Zz"))
        return true;
    if (!read_mark(p, "+-") || !read_digits(p, 2, &hour) || !read_mark(p, ":") ||
        !read_digits(p, 2, &minute) || hour > 23 || minute > 59)
        return false;
    *minutes = sign * (hour * 60 + minute);
    return true;
}

static bool
read_fraction(const char **p, int *ms)
{
    int scale = 100;

    *ms = 0;
    if (!read_mark(p, "."))
        return true;
    if (!isdigit((unsigned char)**p))
        return false;
    for (; isdigit((unsigned char)**p); (*p)++, scale /= 10)
        *ms += (**p - '0') * scale;
    return true;
}

bool
clock_read(const char *text, int64_t *wall_ms)
{
    struct tm tm = { 0 };
    int year, month, ms, offset;

    if (!read_digits(&text, 4, &year) || !read_mark(&text, "-") || !read_digits(&text, 2, &month) ||
        !read_mark(&text, "-") || !read_digits(&text, 2, &tm.tm_mday) || !read_mark(&text, "Tt ") ||
        !read_digits(&text, 2, &tm.tm_hour) || !read_mark(&text, ":") ||
        !read_digits(&text, 2, &tm.tm_min) || !read_mark(&text, ":") ||
        !read_digits(&text, 2, &tm.tm_sec) || !read_fraction(&text, &ms) ||
        !read_offset(&text, &offset) || *text != '\0')
        return false;
    if (month < 1 || month > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour > 23 ||
        tm.tm_min > 59 || tm.tm_sec > 60)
        return false;
    tm.tm_year = year - 1900;
    tm.tm_mon = month - 1;
    int day = tm.tm_mday;
    time_t seconds = timegm(&tm);
    if (tm.tm_mday != day && tm.tm_sec != 60) /* timegm normalised 31 February away */
        return false;
    *wall_ms = ((int64_t)seconds - offset * 60) * 1000 + ms;
    return true;
}
