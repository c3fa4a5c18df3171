/* /api/v1/agents: the seven members of a registration, the ten of an answer. */
#include "api/idp/agents.h"

#include "api/idp/lists.h"
#include "domain/identities.h"
#include "json/formats.h"
#include "json/formats_identity.h"
#include "model/scope.h"

static const char *const status_words[] = { "active", "suspended", "decommissioned", NULL };

enum {
    EMAIL_MAX = 255,
    VERSION_MAX = 64,
    OWNER_MAX = 128,
    CAPABILITIES_MAX = 100,
    CAPABILITY_MAX = 128,
    LIMIT = 20,
};

/* ---- specs ---- */

/* clang-format off */
#define EMAIL(of, flags)                                                                         \
    { "email", TEXT_AT(of, email), (flags), .min = 1, .max = EMAIL_MAX, .format = &format_email, \
      .doc = "What it is known by; unique in any case, and never changed.",                        \
      .example = "\"screener-001@talent.ai\"" }
#define TYPE(of, flags)                                                                          \
    { "agentType", ENUM_AT(of, type), (flags), .names = identity_type_words,                     \
      .doc = "What sort of work it does.", .example = "\"screener\"" }
#define VERSION(of, flags)                                                                       \
    { "version", TEXT_AT(of, version), (flags), .min = 1, .max = VERSION_MAX,                    \
      .format = &format_semver, .doc = "Of its software (SemVer 2.0.0).", .example = "\"1.0.0\"" }
#define CAPABILITIES(of, flags, least)                                                           \
    { "capabilities", TEXTS_AT(of, capabilities), (flags), .min = (least),                       \
      .max = CAPABILITIES_MAX, .item_max = CAPABILITY_MAX, .format = &format_capability,           \
      .doc = "What it may do, as resource:action; declared, not enforced.",                        \
      .example = "[\"resume:read\", \"email:send\"]" }
#define OWNER(of, flags, least)                                                                  \
    { "owner", TEXT_AT(of, owner), (flags), .min = (least), .max = OWNER_MAX,                    \
      .format = &format_plain, .doc = "The team that owns it.",                                    \
      .example = "\"talent-acquisition-team\"" }
#define ENV(of, flags)                                                                           \
    { "deploymentEnv", ENUM_AT(of, env), (flags), .names = identity_env_words,                   \
      .doc = "Where it runs.", .example = "\"production\"" }
/* clang-format on */

static const struct field registration_fields[] = {
    EMAIL(struct identity_draft, F_REQUIRED),
    TYPE(struct identity_draft, F_REQUIRED),
    VERSION(struct identity_draft, F_REQUIRED),
    CAPABILITIES(struct identity_draft, F_REQUIRED, 1),
    OWNER(struct identity_draft, F_REQUIRED, 1),
    ENV(struct identity_draft, F_REQUIRED),
    { "organization_id", TEXT_AT(struct identity_draft, org_id), F_NULLABLE,
      .format = &format_org_ref,
      .doc = "Where it belongs. Followed for callers with admin:orgs; the agents of all others "
             "belong to the organization of their credential." },
    FIELD_LAST,
};

static const struct spec registration_spec = { "IdentityRegistration",
                                               sizeof(struct identity_draft), registration_fields,
                                               .open = true };

static const struct field patch_fields[] = {
    { "agentId", TEXT_AT(struct identity_draft, email), F_OUT_ONLY, .doc = "Never changes." },
    { "email", TEXT_AT(struct identity_draft, email), F_OUT_ONLY, .doc = "Never changes." },
    TYPE(struct identity_draft, 0),
    VERSION(struct identity_draft, 0),
    CAPABILITIES(struct identity_draft, 0, 1),
    OWNER(struct identity_draft, 0, 1),
    ENV(struct identity_draft, 0),
    { "status", ENUM_AT(struct identity_draft, status), 0, .names = status_words,
      .doc = "active or suspended; DELETE decommissions." },
    { "createdAt", TEXT_AT(struct identity_draft, email), F_OUT_ONLY, .doc = "Never changes." },
    FIELD_LAST,
};

static const struct spec patch_spec = { "IdentityChange", sizeof(struct identity_draft),
                                        patch_fields };

static const struct field identity_fields[] = {
    { "agentId", TEXT_AT(struct identity, id), 0, .format = &format_uuid,
      .doc = "Given at registration, never changed; also the client id." },
    EMAIL(struct identity, 0),
    TYPE(struct identity, 0),
    VERSION(struct identity, 0),
    CAPABILITIES(struct identity, 0, 0),
    OWNER(struct identity, 0, 0),
    ENV(struct identity, 0),
    { "status", ENUM_AT(struct identity, status), 0, .names = status_words,
      .doc = "Whether it may have tokens." },
    { "createdAt", TIME_AT(struct identity, created_at), 0, .doc = "When it was registered." },
    { "updatedAt", TIME_AT(struct identity, updated_at), 0, .doc = "When it was last changed." },
    FIELD_LAST,
};

static const struct spec identity_spec = { "Identity", sizeof(struct identity), identity_fields };

static const struct field page_fields[] = { IDP_PAGE_FIELDS(&identity_spec) };

