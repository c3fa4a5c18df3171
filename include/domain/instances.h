/* The registry of the mesh: which agent types an organization has, and where their instances are.
 * An agent_type names an agent: one that was made for this type, or any by its UUID or permanent
 * id. What happens to instances that are registered is in domain/fleet.h. */
#ifndef DOMAIN_INSTANCES_H
#define DOMAIN_INSTANCES_H

#include "domain/core.h"
#include "model/identity.h"
#include "model/instance.h"

/* The columns under which an instance's secrets are sealed: place {organization, instance (its
 * UUID), column}. */
#define SEAL_INSTANCE_URL    "url"
#define SEAL_DISPATCH_URL    "dispatch_url"
#define SEAL_DISPATCH_SECRET "auth_secret"

/* What a registration answers. */
struct instance_registered {
    const char *org_id, *instance_id;
    int mode;
    const char *connect_url; /* NULL: hosted              */
    const char *jwks_url;    /* NULL: not SCHEME_JWT      */
    int scheme;
    bool auth_required;
    const char *credentials_ref;
};

/* Whether the draft would be registered as things are, as far as that can be said without its card:
 * fails as instances_register, and changes nothing. */
bool instances_check(struct unit *u, const struct instance_draft *draft,
                     struct err *err) MUST_CHECK;

/* Registers an instance, or again; of a type that is new, the agent as well. dispatch_url: where
 * its card says that calls go, or NULL. In this order: VALIDATION_ERROR (url; an agent_type that
 * looks like an agent's id and is none's), TENANT_MISMATCH, AGENT_NOT_ACTIVE,
 * AGENT_TYPE_NOT_ALLOWED, DEPLOYMENT_MODE_MISMATCH, VALIDATION_ERROR on agent_type (registered as
 * of another type), CREDENTIALS_REF_REUSED, TIER_LIMIT_EXCEEDED (facts limit, current). A socket
 * that is open stays so. */
struct instance_registered *instances_register(struct unit *u, const struct instance_draft *draft,
                                               const char *dispatch_url,
                                               struct err *err) MUST_CHECK;

/* Where a hosted draft has its card; VALIDATION_ERROR on url. */
struct out_url *instances_card_url(struct unit *u, const struct instance_draft *draft,
                                   struct err *err) MUST_CHECK;

/* What is called at that card's url, when it has the origin of the draft's; else NULL. */
const char *instances_dispatch_url(struct unit *u, const struct instance_draft *draft,
                                   const char *card_url);

/* Removes one of the caller's organization, and its place in sessions; agent_type NULL: of whatever
 * type. INSTANCE_NOT_FOUND. */
bool instances_deregister(struct unit *u, const char *instance_id, const char *agent_type,
                          struct err *err) MUST_CHECK;

/* One, with its card. An operator reaches those of all organizations, or only of tenant; for others
 * tenant counts for nothing. INSTANCE_NOT_FOUND. */
struct instance_now *instances_get(struct unit *u, const char *instance_id, const char *tenant,
                                   struct err *err) MUST_CHECK;

/* One page of the caller's organization, newest first: a list of struct instance_now without cards.
 */
struct numbered_page *instances_list(struct unit *u, const struct instance_filter *filter,
                                     struct err *err) MUST_CHECK;

/* Counts; agent_type NULL: of all types. *org: of which organization, NULL for the count over all
 * that an operator gets who names no tenant. */
struct instance_stats *instances_stats(struct unit *u, const char *agent_type, const char *tenant,
                                       const char **org, struct err *err) MUST_CHECK;

/* Gives an instance of the caller's organization a secret of its own, with which its dispatches are
 * signed from the next one on (HS256) in place of our key; secret NULL: one of 96 hex digits is
 * made. *told: the secret, this once. INSTANCE_NOT_FOUND; VALIDATION_ERROR on instance_id when it
 * is no instance of scheme svantic_jwt. */
bool instances_set_secret(struct unit *u, const char *instance_id, const char *secret,
                          const char **told, struct err *err) MUST_CHECK;

/* --- what an organization admits --- */

/* Puts a type on the list of tenant, or takes it off; then all its instances are deregistered,
 * *deregistered of them. *changed: the list was another before. TENANT_MISMATCH when tenant is not
 * the caller's organization and the caller no operator; ORG_NOT_FOUND. */
bool instances_allow(struct unit *u, const char *tenant, const char *agent_type, bool *changed,
                     struct err *err) MUST_CHECK;
bool instances_disallow(struct unit *u, const char *tenant, const char *agent_type, bool *changed,
                        int64_t *deregistered, struct err *err) MUST_CHECK;

/* Sets enum policy_mode of an organization (slug or UUID; NOT_FOUND on org). */
bool instances_set_policy(struct unit *u, const char *org, int mode, struct err *err) MUST_CHECK;

#endif
