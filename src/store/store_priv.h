/* What the stores share. */
#ifndef STORE_STORE_PRIV_H
#define STORE_STORE_PRIV_H

#include "db/db.h"

/* db_all with the list in mem; NULL on failure. */
struct list *store_all(struct db_tx *tx, const struct stmt *stmt, struct db_args args,
                       struct arena *mem, struct err *err) MUST_CHECK;

#endif
