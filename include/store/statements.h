/* Every statement of every table, for the test that prepares them all. */
#ifndef STORE_STATEMENTS_H
#define STORE_STATEMENTS_H

#include "db/db.h"

/* Tables of statements, each ended by STMT_END; NULL ends the list. */
extern const struct stmt *const store_statements[];

#endif
