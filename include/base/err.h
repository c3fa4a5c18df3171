/* One error: made once where it is known, logged once, drawn once by the dialect. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>

enum err_code {
    ERR_NONE,
#define ERR(name, wire, status, text) ERR_##name,
#include "base/err_codes.def"
#undef ERR
    ERR_COUNT
};

struct fact {
    const char *key; /* a literal */
    char text[80];
    long long number; /* the value when text is "" */
};

struct err {
    enum err_code code;
    char field[64];       /* the member or parameter at fault, or ""              */
    char reason[192];     /* one sentence for the client                          */
    struct fact facts[4]; /* what a client may be shown: limit, current, scope, … */
    unsigned nfacts;
    unsigned retry_after; /* seconds, for 429 and 503; 0: the standard value      */
    char note[192];       /* for our log only; never leaves the process           */
};

/* Sets the code and the reason (NULL: the code's standard sentence); returns false. The err must
 * be unset: an error is made exactly once (asserted). */
bool err_set(struct err *err, enum err_code code, const char *field, const char *reason);

/* As err_set; the reason is printf-formatted. */
bool err_setf(struct err *err, enum err_code code, const char *field, const char *reason, ...)
    __attribute__((format(printf, 4, 5)));

/* As err_set, for faults that are ours: the note is printf-formatted and goes to the log only. */
bool err_fault(struct err *err, enum err_code code, const char *note, ...)
    __attribute__((format(printf, 3, 4)));

/* Adds a fact to a set err; a fifth is dropped, and so is an empty text. The key must be a
 * literal. */
void err_fact_text(struct err *err, const char *key, const char *text);
void err_fact_number(struct err *err, const char *key, long long number);

/* The row of a code: its word on the wire, HTTP status and standard sentence. */
const char *err_name(enum err_code code);
int err_status(enum err_code code);
const char *err_text(enum err_code code);

#endif
