/* /api/v1/organizations and /api/v1/tiers/status. */
#include "api/idp/orgs.h"

#include "api/idp/lists.h"
#include "domain/orgs.h"
#include "json/formats.h"
#include "json/formats_identity.h"
#include "model/scope.h"
#include "work/service.h"

enum { NAME_MIN = 2, NAME_MAX_CHARS = 100, SLUG_MIN = 2, SLUG_MAX = 50, CAP_MAX = 1000000000 };

static const char *const plan_words[] = { "free", "pro", "enterprise", NULL };
static const char *const state_words[] = { "active", "suspended", "deleted", NULL };
static const char *const settable_words[] = { "active", "suspended", NULL };
static const char *const role_words[] = { "member", "admin", NULL };

/* ---- what goes in and what comes out ---- */

/* clang-format off */
/* What may be changed later too. The second argument is where the draft is inside the struct. */
#define PLAN_FIELDS(type, in)                                                                      \
    { "planTier", ENUM_AT(type, in plan), 0, .names = plan_words, .doc = "Its plan." },            \
    { "maxAgents", INT_AT(type, in max_agents), 0, .min = 1, .max = CAP_MAX,                       \
      .doc = "How many agents that are not decommissioned it may have." },                         \
    { "maxTokensPerMonth", INT_AT(type, in max_tokens_per_month), 0, .min = 1, .max = CAP_MAX,     \
      .doc = "How many access tokens each of its agents gets in a calendar month." }
#define NAME_FIELD(type, in, flags)                                                                \
    { "name", TEXT_AT(type, in name), flags, .min = NAME_MIN, .max = NAME_MAX_CHARS,               \
      .format = &format_plain, .doc = "What people call it.", .example = "\"Acme Labs\"" }
#define SLUG_FIELD(type, in, flags)                                                                \
    { "slug", TEXT_AT(type, in slug), flags, .min = SLUG_MIN, .max = SLUG_MAX,                     \
      .format = &format_slug, .doc = "Its short name: unique, and never changed.",                 \
      .example = "\"acme-labs\"" }
/* clang-format on */

static const struct field draft_fields[] = {
    NAME_FIELD(struct org_draft, , F_REQUIRED),
    SLUG_FIELD(struct org_draft, , F_REQUIRED),
    PLAN_FIELDS(struct org_draft, ),
    FIELD_LAST,
};

static const struct spec draft_spec = { "OrganizationDraft", sizeof(struct org_draft), draft_fields,
                                        .open = true };

static const struct field change_fields[] = {
    NAME_FIELD(struct org_draft, , 0),
    SLUG_FIELD(struct org_draft, , F_IMMUTABLE),
    PLAN_FIELDS(struct org_draft, ),
    { "status", ENUM_AT(struct org_draft, state), 0, .names = settable_words,
      .doc = "The API keys of a suspended organization are refused." },
    FIELD_LAST,
};

static const struct spec change_spec = { "OrganizationChange", sizeof(struct org_draft),
                                         change_fields };

static const struct field org_fields[] = {
    { "organizationId", TEXT_AT(struct org, id), 0, .format = &format_uuid, .doc = "Its id." },
    NAME_FIELD(struct org, draft., 0),
    { "slug", TEXT_AT(struct org, draft.slug), 0, .doc = "Its short name." },
    PLAN_FIELDS(struct org, draft.),
    { "status", ENUM_AT(struct org, draft.state), 0, .names = state_words,
      .doc = "Whether it is in service." },
    { "createdAt", TIME_AT(struct org, created_at), 0, .doc = "When it was made." },
    { "updatedAt", TIME_AT(struct org, updated_at), 0, .doc = "When it was last changed." },
    FIELD_LAST,
};

static const struct spec org_spec = { "Organization", sizeof(struct org), org_fields };

static const struct field page_fields[] = { IDP_PAGE_FIELDS(&org_spec) };

static const struct spec page_spec = { "OrganizationPage", sizeof(struct numbered_page),
                                       page_fields };

static const struct field filter_fields[] = {
    { "status", ENUM_AT(struct org_filter, state), 0, .names = state_words,
      .doc = "Only those that are so; when not given, all but the deleted ones." },
    IDP_PAGE_QUERY(struct org_filter, IDP_LIMIT_MAX, "20"),
    FIELD_LAST,
};