static const struct spec page_spec = { "IdentityPage", sizeof(struct numbered_page), page_fields };

static const struct field filter_fields[] = {
    { "owner", TEXT_AT(struct identity_filter, owner), 0, .min = 1, .max = OWNER_MAX,
      .format = &format_plain, .doc = "Only those of this team." },
    { "agentType", ENUM_AT(struct identity_filter, type), 0, .names = identity_type_words,
      .doc = "Only those of this type." },
    { "status", ENUM_AT(struct identity_filter, status), 0, .names = status_words,
      .doc = "Only those that are so." },
    IDP_PAGE_QUERY(struct identity_filter, IDP_LIMIT_MAX, "20"),
    FIELD_LAST,
};

static const struct spec filter_spec = { "IdentityFilter", sizeof(struct identity_filter),
                                         filter_fields };
static const struct identity_filter filter_defaults = {
    .type = -1, .status = -1, .page = 1, .limit = LIMIT
};

/* ---- handlers ---- */

bool
idp_uuid_arg(const struct request *rq, size_t i, const char *name, struct err *err)
{
    if (format_uuid.check(rq->args[i]))
        return true;
    return err_setf(err, ERR_VALIDATION_ERROR, name, "%s: %s.", name, format_uuid.say);
}

static bool
answer(struct request *rq, const void *out)
{
    rq->out = out;
    return out != NULL;
}

static bool
register_agent(struct request *rq, struct err *err)
{
    const struct identity *identity = identities_register(rq->unit, rq->in, err);

    if (!answer(rq, identity))
        return false;
    reply_header(rq, "Location", arena_printf(rq->mem, "/api/v1/agents/%s", identity->id));
    return true;
}

static bool
list_agents(struct request *rq, struct err *err)
{
    return answer(rq, identities_list(rq->unit, rq->params, err));
}

static bool
get_agent(struct request *rq, struct err *err)
{
    return idp_uuid_arg(rq, 0, "agentId", err) &&
           answer(rq, identities_get(rq->unit, rq->args[0], err));
}

static bool
overlay(void *arg, struct identity_draft *draft, struct err *err)
{
    struct request *rq = arg;

    return spec_read(rq->route->in, (json_t *)(uintptr_t)rq->in, draft, SPEC_PATCH, rq->mem, err);
}

static bool
edit_agent(struct request *rq, struct err *err)
{
    if (!idp_uuid_arg(rq, 0, "agentId", err))
        return false;
    if (json_object_size(rq->in) == 0)
        return err_set(err, ERR_VALIDATION_ERROR, NULL,
                       "At least one member that can be changed is needed.");
    return answer(rq, identities_edit(rq->unit, rq->args[0], overlay, rq, err));
}

static bool
decommission_agent(struct request *rq, struct err *err)
{
    return idp_uuid_arg(rq, 0, "agentId", err) &&
           identities_decommission(rq->unit, rq->args[0], err);
}

/* ---- the rows ---- */

const struct field idp_agent_args[] = {
    { "agentId", .kind = FIELD_TEXT, .format = &format_uuid, .doc = "UUID of the agent." },
    FIELD_LAST,
};

#define READS  .who = WHO_KEY, .scope = SCOPE_AGENTS_READ, .limit = LIMIT_OWNER
#define WRITES .who = WHO_KEY, .scope = SCOPE_AGENTS_WRITE, .limit = LIMIT_OWNER
#define ONE    .args = idp_agent_args
#define MISSES ERR_VALIDATION_ERROR, ERR_AGENT_NOT_FOUND, ERR_FORBIDDEN

const struct route idp_agents_routes[] = {
    { "POST", "/api/v1/agents", register_agent, "registerIdentity", "Register an agent", WRITES,
      .in = &registration_spec, .out = &identity_spec, .ok = 201, .flags = ROUTE_CREATES,
      .fails = { ERR_AGENT_ALREADY_EXISTS, ERR_TIER_LIMIT_EXCEEDED, ERR_FORBIDDEN },
      .doc = "Members that are not known are ignored." },
    { "GET", "/api/v1/agents", list_agents, "listIdentities", "List agents", READS,
      .query = &filter_spec, .query_defaults = &filter_defaults, .out = &page_spec, .ok = 200 },
    { "GET", "/api/v1/agents/{agentId}", get_agent, "getIdentity", "Read one agent", READS, ONE,
      .out = &identity_spec, .ok = 200, .fails = { MISSES } },
    { "PATCH", "/api/v1/agents/{agentId}", edit_agent, "editIdentity", "Edit an agent", WRITES, ONE,
      .in = &patch_spec, .mode = SPEC_PATCH, .out = &identity_spec, .ok = 200,
      .fails = { MISSES, ERR_AGENT_ALREADY_DECOMMISSIONED },
      .doc = "Members that are not given stay as they are. A suspended agent gets no tokens." },
    { "DELETE", "/api/v1/agents/{agentId}", decommission_agent, "decommissionIdentity",
      "Decommission an agent", WRITES, ONE, .ok = 204,
      .fails = { MISSES, ERR_AGENT_ALREADY_DECOMMISSIONED },
      .doc = "For good: the record stays, its credentials are refused, its place is free." },
    ROUTE_LAST,
};
