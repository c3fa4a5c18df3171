/* The agents table, each row with its presence; and the permanent ids that are never given again.
 */
#ifndef STORE_AGENTS_H
#define STORE_AGENTS_H

#include "db/db.h"
#include "model/agent.h"
#include "store/audit.h"

extern const struct stmt store_agents_stmts[];

/* An agent as it stands in a row: URLs and key sealed. */
struct agent_row {
    struct agent agent; /* first: a row is an agent           */
    int64_t created_us; /* agent.created_at, not rounded      */
};

/* Which agent: by either id; the other is NULL. */
struct agent_key {
    const char *uuid, *permanent_id;
};

/* What the data plane needs of an agent. */
struct agent_lane {
    struct uuid id, org, fallback; /* fallback all zero: none */
    const char *permanent_id;
    struct bytes token_hash;
    int life, state;
    bool never_seen;
    struct bytes endpoint_url_sealed, endpoint_key_sealed;
    const char *key_header, *key_scheme, *version_header, *version_value;
    bool has_instances;
};

/* Which rows a page begins behind: created_us 0 is the newest. */
struct agent_after {
    int64_t created_us;
    const char *id;
};

enum {
    AGENTS_WALK = 500,   /* rows that are looked at for one page of a filtered list */
    AGENTS_FOUND = 1000, /* what an index finds is taken if it is no more than this */
};

struct agent_search {
    const char *org;
    struct agent_after after;
    struct agent_filter filter; /* its cursor is not looked at */
};

/* What was found for a page. */
struct agent_walk {
    struct texts ids;        /* in order, one more than filter.limit if there are more       */
    int64_t edge_us;         /* then created_us of the last but one                          */
    int64_t likely;          /* of the rows looked at, those that an index would have to see */
    struct agent_after last; /* of the rows looked at, if there may be more; id NULL: all    */
};

/* An agent whose endpoint is to be checked. */
struct agent_probe {
    const char *id, *org_id;
    struct bytes endpoint_url_sealed;
};

/* An agent to be inserted: id, permanent_id, org_id, name and draft, token_hint, sealed values. */
struct agent_new {
    const struct agent *agent;
    struct bytes token_hash;
    const struct audit_new *event; /* that tells of it: about this agent, a success */
    struct arena *mem;             /* for the row                                   */
    struct agent_row *row;         /* filled; NULL: the permanent id is taken or retired */
};

/* Inserts n agents, each with its presence and its event. All fail together: VALIDATION_ERROR when
 * a fallback is gone, UNAUTHORIZED when an organization is. */
bool store_agents_insert(struct db_tx *tx, struct agent_new *const *fresh, size_t n,
                         struct arena *mem, struct err *err) MUST_CHECK;

/* From here to the end of the transaction each statement is planned for its own arguments: for the
 * search, whose best plan hangs on the pattern. */
bool store_agents_plan_each(struct db_tx *tx, struct arena *mem, struct err *err) MUST_CHECK;

/* NULL with err unset when org has no such agent. lock: against other writers of the row. */
struct agent_row *store_agents_find(struct db_tx *tx, const char *org, struct agent_key key,
                                    struct arena *mem, struct err *err) MUST_CHECK;
struct agent_row *store_agents_lock(struct db_tx *tx, const char *org, struct agent_key key,
                                    struct arena *mem, struct err *err) MUST_CHECK;

/* As store_agents_find, held against changes until the transaction ends. */
struct agent_row *store_agents_share(struct db_tx *tx, const char *org, struct agent_key key,
                                     struct arena *mem, struct err *err) MUST_CHECK;

/* The newest rows behind after, at most limit: a list of struct agent_row; NULL on failure. */
struct list *store_agents_list(struct db_tx *tx, const char *org, const struct agent_after *after,
                               int64_t limit, struct arena *mem, struct err *err) MUST_CHECK;

/* Of the next AGENTS_WALK rows of that life those that the filter lets pass; words: what an index
 * would have to have found of each name. likely and last are not said when the page is full. */
struct agent_walk *store_agents_walk(struct db_tx *tx, const struct agent_search *s,
                                     const struct texts *words, struct arena *mem,
                                     struct err *err) MUST_CHECK;

/* The same by an index and of all there are; likely: how many these are, of whatever state. More
 * than AGENTS_FOUND are not counted, and none of them is given. */
struct agent_walk *store_agents_found(struct db_tx *tx, const struct agent_search *s,
                                      struct arena *mem, struct err *err) MUST_CHECK;

/* These rows, as store_agents_list gives them; one that is gone is left out. */
struct list *store_agents_rows(struct db_tx *tx, const char *org, const struct texts *ids,
                               struct arena *mem, struct err *err) MUST_CHECK;

/* Writes what its owner may edit. */
struct agent_row *store_agents_update(struct db_tx *tx, const struct agent *agent,
                                      struct arena *mem, struct err *err) MUST_CHECK;
struct agent_row *store_agents_set_token(struct db_tx *tx, const struct agent *agent,
                                         struct bytes token_hash, struct arena *mem,
                                         struct err *err) MUST_CHECK;
/* The presence is read before: see store_presence_close and _open. */
struct agent_row *store_agents_set_life(struct db_tx *tx, const struct agent *agent, int life,
                                        struct arena *mem, struct err *err) MUST_CHECK;

/* Deletes the row (presence and connections go with it) and retires its permanent id. */
bool store_agents_delete(struct db_tx *tx, const struct agent *agent, struct arena *mem,
                         struct err *err) MUST_CHECK;

/* Of any organization; NULL with err unset when there is none. */
struct agent_lane *store_agents_lane(struct db_tx *tx, const struct uuid *id, struct arena *mem,
                                     struct err *err) MUST_CHECK;
struct agent_lane *store_agents_lane_by_token(struct db_tx *tx, struct bytes token_hash,
                                              struct arena *mem, struct err *err) MUST_CHECK;

/* Active agents with an endpoint, of one slot, in id order behind after (NULL: from the first): a
 * list of struct agent_probe, at most limit; NULL on failure. */
struct list *store_agents_probes(struct db_tx *tx, int slot, const char *after, int64_t limit,
                                 struct arena *mem, struct err *err) MUST_CHECK;

#endif