static const struct spec filter_spec = { "OrganizationFilter", sizeof(struct org_filter),
                                         filter_fields };
static const struct org_filter filter_defaults = { .state = -1, .page = 1, .limit = 20 };

static const struct field member_draft_fields[] = {
    { "agentId", TEXT_AT(struct member_draft, agent_id), F_REQUIRED, .format = &format_uuid,
      .doc = "The agent, of whatever organization." },
    { "role", ENUM_AT(struct member_draft, role), F_REQUIRED, .names = role_words,
      .doc = "An admin may ask for access tokens with the scope admin:orgs." },
    FIELD_LAST,
};

static const struct spec member_draft_spec = { "MemberDraft", sizeof(struct member_draft),
                                               member_draft_fields, .open = true };

static const struct field member_fields[] = {
    { "organizationId", TEXT_AT(struct member, org_id), 0, .format = &format_uuid,
      .doc = "The organization." },
    { "agentId", TEXT_AT(struct member, agent_id), 0, .format = &format_uuid, .doc = "The agent." },
    { "role", ENUM_AT(struct member, role), 0, .names = role_words, .doc = "What it may do." },
    { "joinedAt", TIME_AT(struct member, joined_at), 0, .doc = "Since when." },
    FIELD_LAST,
};

static const struct spec member_spec = { "Member", sizeof(struct member), member_fields };

/* ---- organizations ---- */

static bool
answer(struct request *rq, const struct org *org)
{
    rq->out = org;
    return org != NULL;
}

static bool
create_org(struct request *rq, struct err *err)
{
    const struct org *org = orgs_create(rq->unit, rq->in, err);

    if (!answer(rq, org))
        return false;
    reply_header(rq, "Location", arena_printf(rq->mem, "/api/v1/organizations/%s", org->id));
    return true;
}

static bool
list_orgs(struct request *rq, struct err *err)
{
    rq->out = orgs_list(rq->unit, rq->params, err);
    return rq->out != NULL;
}

static bool
get_org(struct request *rq, struct err *err)
{
    return answer(rq, orgs_get(rq->unit, rq->args[0], err));
}

static bool
overlay(void *arg, struct org_draft *draft, struct err *err)
{
    struct request *rq = arg;
    /* The pipeline has read the body of a patch, not its members. */
    json_t *body = (json_t *)(uintptr_t)rq->in;

    if (json_is_object(body) && json_object_size(body) == 0)
        return err_set(err, ERR_VALIDATION_ERROR, NULL, "The body changes nothing.");
    return spec_read(rq->route->in, body, draft, SPEC_PATCH, rq->mem, err);
}

static bool
edit_org(struct request *rq, struct err *err)
{
    return answer(rq, orgs_edit(rq->unit, rq->args[0], overlay, rq, err));
}

static bool
delete_org(struct request *rq, struct err *err)
{
    return orgs_delete(rq->unit, rq->args[0], err);
}

static bool
add_member(struct request *rq, struct err *err)
{
    rq->out = orgs_join(rq->unit, rq->args[0], rq->in, err);
    return rq->out != NULL;
}

/* ---- the caller's own plan ---- */

struct tier_limits {
    int64_t agents, tokens, requests;
};

struct tier_usage {
    int64_t agents, registered, tokens;
};

struct tier {
    int plan;
    struct tier_limits limits;
    struct tier_usage usage;
};

static const struct field limit_fields[] = {
    { "maxAgents", INT_AT(struct tier_limits, agents), 0,
      .doc = "Agents that are not decommissioned." },
    { "maxTokensPerMonth", INT_AT(struct tier_limits, tokens), 0,
      .doc = "Access tokens of each agent in a calendar month." },
    { "rateLimitPerMinute", INT_AT(struct tier_limits, requests), F_NULLABLE, .min = 1,
      .doc = "Requests of each client; null: not limited." },
    FIELD_LAST,
};

static const struct spec limits_spec = { "TierLimits", sizeof(struct tier_limits), limit_fields };

