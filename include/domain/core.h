/* What every rule works with: the shared services, and one unit of work on one connection. */
#ifndef DOMAIN_CORE_H
#define DOMAIN_CORE_H

#include "base/arena.h"
#include "base/combine.h"
#include "base/err.h"
#include "base/must.h"
#include "crypto/seal.h"
#include "db/db.h"
#include "domain/cache.h"
#include "model/caller.h"
#include "model/fleet.h"
#include "out/guard.h"

struct signing; /* domain/signing.h */

/* Presence windows, read at each use: a reload may change them. */
struct presence_rules {
    _Atomic long long window_ms, offline_ms;
};

/* How dispatches are made. */
struct dispatch_rules {
    bool proof; /* whether they say that they come from us */
};

/* Shared by all threads; made by app. */
struct core {
    const struct keyring *keys;
    const struct guard *guard;
    struct cache *cache;
    struct presence_rules presence;
    _Atomic long long audit_kept_ms; /* a reload may change it                          */
    _Atomic bool strict_isolation;   /* it, too: see identities_reach                   */
    struct signing *signing;
    struct combiner *registrations; /* of agents: agents_registrations                   */
    struct combiner *identities;    /* of agents by /api/v1: identities_registrations    */
    struct fleet_node node;
    struct dispatch_rules dispatch;
    const char *issuer; /* the public base URL, without a slash at the end */
};

/* One piece of work: a request, a tick. */
struct unit {
    struct core *core;
    struct db *db;
    struct arena *mem;
    const struct caller *by; /* NULL: the service itself */
    const char *request_id;
    const char *client_ip, *user_agent; /* NULL: none */
};

/* Everything public in these headers lives in unit->mem unless said otherwise. */

#endif
