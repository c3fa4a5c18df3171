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

enum { INSTANCE_ID_MAX = 128, AGENT_TYPE_MAX = 128 };

#endif
