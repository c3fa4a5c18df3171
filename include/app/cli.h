/* The command line: verbs from one table, which also prints the help. */
#ifndef APP_CLI_H
#define APP_CLI_H

#include "base/arena.h"
#include "base/err.h"
#include "base/field.h"

enum cli_exit {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_CONFIG = 3, /* the configuration is invalid    */
    EXIT_NOT_FOUND = 5,
    EXIT_CONFLICT = 6,
    EXIT_UNREACHABLE = 7, /* or it did not answer in time    */
};

struct cli_option {
    const char *name;  /* NULL ends a table                      */
    const char *value; /* what stands for its value; NULL: a flag */
    const char *doc;
};

struct cli;

struct verb {
    const char *name; /* one or two words; NULL ends the table */
    const char *args; /* what follows it, "" for nothing       */
    const char *summary;
    const struct cli_option *options;
    int (*run)(struct cli *cli);
};

/* One run of a verb. */
struct cli {
    struct arena *mem;
    const struct verb *verb;
    struct params given; /* option → value ("" for a flag)      */
    struct texts args;   /* what is no option                   */
};

/* Runs the verb that the arguments name; returns the exit code. */
int cli_main(int argc, char **argv);

/* The value of an option; NULL: not given. */
const char *cli_get(const struct cli *cli, const char *option);

/* Writes "rosterd: sentence" to stderr, and "hint: …" when hint is not NULL; returns code. */
int cli_fail(enum cli_exit code, const char *hint, const char *sentence, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for an err: its reason, and its note when there is one. The hint may be NULL. */
int cli_fail_err(const struct err *err, const char *hint);

/* A line to stderr that is no failure. */
void cli_say(const char *sentence, ...) __attribute__((format(printf, 1, 2)));

#endif
