/* Where a managing verb finds its instance: a server by --config, a "rosterd dev" by --data. */
#ifndef APP_INSTANCE_H
#define APP_INSTANCE_H

#include "app/cli.h"
#include "db/db.h"
#include "json/table.h"

/* The file in a dev data directory that holds its connection string. */
#define INSTANCE_FILE "instance"

/* A connected handle, tied to cli->mem; NULL: said on stderr, *code is the exit code. */
struct db *instance_open(struct cli *cli, int *code);

/* Prints a struct, or a list of them, as JSON and a newline on stdout. */
void instance_print(const struct cli *cli, const struct spec *spec, const void *thing);
void instance_print_list(const struct cli *cli, const struct spec *spec, const struct list *list);

#endif
