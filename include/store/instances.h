/* The tables instances and instance_states as registrations write and readers see them, and the
 * counts of instances. What happens to instances is in store/fleet.h. */
#ifndef STORE_INSTANCES_H
#define STORE_INSTANCES_H

#include "db/db.h"
#include "model/instance.h"

extern const struct stmt store_instances_stmts[];

/* What a registration finds of an earlier one, of whatever organization. */
struct instance_held {
    const char *id, *org_id, *agent_id;
    int life; /* enum agent_life, of its agent */
    int mode, scheme;
    const char *credentials_ref;
    struct bytes secret_sealed;
};

/* A registration as it is stored. */
struct instance_row {
    const char *id, *org_id, *agent_id;
    const struct instance_draft *draft;
    struct bytes url_sealed, dispatch_url_sealed, secret_sealed;
};

struct instance_made {
    const char *id;
    bool first; /* its agent had none before */
};

/* An instance that went. */
struct instance_gone {
    struct uuid id;
    struct uuid agent;
    const char *agent_type;
    bool held; /* its socket was open */
};

struct instance_count {
    int mode, connection, transport;
    int64_t n;
};

/* Of whatever organization; NULL with err unset when nobody has it. lock: against all others. */
struct instance_held *store_instances_hold(struct db_tx *tx, const char *instance_id, bool lock,
                                           struct arena *mem, struct err *err) MUST_CHECK;

/* NULL with err unset when the instance_id is taken. */
struct instance_made *store_instances_insert(struct db_tx *tx, const struct instance_row *fresh,
                                             struct arena *mem, struct err *err) MUST_CHECK;

/* Replaces what an earlier registration said; the liveness stays. */
bool store_instances_update(struct db_tx *tx, const struct instance_row *row, struct arena *mem,
                            struct err *err) MUST_CHECK;

/* Replaces the secret alone. */
bool store_instances_set_secret(struct db_tx *tx, const char *id, struct bytes sealed,
                                struct arena *mem, struct err *err) MUST_CHECK;

/* Of an organization (NULL: of any); NULL with err unset when there is none. */
struct instance_now *store_instances_find(struct db_tx *tx, const char *org,
                                          const char *instance_id, struct arena *mem,
                                          struct err *err) MUST_CHECK;

/* A page without cards, the newest registration first; how many there are on all pages, -1 on
 * failure. */
struct list *store_instances_list(struct db_tx *tx, const char *org,
                                  const struct instance_filter *filter, struct arena *mem,
                                  struct err *err) MUST_CHECK;
int64_t store_instances_count(struct db_tx *tx, const char *org,
                              const struct instance_filter *filter, struct arena *mem,
                              struct err *err) MUST_CHECK;

/* How many there are of each kind, of org and of a type (NULL: of all): a list of struct
 * instance_count. */
struct list *store_instances_stats(struct db_tx *tx, const char *org, const char *agent_type,
                                   struct arena *mem, struct err *err) MUST_CHECK;

/* Deletes one; NULL with err unset when the organization has none of this type (NULL: any). */
struct instance_gone *store_instances_delete(struct db_tx *tx, const char *org,
                                             const char *instance_id, const char *agent_type,
                                             struct arena *mem, struct err *err) MUST_CHECK;

/* Deletes all of an agent: a list of struct instance_gone; held of the first stands for all. */
struct list *store_instances_delete_all(struct db_tx *tx, const char *agent, struct arena *mem,
                                        struct err *err) MUST_CHECK;

/* Whether an agent has any; -1 on failure. */
int store_instances_any(struct db_tx *tx, const struct uuid *agent, struct arena *mem,
                        struct err *err) MUST_CHECK;

#endif
