/* An organization as operators see it, its members, and what it has used of its plan. */
#ifndef MODEL_ORG_H
#define MODEL_ORG_H

#include "base/field.h"
#include "model/identity.h"

/* The built-in one: it can be neither suspended nor deleted. */
#define ORG_SYSTEM_ID "00000000-0000-4000-8000-000000000001"

/* What an operator sets; the slug once, at the creation. */
struct org_draft {
    const char *name, *slug;
    int plan;                                 /* enum plan_tier */
    int64_t max_agents, max_tokens_per_month; /* at least 1     */
    int state;                                /* enum org_state */
};

struct org {
    const char *id;
    struct org_draft draft;
    int64_t created_at, updated_at;
};

/* Filters of a list; state -1: all but the deleted ones. page counts from 1. */
struct org_filter {
    int state;
    int64_t page, limit;
};

/* Stored as numbers: never renumber. */
enum member_role {
    ROLE_MEMBER,
    ROLE_ADMIN,
};

struct member_draft {
    const char *agent_id; /* UUID             */
    int role;             /* enum member_role */
};

struct member {
    const char *org_id, *agent_id;
    int role;
    int64_t joined_at;
};

/* A client id and secret of the organization itself, of no agent. */
struct org_credential {
    const char *id; /* the client_id */
    const char *org_id, *name;
    const char *secret; /* only in the answer to its creation */
    const char *hint;
    int64_t scopes; /* bits of enum scope */
    int64_t created_at, revoked_at;
};

/* What an organization may have and what it has. */
struct org_usage {
    int plan;
    int64_t max_agents, max_tokens_per_month;
    int64_t agents; /* that are not decommissioned        */
    int64_t tokens; /* issued this calendar month, in UTC */
};

#endif
