/* What the files of the domain share: cursors, hints, and the secrets of a draft. */
#ifndef DOMAIN_DOMAIN_PRIV_H
#define DOMAIN_DOMAIN_PRIV_H

#include "crypto/token.h"
#include "domain/agents.h"
#include "domain/audit.h"
#include "domain/core.h"
#include "model/identity.h"
#include "model/link.h"
#include "store/agents.h"
#include "store/audit.h"
#include "store/audit_chain.h"

/* --- cursor.c: where a page ends, as opaque text --- */

struct cursor {
    int64_t number; /* microseconds since 1970, or the id of a row; 0: from the newest */
    const char *id; /* UUID, for lists in order of time; else NULL                     */
};

/* kind: one letter for each list, so that a cursor of another list is refused. In mem. */
char *cursor_write(char kind, const struct cursor *cursor, struct arena *mem);

/* text NULL: the first page. VALIDATION_ERROR on cursor. */
bool cursor_read(const char *text, char kind, bool has_id, struct cursor *cursor, struct arena *mem,
                 struct err *err) MUST_CHECK;

/* A page of rows that were asked for with one more than limit: that one only says has_more. The
 * caller sets next. */
struct page *cursor_page(const struct list *rows, int64_t limit, struct arena *mem);

/* --- identities.c --- */

/* Whether the caller reaches all organizations. */
bool identities_by_operator(const struct unit *u);

/* What the audit log says of an agent that /api/v1 made or changed. */
struct audit_entry identities_event(enum audit_action action, const struct identity *identity,
                                    struct arena *mem);

/* --- search.c --- */

/* Of the 500 agents that one looks at: when more have all the words, an index finds too many. */
enum { SEARCH_LIKELY_MOST = 2 };

/* The words of q that an index of trigrams knows, letters and digits only; in mem. */
struct texts search_words(const char *q, struct arena *mem);

/* --- hints.c --- */

/* With the commit of tx, n things are forgotten here and, within a second, on all nodes. */
bool hints_forget(struct unit *u, struct db_tx *tx, enum hint_kind kind, const struct uuid *ids,
                  size_t n, struct err *err) MUST_CHECK;

/* --- agents.c --- */

/* What ref says, a UUID or a permanent id; false when it is neither. */
bool agents_key_read(const char *ref, struct agent_key *key);

/* A row as its owner may see it: URLs in clear, slug, presence foretold. */
struct agent *agents_draw(struct unit *u, struct agent_row *row, struct err *err) MUST_CHECK;

/* agents_get with the row locked for a change; PRECONDITION_FAILED unless if_match fits. */
struct agent *agents_lock(struct unit *u, struct db_tx *tx, const char *ref, int64_t if_match,
                          struct err *err) MUST_CHECK;

/* The fallback of a draft as a UUID in *id (NULL: none); VALIDATION_ERROR unless it is another
 * agent of the same organization. */
bool agents_fallback(struct unit *u, struct db_tx *tx, const char *ref, const char *self,
                     const char **id, struct err *err) MUST_CHECK;

/* --- identities.c --- */

/* Whether the caller may reach an agent of the organization org, as its own or as an operator; org
 * NULL: there is no such agent. AGENT_NOT_FOUND with the fact agentId (the id as it was given); for
 * another's agent FORBIDDEN, or with server.strict_isolation as if there were none. */
bool identities_reach(const struct unit *u, const char *org, const char *id,
                      struct err *err) MUST_CHECK;

/* --- agents_draft.c --- */

/* Checks a draft and seals its secrets into agent, whose id, org_id, draft and sealed values are
 * what stands so far (draft empty: a registration). */
bool draft_put(struct unit *u, struct agent *agent, const struct agent_draft *draft,
               struct err *err) MUST_CHECK;

/* A URL in clear, in mem; sealed v NULL gives *url NULL. */
bool draft_open(struct unit *u, const struct agent *agent, const char *column, struct bytes sealed,
                const char **url, struct err *err) MUST_CHECK;

/* Opens an envelope that was sealed for an agent's column; text in mem, wiped with it. */
char *draft_open_text(const struct core *core, const struct seal_place *place, struct bytes sealed,
                      struct arena *mem, struct err *err) MUST_CHECK;

/* --- audit.c --- */

/* An event of this unit, as audit_write writes it: for statements that write it themselves. */
struct audit_new audit_stamp(struct unit *u, const struct audit_entry *entry);

/* --- audit_chain.c --- */

/* Moves tie onto event, which is the next; false when no such event can have been written. */
bool audit_tie_next(struct audit_tie *tie, const struct audit_event *event);

struct audit_tie audit_tie_of(int64_t position, struct bytes hash, struct bytes whole);
bool audit_tie_is(const struct audit_tie *tie, const struct audit_tie *other);

/* Whether the MAC of a head is right. */
bool audit_head_holds(struct unit *u, const struct audit_head *head);

/* Chains the oldest events of an organization that wait; *more: there may be more of them. wait:
 * for another node that does so, too. */
bool audit_seal_org(struct unit *u, const char *org, bool wait, bool *more,
                    struct err *err) MUST_CHECK;

/* --- audit_verify.c --- */

/* Chains what waits, then recomputes the chain of range->org_id, all of it or from one time to
 * another. VALIDATION_ERROR on organizationId. */
bool audit_chain_walk(struct unit *u, const struct audit_filter *range, struct audit_walk *walk,
                      struct err *err) MUST_CHECK;

/* The bytes of a digest, in place. */
static inline struct bytes
bytes_of_digest(const struct digest *digest)
{
    return (struct bytes){ digest->b, sizeof digest->b };
}

#endif
