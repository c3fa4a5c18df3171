/* Where a managing verb finds its instance: a server by --config, a "rosterd dev" by --data. */
#ifndef APP_INSTANCE_H
#define APP_INSTANCE_H

#include "app/cli.h"
#include "app/config.h"
#include "crypto/seal.h"
#include "db/db.h"
#include "domain/core.h"
#include "json/table.h"

/* The file in a dev data directory that holds its connection string. */
#define INSTANCE_FILE "instance"

/* Its key file, and what its tokens name as their issuer. */
#define INSTANCE_KEY_FILE    "master.key"
#define INSTANCE_ISSUER_FILE "issuer"

/* An instance with what its secrets are sealed with. */
struct instance {
    struct db *db;
    struct keyring *keys;
    const struct config *config; /* of dev: its defaults and the environment */
    const char *issuer;          /* NULL: not known                          */
};

/* All of it, tied to cli->mem; false: said on stderr, *code is the exit code. */
bool instance_open_whole(struct cli *cli, struct instance *instance, int *code);

/* A unit of work on the instance, with what signs; all of it tied to cli->mem. As
 * instance_open_whole. */
bool instance_unit(struct cli *cli, struct core *core, struct unit *unit, int *code);

/* A connected handle, tied to cli->mem; NULL: said on stderr, *code is the exit code. */
struct db *instance_open(struct cli *cli, int *code);

/* Prints a struct, or a list of them, as JSON and a newline on stdout. */
void instance_print(const struct cli *cli, const struct spec *spec, const void *thing);
void instance_print_list(const struct cli *cli, const struct spec *spec, const struct list *list);

#endif
