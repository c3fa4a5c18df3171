/* The rules of presence: what a heartbeat, silence, traffic and a probe mean. */
#ifndef DOMAIN_PRESENCE_H
#define DOMAIN_PRESENCE_H

#include "domain/core.h"
#include "model/link.h"
#include "model/presence.h"

/* What happened to an agent's liveness. */
enum beat_kind {
    BEAT_ONLINE,  /* heartbeat "online"                              */
    BEAT_OFFLINE, /* heartbeat "offline"                             */
    BEAT_TRAFFIC, /* a call to it succeeded                          */
    BEAT_PROBE_GOOD,
    BEAT_PROBE_BAD,
    BEAT_LEFT, /* its last socket has ended                        */
};

/* One item of a batch, for one agent; the arrays of presence_apply are made of these. */
struct beat_row {
    struct uuid agent;
    enum beat_kind kind;
    int http_status, latency_ms; /* of a probe; 0 and -1: none                       */
    const char *error;           /* of a probe, or NULL                              */
    /* Filled in by presence_apply: */
    bool applied;           /* false: the agent is gone or not active any more  */
    int state;              /* enum presence_state as it is now                 */
    int64_t last_heartbeat; /* ms since 1970                                    */
};

/* Applies a batch: rows (at most one for each agent, in id order: it sorts them) update presence,
 * and a transition row is written for each real change of state; the cache learns the states. Two
 * transactions, the second for those whose state changes, if there are any: when it fails, the
 * others are kept, and applied. More than one row needs a connection that goes by keys. */
bool presence_apply(struct unit *u, struct beat_row *rows, size_t n, struct err *err) MUST_CHECK;

/* Marks that a node is up and can take heartbeats; to be called every mark_ms. When nobody did for
 * three times as long, there was a gap: silence is then counted from the end of it. */
bool presence_alive(struct unit *u, int64_t mark_ms, struct err *err) MUST_CHECK;

/* Turns silence into idle and offline, counted from the last activity or from the end of the last
 * gap, whichever is later; marks as presence_alive. *changed: transitions written. Safe to run on
 * several nodes. */
bool presence_sweep(struct unit *u, int64_t mark_ms, long *changed, struct err *err) MUST_CHECK;

/* Fills next_due and becomes from the rules. */
void presence_predict(const struct core *core, struct presence *presence);

/* Transitions, newest first: a page of struct transition. */
struct page *presence_transitions(struct unit *u, const struct transition_filter *filter,
                                  struct err *err) MUST_CHECK;

/* Whether this node is the one that checks endpoints: the first that asks, until its connection
 * ends. To be asked again and again, on one connection. */
bool presence_leads(struct unit *u, bool *leads, struct err *err) MUST_CHECK;

/* Endpoints to be checked in one second of the minute (slot 0–59): a list of struct probe_target.
 */
struct probe_target {
    struct uuid agent;
    const char *url; /* in clear, in mem */
};
bool presence_due(struct unit *u, int slot, struct list *targets, struct err *err) MUST_CHECK;

/* How many agents there are in each state and in each life, for the metrics. */
struct presence_counts {
    int64_t online, idle, offline, never_seen;
};
bool presence_count(struct unit *u, struct presence_counts *counts, struct err *err) MUST_CHECK;

/* Active agents of each organization that has any, in order of the organizations' bytes: a list of
 * struct org_agents. */
bool presence_count_orgs(struct unit *u, struct list *orgs, struct err *err) MUST_CHECK;

#endif
