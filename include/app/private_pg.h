/* The PostgreSQL server of "rosterd dev": a cluster in its data directory, a unix socket that only
 * its user can reach, a child process that ends with us. */
#ifndef APP_PRIVATE_PG_H
#define APP_PRIVATE_PG_H

#include "base/arena.h"

#include <stdbool.h>

struct private_pg;

/* Makes the cluster in DIR/pg when there is none, ends what an earlier run left behind, starts the
 * server and waits until it answers. NULL: said on stderr. In mem; close it before mem. */
struct private_pg *private_pg_open(const char *dir, int signals, struct arena *mem);

/* Connection string of its database. */
const char *private_pg_conninfo(const struct private_pg *pg);

/* "15"; milliseconds that making the cluster took, 0: it was there. */
const char *private_pg_version(const struct private_pg *pg);
long private_pg_made_ms(const struct private_pg *pg);

/* Starts it again if it has ended; call at SIGCHLD and now and then. */
void private_pg_look(struct private_pg *pg);

/* Fast shutdown; waits up to 10 s, then kills. NULL is fine. */
void private_pg_close(struct private_pg *pg);

#endif
