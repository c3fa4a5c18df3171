/* The organizations table and their members. */
#ifndef STORE_ORGS_H
#define STORE_ORGS_H

#include "db/db.h"
#include "model/org.h"

extern const struct stmt store_orgs_stmts[];

struct org_row {
    const char *id, *slug, *name;
};

/* An API key, as far as caches need to know it. */
struct org_key {
    struct uuid id;
};

/* How a row is held until the transaction ends. */
enum org_hold {
    ORG_READ,  /* not at all                                                               */
    ORG_SHARE, /* it is not deleted meanwhile: what registering an agent holds too          */
    ORG_LOCK,  /* nobody changes it, registers an agent in it or makes an API key meanwhile */
};

/* By id (UUID or NULL) or slug; NULL with err unset when there is none, or it is deleted. */
struct org_row *store_orgs_find(struct db_tx *tx, const char *id, const char *slug,
                                struct arena *mem, struct err *err) MUST_CHECK;

/* The id must be fresh, as ids_uuid gives it. NULL with err unset: the slug is taken, if only by a
 * deleted organization. */
struct org *store_orgs_insert(struct db_tx *tx, const char *id, const struct org_draft *draft,
                              struct arena *mem, struct err *err) MUST_CHECK;

/* NULL with err unset when there is none, or it is deleted. */
struct org *store_orgs_get(struct db_tx *tx, const char *id, enum org_hold hold, struct arena *mem,
                           struct err *err) MUST_CHECK;

/* One page, newest first: a list of struct org; NULL on failure. count: of all pages, -1 on
 * failure. */
struct list *store_orgs_list(struct db_tx *tx, const struct org_filter *filter, struct arena *mem,
                             struct err *err) MUST_CHECK;
int64_t store_orgs_count(struct db_tx *tx, const struct org_filter *filter, struct arena *mem,
                         struct err *err) MUST_CHECK;

/* Writes all of the draft but the slug. */
struct org *store_orgs_update(struct db_tx *tx, const struct org *org, struct arena *mem,
                              struct err *err) MUST_CHECK;

/* Its plan, its agents that are not decommissioned, its tokens of this month; NULL with err unset
 * when there is no such organization. */
struct org_usage *store_orgs_usage(struct db_tx *tx, const char *id, struct arena *mem,
                                   struct err *err) MUST_CHECK;

/* The API keys in force, or those that are revoked by this: a list of struct org_key; NULL on
 * failure. */
struct list *store_orgs_keys(struct db_tx *tx, const char *id, struct arena *mem,
                             struct err *err) MUST_CHECK;
struct list *store_orgs_revoke_keys(struct db_tx *tx, const char *id, struct arena *mem,
                                    struct err *err) MUST_CHECK;

/* NULL with err unset when there is no such agent, or it is decommissioned. ALREADY_MEMBER. */
struct member *store_orgs_join(struct db_tx *tx, const char *id, const struct member_draft *draft,
                               struct arena *mem, struct err *err) MUST_CHECK;

/* Ends all memberships in it. */
bool store_orgs_disband(struct db_tx *tx, const char *id, struct arena *mem,
                        struct err *err) MUST_CHECK;

#endif
