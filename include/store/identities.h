/* The agents table as /api/v1 sees it, and the cap on how many an organization may have. */
#ifndef STORE_IDENTITIES_H
#define STORE_IDENTITIES_H

#include "db/db.h"
#include "model/identity.h"
#include "store/audit.h"

extern const struct stmt store_identities_stmts[];

/* What an organization allows. */
struct org_caps {
    int64_t max_agents;
    int state; /* enum org_state */
};

/* The caps of an organization, held against changes of them until the transaction ends, as is its
 * number of agents against others that ask here or by store_identities_enter. NULL with err unset
 * when there is none. */
struct org_caps *store_identities_caps(struct db_tx *tx, const char *org, struct arena *mem,
                                       struct err *err) MUST_CHECK;

/* Holds the numbers of agents of several organizations, whether they are there or not. */
bool store_identities_enter(struct db_tx *tx, const struct texts *orgs, struct arena *mem,
                            struct err *err) MUST_CHECK;

/* A registration: who is new, and what of it nobody is told. */
struct identity_new {
    const struct identity *identity; /* id, org_id, permanent_id and the draft's members */
    struct bytes token_hash;
    const char *token_hint;
    const struct audit_new *event; /* that tells of it: about this agent, a success */
    struct arena *mem;             /* for the row                                   */
    struct identity *row;          /* filled; NULL: it was not inserted             */
};

/* Inserts it, its presence and its event, unless its organization is not active, or has as many
 * agents as it may have (asked within the same transaction), or the permanent id is taken. Many:
 * each of them; nor those whose e-mail is taken, which alone is AGENT_ALREADY_EXISTS. */
bool store_identities_insert(struct db_tx *tx, struct identity_new *fresh, struct arena *mem,
                             struct err *err) MUST_CHECK;
bool store_identities_insert_many(struct db_tx *tx, struct identity_new *const *fresh, size_t n,
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
