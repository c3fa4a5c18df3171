/* The org_credentials table: client secrets of organizations, of which only hashes are kept. */
#ifndef STORE_ORG_CREDENTIALS_H
#define STORE_ORG_CREDENTIALS_H

#include "db/db.h"
#include "model/org.h"

extern const struct stmt store_org_credentials_stmts[];

struct org_credential_new {
    const char *id, *org_id, *name, *hint;
    struct bytes hash;
    int64_t scopes;
};

/* What a proof is judged by. */
struct org_credential_proof {
    const char *id, *org_id;
    int64_t scopes;
    int org_state; /* enum org_state                            */
    bool proved;   /* it is in force and has the hash asked for */
};

/* The id must be fresh, as ids_uuid gives it. */
struct org_credential *store_org_credentials_insert(struct db_tx *tx,
                                                    const struct org_credential_new *fresh,
                                                    struct arena *mem, struct err *err) MUST_CHECK;

/* The newest first, at most limit, of org (NULL: of all): a list of struct org_credential; NULL on
 * failure. */
struct list *store_org_credentials_list(struct db_tx *tx, const char *org, int64_t limit,
                                        struct arena *mem, struct err *err) MUST_CHECK;

/* NULL with err unset when there is none of this id. */
struct org_credential_proof *store_org_credentials_prove(struct db_tx *tx, const struct uuid *id,
                                                         struct bytes hash, struct arena *mem,
                                                         struct err *err) MUST_CHECK;

/* Whether it is one of org and in force. */
bool store_org_credentials_holds(struct db_tx *tx, const char *id, const char *org, bool *holds,
                                 struct arena *mem, struct err *err) MUST_CHECK;

/* Ends one that is in force. NULL with err unset: there is none. */
struct org_credential *store_org_credentials_revoke(struct db_tx *tx, const struct uuid *id,
                                                    struct arena *mem, struct err *err) MUST_CHECK;

#endif
