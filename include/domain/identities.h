/* The rules of agents as identities: /api/v1 registers, edits and retires them. They are the same
 * agents that the other dialects know. */
#ifndef DOMAIN_IDENTITIES_H
#define DOMAIN_IDENTITIES_H

#include "domain/core.h"
#include "model/identity.h"

/* Words for enum agent_type and enum deployment_env, NULL-terminated: in every dialect and in
 * tokens. */
extern const char *const identity_type_words[], *const identity_env_words[];

/* Registers an agent in the caller's organization, or in draft->org_id when the caller is an
 * operator (admin:orgs); others cannot choose. VALIDATION_ERROR on organization_id,
 * AGENT_ALREADY_EXISTS (fact email), TIER_LIMIT_EXCEEDED (facts limit, current): the cap of the
 * organization holds whoever registers at the same time. */
struct identity *identities_register(struct unit *u, const struct identity_draft *draft,
                                     struct err *err) MUST_CHECK;

/* Where identities_register joins those that come at the same time, as agents_registrations. */
struct combiner *identities_registrations(void);

/* AGENT_NOT_FOUND (fact agentId); when it is another organization's and the caller no operator,
 * FORBIDDEN (contract decision 5), or with server.strict_isolation AGENT_NOT_FOUND, too. */
struct identity *identities_get(struct unit *u, const char *id, struct err *err) MUST_CHECK;

/* One page of the caller's organization, newest first: a list of struct identity. */
struct numbered_page *identities_list(struct unit *u, const struct identity_filter *filter,
                                      struct err *err) MUST_CHECK;

/* Edits: overlay(arg, draft) is called with the draft as it stands (status -1) inside the
 * transaction and changes it. As identities_get, and AGENT_ALREADY_DECOMMISSIONED;
 * VALIDATION_ERROR on status. */
typedef bool identities_overlay_fn(void *arg, struct identity_draft *draft, struct err *err);
struct identity *identities_edit(struct unit *u, const char *id, identities_overlay_fn *overlay,
                                 void *arg, struct err *err) MUST_CHECK;

/* Ends it for good: the row stays, its token and its client secrets are refused. As
 * identities_get, and AGENT_ALREADY_DECOMMISSIONED. */
bool identities_decommission(struct unit *u, const char *id, struct err *err) MUST_CHECK;

/* Chore: adds up a bounded number of changes of how many agents organizations have. *more: there
 * may be others. May run on several nodes at once. */
bool identities_count_up(struct unit *u, bool *more, struct err *err) MUST_CHECK;

#endif
