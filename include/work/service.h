/* The running threads and what they share; made by app, read by every room of work. */
#ifndef WORK_SERVICE_H
#define WORK_SERVICE_H

#include "domain/core.h"
#include "domain/keys.h"
#include "http/limit.h"
#include "http/server.h"
#include "out/call.h"
#include "ws/ws.h"

#include <stdatomic.h>

struct hub;
struct loop;
struct workers;
struct writer;

/* Requests per minute; a reload may change them. */
struct rate_limits {
    atomic_bool enabled;
    atomic_llong runtime, account_least, account_per_agent, heartbeat, self, owner, verify, mesh,
        bad_token, client, public;
};

/* Settings of the background; a reload may change them. Milliseconds. */
struct background {
    atomic_llong interval, calls_kept, transitions_kept, messages_kept, session_idle;
    atomic_bool health;
    long long health_concurrency, health_per_host, health_timeout;
};

/* A heartbeat of a thread for the watchdog: clock_ms of its last round. */
struct pulse {
    _Atomic int64_t at;
};

enum { LOOPS_MAX = 64, WORKERS_MAX = 64, PULSES_MAX = LOOPS_MAX + WORKERS_MAX + 8 };

/* Sockets of agents and dispatches. */
struct mesh_service {
    struct ws_limits ws;
    struct out_limits out;  /* of dispatches to hosted agents and other nodes: the dispatch's own
                               deadline governs                                      */
    struct guard peers;     /* other nodes may be anywhere                            */
    struct limiter *visits; /* dispatches that other nodes sent here: each comes once */
    int64_t dispatch_ms;    /* of a dispatch that names no time of its own            */
    int64_t lease_ms;
    size_t sockets_most;
    atomic_size_t sockets; /* taken, from the handshake on                           */
    struct hub *hub;       /* which loop holds the socket of an instance             */
    atomic_llong lost, remove_connected, remove_hosted; /* a reload may change them    */
};

struct service {
    struct core core;
    struct db_options db;
    _Atomic int64_t db_reached; /* see db_options                                          */
    struct guard guard;
    const struct router *router;
    struct limiter *limiter;
    struct rate_limits limits;
    struct background background;
    struct out_limits out;
    struct trust *trust;
    int64_t upload_max; /* bytes of a proxied request; 0: no cap            */
    int64_t cache_stale_ms;
    bool access_log;
    struct http_nets *trusted;
    struct loop *loops[LOOPS_MAX];
    atomic_int nloops;  /* those that are open already; the listener is there before them */
    int64_t started_ms; /* clock_ms */
    struct workers *workers;
    struct writer *writer;
    atomic_bool draining; /* no new work is taken                             */
    atomic_bool gate;     /* database reached once, schema and key are right  */
    atomic_bool db_up;    /* as of the last second                            */
    _Atomic int64_t schema_version;
    struct pulse pulses[PULSES_MAX];
    atomic_int npulses;
    struct mesh_service mesh;
    struct org_counts *orgs; /* agents in service by organization                */
};

/* A pulse of its own for a thread; to be set at least once a second. */
struct pulse *service_pulse(struct service *service);
void service_beat(struct pulse *pulse);

/* The service that serves a request. */
struct service *service_of(const struct request *rq);

/* Why the service is not ready, or NULL. */
const char *service_unready(struct service *service);

#endif
