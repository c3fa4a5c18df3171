/* An agent as an identity provider sees it, its client secrets, and organizations. */
#ifndef MODEL_IDENTITY_H
#define MODEL_IDENTITY_H

#include "base/field.h"

/* Stored as numbers: never renumber. */
enum agent_type {
    TYPE_SCREENER,
    TYPE_CLASSIFIER,
    TYPE_ORCHESTRATOR,
    TYPE_EXTRACTOR,
    TYPE_SUMMARIZER,
    TYPE_ROUTER,
    TYPE_MONITOR,
    TYPE_CUSTOM,
};

enum deployment_env {
    ENV_DEVELOPMENT,
    ENV_STAGING,
    ENV_PRODUCTION,
};

/* What /api/v1 calls the status of an agent: drawn from enum agent_life. */
enum identity_status {
    IDENTITY_ACTIVE,
    IDENTITY_SUSPENDED,      /* archived, or disabled by the platform */
    IDENTITY_DECOMMISSIONED, /* revoked                               */
};

/* What an owner gives. */
struct identity_draft {
    const char *email;
    int type; /* enum agent_type; -1: not given                */
    const char *version;
    struct texts capabilities; /* resource:action                               */
    const char *owner;
    int env;            /* enum deployment_env; -1: not given            */
    const char *org_id; /* UUID as sent; NULL: not given                 */
    int status;         /* of a PATCH: enum identity_status; -1: as it is */
};

/* An agent of any dialect; one that another registered has standard values where it declared none.
 */
struct identity {
    const char *id, *org_id, *permanent_id;
    const char *email;
    int type;
    const char *version;
    struct texts capabilities;
    const char *owner;
    int env;
    int life;   /* enum agent_life                                */
    int status; /* derived from life                              */
    bool is_public;
    int64_t created_at, updated_at;
};

/* Filters of a list; NULL and -1 do not filter. page counts from 1. */
struct identity_filter {
    const char *owner;
    int type, status;
    int64_t page, limit;
};

struct credential {
    const char *id, *agent_id;
    const char *secret; /* only in the answer that issues it              */
    const char *hint;
    int status; /* 0 active, 1 revoked                            */
    int64_t created_at, expires_at, revoked_at;
};

/* The built-in organization; on the wire also org_system. */
#define ORG_SYSTEM_ID "00000000-0000-4000-8000-000000000001"

/* Stored as numbers: never renumber. */
enum plan_tier {
    PLAN_FREE,
    PLAN_PRO,
    PLAN_ENTERPRISE,
};

enum org_state {
    ORG_ACTIVE,
    ORG_SUSPENDED,
    ORG_DELETED,
};

enum {
    NUMBERED_MAX = 100000, /* lists with numbered pages end there: passing over costs time */
    COUNTED_MAX = 10000,   /* as does counting: more are "that many" unless they are known */
};

/* A page that is counted: what /api/v1 lists give. total is COUNTED_MAX at most, or NUMBERED_MAX
 * where all there are is known without counting. */
struct numbered_page {
    struct list data;
    int64_t total, page, limit;
};

#endif
