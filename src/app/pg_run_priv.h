/* Running PostgreSQL's programs for private_pg. */
#ifndef APP_PG_RUN_PRIV_H
#define APP_PG_RUN_PRIV_H

#include "base/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The role and the database of a private cluster. */
#define PG_NAME "rosterd"

enum { PG_OLDEST = 15 };

struct pg_place {
    const char *bin;  /* directory of the programs            */
    const char *data; /* the cluster                          */
    const char *socket_dir;
    const char *log; /* what the programs say                */
};

/* The directory of PostgreSQL's programs: of the version that made the cluster in data, else the
 * newest, from 15 on. NULL: said on stderr. */
const char *pg_run_find(const char *data, char *version, size_t size, struct arena *mem);

/* Makes a cluster, and in it the database; both wait for the program. */
bool pg_run_initdb(const struct pg_place *place, const char *data);
bool pg_run_create_database(const struct pg_place *place, const char *data);

/* Starts the server in a process group of its own, to be stopped when the calling thread ends. */
pid_t pg_run_server(const struct pg_place *place);

/* The pid in the cluster's postmaster.pid, 0: none; *ready (may be NULL): it says it answers. */
pid_t pg_run_recorded(const struct pg_place *place, bool *ready);

/* Whether pid is a running server of this cluster. */
bool pg_run_is_server(const struct pg_place *place, pid_t pid);

#endif
