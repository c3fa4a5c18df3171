/* The rules of agents: registering, editing, their tokens and their life. */
#ifndef DOMAIN_AGENTS_H
#define DOMAIN_AGENTS_H

#include "domain/core.h"
#include "model/agent.h"
#include "model/link.h"

/* The columns under which an agent's secrets are sealed: place {organization, agent, column}. */
#define SEAL_ENDPOINT_URL "endpoint_url"
#define SEAL_WEBHOOK_URL  "webhook_url"
#define SEAL_ENDPOINT_KEY "endpoint_api_key"

/* An agent_draft as a registration begins: header "Authorization", scheme "Bearer". */
extern const struct agent_draft agents_draft_defaults;

/* Registers an agent in the caller's organization; its token is in the answer, this once. The
 * endpoint and webhook URLs are checked (VALIDATION_ERROR), the fallback must be an agent of the
 * same organization (VALIDATION_ERROR on fallback_agent_id). */
struct agent *agents_register(struct unit *u, const struct agent_draft *draft,
                              struct err *err) MUST_CHECK;

/* Where agents_register joins those that come at the same time: a refused one refuses no other, but
 * when the database is lost, or too slow for the deadline of one of them, it is for all. */
struct combiner *agents_registrations(void);

/* ref: UUID or permanent id. AGENT_NOT_FOUND when it is not the caller's organization's. */
struct agent *agents_get(struct unit *u, const char *ref, struct err *err) MUST_CHECK;

/* One page, newest first. VALIDATION_ERROR for a broken cursor. */
struct page *agents_list(struct unit *u, const struct agent_filter *filter,
                         struct err *err) MUST_CHECK;

/* Edits: overlay(arg, draft) is called with the draft as it stands (endpoint_api_key is
 * agent_keep_key) inside the transaction and changes it. if_match: ETag numbers the caller saw, or
 * -1 for any: PRECONDITION_FAILED when the row has moved on. */
typedef bool agents_overlay_fn(void *arg, struct agent_draft *draft, struct err *err);
struct agent *agents_edit(struct unit *u, const char *ref, int64_t if_match,
                          agents_overlay_fn *overlay, void *arg, struct err *err) MUST_CHECK;

/* A fresh token; the old one is refused at once here, within seconds on other nodes. AGENT_STATE
 * when the agent is revoked. */
struct agent *agents_rotate_token(struct unit *u, const char *ref, int64_t if_match,
                                  struct err *err) MUST_CHECK;

/* active → revoked (for good); active → archived; archived → active. Doing what is already done
 * changes nothing; anything else is AGENT_STATE. */
struct agent *agents_revoke(struct unit *u, const char *ref, int64_t if_match,
                            struct err *err) MUST_CHECK;
struct agent *agents_archive(struct unit *u, const char *ref, int64_t if_match,
                             struct err *err) MUST_CHECK;
struct agent *agents_restore(struct unit *u, const char *ref, int64_t if_match,
                             struct err *err) MUST_CHECK;

/* As revoke, from any other life. */
struct agent *agents_decommission(struct unit *u, const char *ref, struct err *err) MUST_CHECK;

/* Deletes it and its connections; call records and transitions keep the permanent id. */
bool agents_delete(struct unit *u, const char *ref, int64_t if_match, struct err *err) MUST_CHECK;

/* The agent that the token or id belongs to, for the cache: loads it (with a ticket taken before)
 * and puts it there; NULL with err unset when there is none. */
struct cached_agent *agents_load_by_token(struct unit *u, const struct digest *hash,
                                          struct err *err) MUST_CHECK;
struct cached_agent *agents_load(struct unit *u, const struct uuid *id, struct err *err) MUST_CHECK;

/* What calls to the agent's endpoint carry under its key header ("Bearer KEY", or the bare key when
 * the scheme is empty); NULL with err unset when it has no key. Opened the first time and kept with
 * the entry, as a secret: it lives as long as the entry does. Needs no database; any thread. */
const struct secret *agents_credential(const struct core *core, struct cached_agent *agent,
                                       struct err *err) MUST_CHECK;

#endif
