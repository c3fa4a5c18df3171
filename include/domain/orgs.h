/* The rules of organizations: made, changed, suspended, deleted, joined; and what they have used.
 * Whoever may call these may reach every organization. ref: a UUID or the word org_system;
 * anything else is VALIDATION_ERROR on orgId. ORG_NOT_FOUND: there is none, or it is deleted. */
#ifndef DOMAIN_ORGS_H
#define DOMAIN_ORGS_H

#include "domain/core.h"
#include "model/org.h"

/* The word that stands for the built-in organization. */
#define ORGS_SYSTEM "org_system"

/* A draft as a creation begins: free, 100 agents, 10,000 tokens a month. */
extern const struct org_draft orgs_draft_defaults;

/* VALIDATION_ERROR on slug when it is taken; that of a deleted organization stays taken. */
struct org *orgs_create(struct unit *u, const struct org_draft *draft, struct err *err) MUST_CHECK;
struct org *orgs_get(struct unit *u, const char *ref, struct err *err) MUST_CHECK;

/* A page of struct org, newest first. */
struct numbered_page *orgs_list(struct unit *u, const struct org_filter *filter,
                                struct err *err) MUST_CHECK;

/* Edits: overlay(arg, draft) changes the draft as it stands inside the transaction. A suspended
 * organization's API keys are refused at once here, within a second on other nodes. FORBIDDEN when
 * the built-in one would be suspended. */
typedef bool orgs_overlay_fn(void *arg, struct org_draft *draft, struct err *err);
struct org *orgs_edit(struct unit *u, const char *ref, orgs_overlay_fn *overlay, void *arg,
                      struct err *err) MUST_CHECK;

/* Deletes it for good: its API keys are revoked, its memberships end. ORG_HAS_ACTIVE_AGENTS with
 * the fact current while it has agents that are not decommissioned; none is registered meanwhile
 * or afterwards. FORBIDDEN for the built-in one. */
bool orgs_delete(struct unit *u, const char *ref, struct err *err) MUST_CHECK;

/* Gives an agent, of whatever organization, a role. AGENT_NOT_FOUND (decommissioned ones too);
 * ALREADY_MEMBER. */
struct member *orgs_join(struct unit *u, const char *ref, const struct member_draft *draft,
                         struct err *err) MUST_CHECK;

/* What the caller's own organization may have and has used. */
struct org_usage *orgs_usage(struct unit *u, struct err *err) MUST_CHECK;

/* A slug for a name: lower-case letters and digits, each run of others a hyphen, none at the ends,
 * at most 50 characters; may be too short to be one. In mem. */
char *orgs_slug_of(const char *name, struct arena *mem);

#endif
