/* The presence table and the transitions that its changes leave behind. */
#ifndef STORE_PRESENCE_H
#define STORE_PRESENCE_H

#include "db/db.h"
#include "model/presence.h"

extern const struct stmt store_presence_stmts[];

/* A batch of what happened, one entry for each agent: arrays of n. */
struct presence_batch {
    size_t n;
    const struct uuid *agents;
    const int64_t *kinds; /* enum beat_kind of domain/presence.h: 0–5     */
    const int64_t *http_status, *latency_ms;
    struct texts errors;
    int64_t window_ms; /* how long an activity outweighs a failed probe */
    int64_t node;      /* whose cache need not be told                  */
};

/* An agent's presence after a change. */
struct presence_now {
    struct uuid agent;
    int state, reason;
    int64_t last_heartbeat;
};

struct presence_totals {
    int64_t online, idle, offline, never_seen;
};

/* Applies what of the batch changes no state, and is of no news to the caches of other nodes: who
 * is missing in what it gives (as store_presence_apply) is left for that. */
struct list *store_presence_renew(struct db_tx *tx, const struct presence_batch *batch,
                                  struct arena *mem, struct err *err) MUST_CHECK;

/* Applies the batch: updates presence, writes a transition for each change of state, and a hint for
 * it and for the first sign of life.
 * rows: a list of struct presence_now, of those that are known and open. */
struct list *store_presence_apply(struct db_tx *tx, const struct presence_batch *batch,
                                  struct arena *mem, struct err *err) MUST_CHECK;

/* Turns at most limit silent agents idle or offline, as store_presence_apply; rows that someone
 * else holds are left for the next time. */
struct presence_silence {
    int64_t up_since_us, window_ms, offline_ms, limit, node;
};
struct list *store_presence_sweep(struct db_tx *tx, const struct presence_silence *silence,
                                  struct arena *mem, struct err *err) MUST_CHECK;

/* An agent leaves (reason: archived or revoked), with a transition if it was not offline. */
bool store_presence_close(struct db_tx *tx, const char *agent, int reason, struct arena *mem,
                          struct err *err) MUST_CHECK;
/* It is back: offline until it is heard; one that was never seen is so again. */
bool store_presence_open(struct db_tx *tx, const char *agent, struct arena *mem,
                         struct err *err) MUST_CHECK;

/* Counts the open rows. */
struct presence_totals *store_presence_count(struct db_tx *tx, struct arena *mem,
                                             struct err *err) MUST_CHECK;

/* How many active agents each organization has, in order of the organizations' bytes: a list of
 * struct org_agents. */
bool store_presence_orgs(struct db_tx *tx, struct arena *mem, struct list *rows,
                         struct err *err) MUST_CHECK;

#endif
