/* The tables sessions and session_agents. */
#ifndef STORE_SESSIONS_H
#define STORE_SESSIONS_H

#include "db/db.h"
#include "model/session.h"

extern const struct stmt store_sessions_stmts[];

/* An instance that a session may be bound to. */
struct session_place {
    struct uuid instance, agent;
    const char *agent_type, *instance_id;
};

struct session_bind {
    const char *session;
    const struct session_place *place;
    int reason; /* enum join_reason */
};

struct session_filter {
    int64_t page, page_size;
    int status; /* -1: any */
};

/* NULL with err unset when there is a session of this id, in whatever organization. */
struct session *store_sessions_insert(struct db_tx *tx, const struct session *fresh,
                                      struct arena *mem, struct err *err) MUST_CHECK;

/* NULL with err unset when org has no such session. lock: it is held against those that close it.
 */
struct session *store_sessions_find(struct db_tx *tx, const char *org, const char *id, bool lock,
                                    struct arena *mem, struct err *err) MUST_CHECK;

/* One page, newest first: a list of struct session. */
struct list *store_sessions_list(struct db_tx *tx, const char *org,
                                 const struct session_filter *filter, struct arena *mem,
                                 struct err *err) MUST_CHECK;

/* On all pages, as far as MESH_COUNT_MAX; -1 on failure. */
int64_t store_sessions_count(struct db_tx *tx, const char *org, int status, struct arena *mem,
                             struct err *err) MUST_CHECK;

/* Ends an open session and frees its instances: how many rows, or -1. */
long store_sessions_close(struct db_tx *tx, const char *org, const char *id, struct arena *mem,
                          struct err *err) MUST_CHECK;

/* Ends sessions that were idle for idle_ms, at most limit, none that another holds: how many. */
long store_sessions_sweep(struct db_tx *tx, int64_t idle_ms, int64_t limit, struct arena *mem,
                          struct err *err) MUST_CHECK;

/* Deletes sessions that ended keep_ms ago, at most limit: how many. */
long store_sessions_clean(struct db_tx *tx, int64_t keep_ms, int64_t limit, struct arena *mem,
                          struct err *err) MUST_CHECK;

/* The agents of a session: a list of struct session_agent. */
struct list *store_sessions_agents(struct db_tx *tx, const char *id, struct arena *mem,
                                   struct err *err) MUST_CHECK;

/* Binds, in place of another instance of the same agent; the session is active from then on. */
bool store_sessions_bind(struct db_tx *tx, const struct session_bind *bind, struct arena *mem,
                         struct err *err) MUST_CHECK;

/* Instances of an agent type (or permanent id) that may be bound, the best first, at most limit: a
 * list of struct session_place. */
struct list *store_sessions_places(struct db_tx *tx, const char *org, const char *agent_type,
                                   int64_t limit, struct arena *mem, struct err *err) MUST_CHECK;

/* A registered instance of org and, if not NULL, of this agent type (or permanent id); NULL with
 * err unset when there is none. */
struct session_place *store_sessions_place(struct db_tx *tx, const char *org,
                                           const char *instance_id, const char *agent_type,
                                           struct arena *mem, struct err *err) MUST_CHECK;

/* Whether org has an agent of this type or permanent id in service. */
bool store_sessions_has_type(struct db_tx *tx, const char *org, const char *agent_type, bool *has,
                             struct arena *mem, struct err *err) MUST_CHECK;

/* Holds the instance against other binders, until the end of tx. */
bool store_sessions_hold(struct db_tx *tx, const struct uuid *instance, struct arena *mem,
                         struct err *err) MUST_CHECK;

/* Whether a held instance takes one more session. */
bool store_sessions_room(struct db_tx *tx, const struct uuid *instance, bool *room,
                         struct arena *mem, struct err *err) MUST_CHECK;

#endif
