/* The agents table as /api/v1 sees it, and the cap on how many an organization may have. */
#ifndef STORE_IDENTITIES_H
#define STORE_IDENTITIES_H

#include "db/db.h"
#include "model/identity.h"

extern const struct stmt store_identities_stmts[];

/* What an organization allows. */
struct org_caps {
    int64_t max_agents;
    int state;      /* enum org_state                                              */
    int64_t others; /* registrations that may be under way beside this one, unseen */
};

/* The caps of an organization, held against changes of them, until the transaction ends; NULL with
 * err unset when there is none. alone: no other registration that asked here is under way then, and
 * others is 0; so it is in any case where the cap is small. */
struct org_caps *store_identities_caps(struct db_tx *tx, const char *org, bool alone,
                                       struct arena *mem, struct err *err) MUST_CHECK;

/* A registration: who is new, and what of it nobody is told. */
struct identity_new {
    const struct identity *identity; /* id, org_id, permanent_id and the draft's members */
    struct bytes token_hash;
    const char *token_hint;
    int64_t max_agents;
};

/* Inserts it and its presence, unless the organization has max_agents that are not revoked. NULL
 * with err unset: that, or the permanent id is taken. AGENT_ALREADY_EXISTS: the e-mail is. */
struct identity *store_identities_insert(struct db_tx *tx, const struct identity_new *fresh,
                                         struct arena *mem, struct err *err) MUST_CHECK;

/* Agents of org that are not revoked; -1 on failure. */
int64_t store_identities_count_living(struct db_tx *tx, const char *org, struct arena *mem,
                                      struct err *err) MUST_CHECK;

/* Adds up to most changes of these counts to what is added up; how many, or -1 on failure. Several
 * may do so at once. */
int64_t store_identities_fold(struct db_tx *tx, int64_t most, struct arena *mem,
                              struct err *err) MUST_CHECK;

/* Of any organization; NULL with err unset when there is none. lock: against other writers. */
struct identity *store_identities_find(struct db_tx *tx, const char *id, struct arena *mem,
                                       struct err *err) MUST_CHECK;
struct identity *store_identities_lock(struct db_tx *tx, const char *id, struct arena *mem,
                                       struct err *err) MUST_CHECK;

/* One page, newest first, and how many there are on all pages. NULL, or -1, on failure. */
struct list *store_identities_list(struct db_tx *tx, const char *org,
                                   const struct identity_filter *filter, struct arena *mem,
                                   struct err *err) MUST_CHECK;
int64_t store_identities_count(struct db_tx *tx, const char *org,
                               const struct identity_filter *filter, struct arena *mem,
                               struct err *err) MUST_CHECK;

/* Writes what its owner may edit. */
struct identity *store_identities_update(struct db_tx *tx, const struct identity *identity,
                                         struct arena *mem, struct err *err) MUST_CHECK;

/* Revokes the client secrets that are in force. */
bool store_identities_retire_secrets(struct db_tx *tx, const char *id, struct arena *mem,
                                     struct err *err) MUST_CHECK;

#endif
