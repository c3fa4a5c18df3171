/* The credentials table: client secrets of agents, of which only hashes are kept. */
#ifndef STORE_CREDENTIALS_H
#define STORE_CREDENTIALS_H

#include "db/db.h"
#include "model/identity.h"

extern const struct stmt store_credentials_stmts[];

/* A secret that is to be kept. */
struct credential_new {
    const char *id, *agent_id, *hint;
    struct bytes hash;
    int64_t expires_at; /* 0: never */
};

/* Which part of a list; status -1: all. */
struct credential_range {
    int status;
    int64_t limit, offset;
};

/* The id must be fresh, as ids_uuid gives it. */
struct credential *store_credentials_insert(struct db_tx *tx, const struct credential_new *fresh,
                                            struct arena *mem, struct err *err) MUST_CHECK;

/* NULL with err unset when the agent has no such credential. */
struct credential *store_credentials_find(struct db_tx *tx, const char *agent, const char *id,
                                          struct arena *mem, struct err *err) MUST_CHECK;

/* How many of the agent's are neither revoked nor expired, without the one named but (NULL: all);
 * -1 on failure. */
int64_t store_credentials_count_active(struct db_tx *tx, const char *agent, const char *but,
                                       struct arena *mem, struct err *err) MUST_CHECK;

/* How many the agent has of this status; -1 on failure. */
int64_t store_credentials_count(struct db_tx *tx, const char *agent, int status, struct arena *mem,
                                struct err *err) MUST_CHECK;

/* Newest first: a list of struct credential; NULL on failure. */
struct list *store_credentials_list(struct db_tx *tx, const char *agent,
                                    const struct credential_range *range, struct arena *mem,
                                    struct err *err) MUST_CHECK;

/* Puts another secret in its place; id and agent_id say which. */
struct credential *store_credentials_rotate(struct db_tx *tx, const struct credential_new *fresh,
                                            struct arena *mem, struct err *err) MUST_CHECK;

/* Ends one that is in force; one that is not stays as it is. */
bool store_credentials_revoke(struct db_tx *tx, const char *id, struct arena *mem,
                              struct err *err) MUST_CHECK;

#endif
