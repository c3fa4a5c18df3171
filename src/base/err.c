/* The error table and the few ways to fill an err. */
#include "base/err.h"

#include "base/must.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name, *text;
    int status;
} rows[] = {
    [ERR_NONE] = { "NONE", "", 200 },
#define ERR(name, wire, status, text) [ERR_##name] = { wire, text, status },
#include "base/err_codes.def"
#undef ERR
};

static void
put_text(char *to, size_t size, const char *text)
{
    size_t n = strnlen(text, size - 1);

    /* A cut in the middle of a UTF-8 sequence would make the reply invalid. */
    while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
        n--;
    memcpy(to, text, n);
    to[n] = '\0';
}

static void
begin(struct err *err, enum err_code code, const char *field)
{
    assert(err->code == ERR_NONE && code > ERR_NONE && code < ERR_COUNT);
    err->code = code;
    put_text(err->field, sizeof err->field, field == NULL ? "" : field);
}

bool
err_set(struct err *err, enum err_code code, const char *field, const char *reason)
{
    begin(err, code, field);
    put_text(err->reason, sizeof err->reason, reason == NULL ? err_text(code) : reason);
    return false;
}

bool
err_setf(struct err *err, enum err_code code, const char *field, const char *reason, ...)
{
    char text[sizeof err->reason + 1];
    va_list args;

    begin(err, code, field);
    va_start(args, reason);
    vsnprintf(text, sizeof text, reason, args);
    va_end(args);
    put_text(err->reason, sizeof err->reason, text);
    return false;
}

bool
err_fault(struct err *err, enum err_code code, const char *note, ...)
{
    va_list args;

    err_set(err, code, NULL, NULL);
    va_start(args, note);
    vsnprintf(err->note, sizeof err->note, note, args);
    va_end(args);
    return false;
}

static struct fact *
add_fact(struct err *err, const char *key)
{
    assert(err->code != ERR_NONE);
    if (err->nfacts == COUNT(err->facts))
        return NULL;
    struct fact *fact = &err->facts[err->nfacts++];
    fact->key = key;
    return fact;
}

void
err_fact_text(struct err *err, const char *key, const char *text)
{
    struct fact *fact = text == NULL || text[0] == '\0' ? NULL : add_fact(err, key);

    if (fact != NULL)
        put_text(fact->text, sizeof fact->text, text);
}

void
err_fact_number(struct err *err, const char *key, long long number)
{
    struct fact *fact = add_fact(err, key);

    if (fact != NULL)
        fact->number = number;
}

const char *
err_name(enum err_code code)
{
    return rows[code].name;
}

int
err_status(enum err_code code)
{
    return rows[code].status;
}

const char *
err_text(enum err_code code)
{
    return rows[code].text;
}
