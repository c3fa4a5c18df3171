/* Whether the database is one that this binary can work with. */
#ifndef DOMAIN_SCHEMA_H
#define DOMAIN_SCHEMA_H

#include "domain/core.h"

/* Checks the schema's version and the master keys; *version: the database's. DATABASE_UNAVAILABLE
 * when it cannot be told yet; INTERNAL_ERROR with a reason for the operator when one is wrong. */
bool schema_check(struct unit *u, int64_t *version, struct err *err) MUST_CHECK;

/* Whether the database answers now. */
bool schema_ping(struct unit *u, struct err *err) MUST_CHECK;

#endif
