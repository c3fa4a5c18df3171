/* Instances: the places where an agent of the mesh runs, and what is known of them. */
#ifndef MODEL_INSTANCE_H
#define MODEL_INSTANCE_H

#include "base/field.h"
#include "base/ids.h"

/* All enums here are stored as numbers: never renumber. */

enum instance_mode {
    MODE_CONNECTED, /* dials in and keeps a socket open */
    MODE_HOSTED,    /* is called at its URL             */
};

/* What routing goes by. Routable are INSTANCE_AVAILABLE and INSTANCE_UNKNOWN. */
enum instance_status {
    INSTANCE_AVAILABLE,
    INSTANCE_BUSY,
    INSTANCE_DRAINING,
    INSTANCE_OFFLINE,
    INSTANCE_UNHEALTHY,
    INSTANCE_UNKNOWN, /* new: nothing was heard of it */
};

/* Why an instance is INSTANCE_UNHEALTHY. */
enum unwell {
    UNWELL_SAYS_SO,
    UNWELL_SILENT,
    UNWELL_FAILS,
};

/* For dashboards: how it was reached last. */
enum instance_connection {
    CONNECTION_UNKNOWN,
    CONNECTION_ONLINE,   /* a live socket                    */
    CONNECTION_HEALTHY,  /* hosted: the last dispatch was fine */
    CONNECTION_DEGRADED, /* the last dispatch failed         */
    CONNECTION_OFFLINE,  /* its socket has ended             */
};

enum instance_transport {
    TRANSPORT_UNKNOWN,
    TRANSPORT_WS,
    TRANSPORT_CALLBACK,
};

/* How a dispatch proves that it comes from us. */
enum dispatch_scheme {
    SCHEME_JWT,
    SCHEME_SECRET,
};

/* Whether a new agent type may register. */
enum policy_mode {
    POLICY_OPEN,
    POLICY_ALLOW_LIST,
    POLICY_AUDIT,
};

/* Their words on the wire, NULL-terminated, by the value (domain/instances.c). */
extern const char *const instance_mode_words[], *const instance_status_words[],
                                                    *const instance_connection_words[],
                                                        *const instance_transport_words[],
                                                            *const dispatch_scheme_words[],
                                                                *const policy_mode_words[];

/* An instance as it stands. */
struct instance_now {
    const char *id, *org_id, *agent_id;
    const char *instance_id, *agent_type; /* agent_type: the permanent id when it has none   */
    int mode;                             /* enum instance_mode                              */
    const char *url;                      /* in clear; NULL: connected                       */
    struct bytes url_sealed;
    const char *card, *version, *provider, *provider_url;
    int status, connection, transport; /* the enums above                                    */
    const char *owner;                 /* the node that holds its socket; NULL: none         */
    int64_t connected_since, last_seen, last_dispatch_at, registered_at; /* 0: never          */
    int64_t sessions, max_sessions, failures, succeeded, failed;
    const char *last_error;
};

/* Filters of a list; NULL and -1 do not filter. page counts from 1. */
struct instance_filter {
    const char *agent_type;
    int status;
    int64_t page, limit;
};

/* How many instances there are, by the values of the enums above. */
struct instance_stats {
    int64_t total, by_mode[2], by_connection[5], by_transport[3];
};

/* What registers. */
struct instance_draft {
    const char *instance_id, *agent_type;
    const char *url; /* NULL: connected                                          */
    int mode, scheme;
    bool auth_required;
    const char *credentials_ref; /* NULL: none                         */
    const char *secret;          /* with SCHEME_SECRET only            */
    const char *card, *tools;    /* JSON text, or NULL                 */
    const char *mcp_servers;     /* likewise; NULL: as the type has it */
    int64_t max_sessions;        /* 0: no limit; -1: as it was         */
};

enum { INSTANCE_ID_MAX = 128, AGENT_TYPE_MAX = 128 };

#endif