static const struct field usage_fields[] = {
    { "agentCount", INT_AT(struct tier_usage, agents), 0,
      .doc = "Agents that are not decommissioned." },
    { "agentsRegistered", INT_AT(struct tier_usage, registered), 0, .doc = "The same." },
    { "tokensThisMonth", INT_AT(struct tier_usage, tokens), 0,
      .doc = "Access tokens of all its agents in this calendar month, in UTC." },
    FIELD_LAST,
};

static const struct spec usage_spec = { "TierUsage", sizeof(struct tier_usage), usage_fields };

static const struct field tier_fields[] = {
    { "tier", ENUM_AT(struct tier, plan), 0, .names = plan_words, .doc = "The plan." },
    { "limits", OBJECT_AT(struct tier, limits, struct tier_limits), 0, .spec = &limits_spec,
      .doc = "What it allows." },
    { "usage", OBJECT_AT(struct tier, usage, struct tier_usage), 0, .spec = &usage_spec,
      .doc = "What there is." },
    FIELD_LAST,
};

static const struct spec tier_spec = { "TierStatus", sizeof(struct tier), tier_fields };

static bool
get_tier(struct request *rq, struct err *err)
{
    const struct rate_limits *rates = &service_of(rq)->limits;
    const struct org_usage *used = orgs_usage(rq->unit, err);
    struct tier *tier = ARENA_NEW(rq->mem, struct tier);

    if (used == NULL)
        return false;
    *tier = (struct tier){
        .plan = used->plan,
        .limits = { used->max_agents, used->max_tokens_per_month,
                    rates->enabled ? rates->owner : 0 },
        .usage = { used->agents, used->agents, used->tokens },
    };
    rq->out = tier;
    return true;
}

/* ---- the rows ---- */

static const struct field args[] = {
    { "orgId", .kind = FIELD_TEXT, .format = &format_org_ref,
      .doc = "UUID of the organization; " ORGS_SYSTEM " is the built-in one." },
    FIELD_LAST,
};

#define OPERATORS .who = WHO_KEY, .scope = SCOPE_ADMIN_ORGS, .limit = LIMIT_OWNER

const struct route idp_orgs_routes[] = {
    { "POST", "/api/v1/organizations", create_org, "createOrganization", "Create an organization",
      OPERATORS, .in = &draft_spec, .defaults = &orgs_draft_defaults, .out = &org_spec, .ok = 201,
      .flags = ROUTE_CREATES },
    { "GET", "/api/v1/organizations", list_orgs, "listOrganizations", "List organizations",
      OPERATORS, .query = &filter_spec, .query_defaults = &filter_defaults, .out = &page_spec,
      .ok = 200 },
    { "GET", "/api/v1/organizations/{orgId}", get_org, "getOrganization", "Read one organization",
      OPERATORS, .args = args, .out = &org_spec, .ok = 200, .fails = { ERR_ORG_NOT_FOUND } },
    { "PATCH", "/api/v1/organizations/{orgId}", edit_org, "editOrganization",
      "Change an organization", OPERATORS, .args = args, .in = &change_spec, .mode = SPEC_PATCH,
      .out = &org_spec, .ok = 200, .fails = { ERR_ORG_NOT_FOUND },
      .doc = "Members that are not given stay as they are. The built-in organization cannot be "
             "suspended." },
    { "DELETE", "/api/v1/organizations/{orgId}", delete_org, "deleteOrganization",
      "Delete an organization", OPERATORS, .args = args, .ok = 204,
      .fails = { ERR_ORG_NOT_FOUND, ERR_ORG_HAS_ACTIVE_AGENTS },
      .doc = "Its API keys are refused from then on; its slug stays taken. The built-in one cannot "
             "be deleted." },
    { "POST", "/api/v1/organizations/{orgId}/members", add_member, "addMember",
      "Give an agent a role in an organization", OPERATORS, .args = args, .in = &member_draft_spec,
      .out = &member_spec, .ok = 201, .flags = ROUTE_CREATES,
      .fails = { ERR_ORG_NOT_FOUND, ERR_AGENT_NOT_FOUND, ERR_ALREADY_MEMBER } },
    { "GET", "/api/v1/tiers/status", get_tier, "getTierStatus",
      "Read what the caller's organization may have and has", .who = WHO_KEY,
      .scope = SCOPE_AGENTS_READ, .limit = LIMIT_OWNER, .out = &tier_spec, .ok = 200 },
    ROUTE_LAST,
};
