/* An agent: an identity that never changes, whatever dialect registered it. */
#ifndef MODEL_AGENT_H
#define MODEL_AGENT_H

#include "base/field.h"
#include "model/presence.h"

/* Stored as numbers: never renumber. */
enum agent_life {
    LIFE_ACTIVE,
    LIFE_ARCHIVED,
    LIFE_REVOKED,
    LIFE_DISABLED, /* set by the platform: an account problem */
};

/* What an agent says it can do; declared, not enforced. */
struct capabilities {
    struct texts task_categories, input_formats, output_formats, models;
    int64_t requests_per_minute; /* 0: not declared */
};

/* What the owner may set: the body of a registration, and the part of an agent that PATCH edits. */
struct agent_draft {
    const char *name;
    const char *endpoint_url, *webhook_url; /* in clear; sealed when stored        */
    const char *endpoint_api_key;           /* in clear; only on the way in        */
    const char *endpoint_key_header, *endpoint_key_scheme;
    const char *version_header, *version_value;
    const char *version, *license, *programming_language, *framework;
    struct texts languages;
    struct capabilities capabilities;
    const char *metadata;          /* JSON object as text                          */
    const char *fallback_agent_id; /* UUID or permanent id on the way in           */
    bool is_public;
};

/* The value of draft.endpoint_api_key that means: leave the stored key as it is. */
extern const char agent_keep_key[];

struct agent {
    const char *id, *permanent_id, *org_id;
    struct agent_draft draft; /* its secrets are never filled in on the way out    */
    const char *slug;         /* derived from the name                             */
    const char *token;        /* only in the answer that issues it                 */
    const char *token_hint;
    int64_t token_issued_at;
    bool endpoint_key_set;
    int life; /* enum agent_life                                   */
    bool is_revoked, is_archived, is_disabled; /* derived from life                */
    int64_t created_at, updated_at;
    int64_t row_version;
    struct presence presence;
    struct bytes endpoint_url_sealed, webhook_url_sealed, endpoint_key_sealed;
};

/* Filters of a list; NULL or -1 does not filter. */
struct agent_filter {
    const char *q; /* part of the name, or a permanent id or UUID             */
    int status;    /* enum presence_state                                     */
    int life;      /* enum agent_life; -1: all but none                       */
    const char *task_category;
    const char *cursor; /* opaque; NULL: first page                                */
    int64_t limit;
};

#endif
