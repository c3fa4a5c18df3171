/* Sessions of the mesh: units of work that are bound to one instance of each agent they call. */
#ifndef DOMAIN_SESSIONS_H
#define DOMAIN_SESSIONS_H

#include "domain/core.h"
#include "model/session.h"
#include "store/sessions.h"

struct session_draft {
    const char *session_id;  /* one of the two is set: the caller's own id (a UUID) … */
    const char *instance_id; /* … or the instance that it begins with                 */
    const char *user_id;     /* NULL: whoever calls                                   */
};

struct session_opened {
    struct session session;
    struct list agents;                   /* of struct session_agent                  */
    const char *instance_id, *agent_type; /* NULL: it was opened without an instance  */
};

/* Opens a session. With the id of one of the same organization that is open it tells of that one.
 * VALIDATION_ERROR (on session_id: no UUID, or not to be had; on instance_id: neither or both are
 * given), SESSION_CLOSED, INSTANCE_NOT_FOUND, NO_AVAILABLE_INSTANCE (it takes no more sessions). */
struct session_opened *sessions_open(struct unit *u, const struct session_draft *draft,
                                     struct err *err) MUST_CHECK;

/* Ends it and frees its instances. SESSION_NOT_FOUND, SESSION_CLOSED (it has ended before). */
bool sessions_close(struct unit *u, const char *id, struct err *err) MUST_CHECK;

/* Fills in a page whose count is known: rows are those of the page of this number. */
void mesh_page_put(struct mesh_page *page, const struct list *rows, int64_t number, int64_t size);

/* One page, newest first. */
struct mesh_page *sessions_list(struct unit *u, const struct session_filter *filter,
                                struct err *err) MUST_CHECK;

struct session_detail {
    struct session session;
    struct list turns;  /* of struct message without texts, the last of them, oldest first;
                           v NULL: not asked for */
    struct list agents; /* likewise, of struct session_agent */
};

/* SESSION_NOT_FOUND. */
struct session_detail *sessions_get(struct unit *u, const char *id, bool turns, bool agents,
                                    struct err *err) MUST_CHECK;

struct session_invitation {
    const char *session_id, *agent_type;
    const char *instance_id; /* NULL: the least loaded that can be called, or the one that the
                                session has already */
};

/* Binds an instance to the session, in place of another of the same agent; tells which.
 * SESSION_NOT_FOUND, SESSION_CLOSED, AGENT_NOT_FOUND, INSTANCE_NOT_FOUND (or it is not of this
 * agent), NO_AVAILABLE_INSTANCE. */
struct session_agent *sessions_invite(struct unit *u, const struct session_invitation *invitation,
                                      struct err *err) MUST_CHECK;

/* Ends sessions that were idle for idle_ms (0: none), a bounded number of them, and sets *more when
 * there may be others. Several nodes may do so at once. */
bool sessions_sweep(struct unit *u, int64_t idle_ms, bool *more, struct err *err) MUST_CHECK;

#endif
