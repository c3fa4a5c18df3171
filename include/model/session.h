/* Sessions and messages of the mesh. */
#ifndef MODEL_SESSION_H
#define MODEL_SESSION_H

#include "base/field.h"
#include "base/ids.h"

/* All enums here are stored as numbers: never renumber. */

enum session_status {
    SESSION_OPENING, /* no agent has joined yet */
    SESSION_ACTIVE,
    SESSION_PAUSED, /* waits for a human       */
    SESSION_COMPLETED,
};

enum join_reason {
    JOIN_AUTO,    /* attached when the session was opened */
    JOIN_INVITED, /* by POST /sessions/invite             */
    JOIN_SELF,    /* named at the creation                */
    JOIN_ROUTED,  /* a call of the session went there     */
};

/* The last three are final. */
enum message_state {
    MESSAGE_SUBMITTED,
    MESSAGE_WORKING,
    MESSAGE_INPUT_REQUIRED,
    MESSAGE_COMPLETED,
    MESSAGE_FAILED,
    MESSAGE_CANCELED,
};

/* Their words on the wire, NULL-terminated, by the value (domain/sessions.c, domain/messages.c). */
extern const char *const session_status_words[], *const join_reason_words[],
                                                     *const message_state_words[];

struct session {
    const char *id, *tenant_id, *user_id;
    int status; /* enum session_status */
    int64_t total_turns, total_tokens;
    int64_t created_at, last_activity, ended_at; /* ms; 0: none */
};

struct session_agent {
    const char *agent_type, *instance_id; /* agent_type: the permanent id when it has none */
    int join_reason;
    int64_t joined_at;
};

struct message {
    const char *id, *session_id, *agent_type, *instance_id; /* NULL: none, not known        */
    int state;                                              /* enum message_state           */
    const char *request, *result; /* JSON; NULL: none, or a list shows it not             */
    const char *error;            /* a code; NULL: nothing went wrong                     */
    int64_t created_at, updated_at;
};

/* Pages of these lists are numbered from 1. */
struct mesh_page {
    struct list data;
    int64_t count; /* on all pages, as far as MESH_COUNT_MAX */
    int64_t page, page_size, total_pages;
};

enum {
    MESH_PAGE_SIZE = 25,
    MESH_PAGE_SIZE_MAX = 100,
    MESH_PAGE_MAX = 10000,
    MESH_COUNT_MAX = 100000, /* a list says of no more that they are there */
    SESSION_USER_MAX = 128,
    SESSION_TURNS_MAX = 100, /* that one answer shows */
};

#endif
