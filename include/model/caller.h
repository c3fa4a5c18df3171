/* Whoever proved an identity: every dialect's credential resolves to this. */
#ifndef MODEL_CALLER_H
#define MODEL_CALLER_H

#include "base/ids.h"

enum caller_kind {
    CALLER_NOBODY,
    CALLER_AGENT, /* agent token tk_…      */
    CALLER_KEY,   /* API key rk_…          */
    CALLER_TOKEN, /* access token of an agent (its id), or of no agent */
};

struct caller {
    enum caller_kind kind;
    unsigned scopes; /* bits of enum scope; an agent has none               */
    struct uuid id;  /* of the agent or the key                             */
    struct uuid org;
    char id_text[UUID_TEXT_SIZE];
    char org_text[UUID_TEXT_SIZE];
    char permanent_id[PERMANENT_ID_SIZE]; /* of the agent, or ""                 */
};

#endif
