/* What the audit log tells: who did what to whom. */
#ifndef MODEL_AUDIT_H
#define MODEL_AUDIT_H

#include "base/field.h"

/* Stored as numbers: never renumber. The first twelve are the documented ones of /api/v1. */
enum audit_action {
    AUDIT_AGENT_CREATED,
    AUDIT_AGENT_UPDATED,
    AUDIT_AGENT_DECOMMISSIONED,
    AUDIT_AGENT_SUSPENDED,
    AUDIT_AGENT_REACTIVATED,
    AUDIT_TOKEN_ISSUED,
    AUDIT_TOKEN_REVOKED,
    AUDIT_TOKEN_INTROSPECTED,
    AUDIT_CREDENTIAL_GENERATED,
    AUDIT_CREDENTIAL_ROTATED,
    AUDIT_CREDENTIAL_REVOKED,
    AUDIT_AUTH_FAILED,
    AUDIT_INSTANCE_REGISTERED, /* these are of the mesh */
    AUDIT_INSTANCE_DEREGISTERED,
    AUDIT_REGISTRATION_FLAGGED,
    AUDIT_TYPE_ALLOWED,
    AUDIT_TYPE_DISALLOWED,
    AUDIT_POLICY_SET,
    AUDIT_SECRET_ROTATED,
};

/* One thing that happened. */
struct audit_entry {
    enum audit_action action;
    bool failed;
    const char *org_id;   /* whose log; UUID                                      */
    const char *agent_id; /* whom it is about (an agent, or a credential of an
                             organization); UUID, or NULL                         */
    const char *metadata; /* JSON object as text, without secrets; NULL: {}       */
};

/* An event as it is kept. */
struct audit_event {
    int64_t seq; /* order of writing                              */
    const char *id, *org_id, *agent_id;
    int action; /* enum audit_action                             */
    bool failed;
    int outcome; /* derived from failed                           */
    int64_t at;
    const char *ip, *user_agent, *metadata;
    struct bytes link; /* its hash in the chain; v NULL: not chained yet */
    const char *hash;  /* the same in hex, or NULL                      */
};

enum audit_outcome {
    OUTCOME_SUCCESS,
    OUTCOME_FAILURE,
};

/* Filters of a list; NULL, -1 and 0 do not filter. page counts from 1. */
struct audit_filter {
    const char *org_id, *agent_id;
    int action, outcome;
    int64_t from, to; /* ms, both inclusive                            */
    int64_t page, limit;
};

/* What checking a chain has found. */
struct audit_verdict {
    bool verified;
    int64_t checked;       /* events that were recomputed                   */
    const char *broken_at; /* the first that does not fit, when it is known */
    const char *note;      /* what is wrong, for the log; NULL: nothing     */
    int64_t from, to;      /* as asked for; 0: not                          */
};

#endif
