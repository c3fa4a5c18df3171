/* The organizations table. */
#ifndef STORE_ORGS_H
#define STORE_ORGS_H

#include "db/db.h"

extern const struct stmt store_orgs_stmts[];

struct org_row {
    const char *id, *slug, *name;
};

/* By id (UUID or NULL) or slug; NULL with err unset when there is none. */
struct org_row *store_orgs_find(struct db_tx *tx, const char *id, const char *slug,
                                struct arena *mem, struct err *err) MUST_CHECK;

#endif
