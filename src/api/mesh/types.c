/* Which agent types an organization admits: POST /agents/allow_type, /agents/disallow_type. */
#include "api/mesh/types.h"

#include "domain/instances.h"
#include "json/formats.h"
#include "json/formats_identity.h"
#include "json/spec.h"
#include "model/scope.h"
#include "work/service.h"

struct type_body {
    const char *tenant_id, *agent_type;
};

static const struct field body_fields[] = {
    { "tenant_id", TEXT_AT(struct type_body, tenant_id), F_REQUIRED, .format = &format_uuid,
      .doc = "The organization: one's own, unless one is an operator." },
    { "agent_type", TEXT_AT(struct type_body, agent_type), F_REQUIRED, .format = &format_mesh_name,
      .doc = "The type." },
    FIELD_LAST,
};

static const struct spec body_spec = { "AgentTypeReference", sizeof(struct type_body), body_fields,
                                       .open = true };

struct drawn {
    bool ok;
    const char *agent_type;
    bool changed;
    int64_t deregistered;
};

static const struct field allowed_fields[] = {
    { "ok", BOOL_AT(struct drawn, ok), 0, .doc = "Always true." },
    { "agent_type", TEXT_AT(struct drawn, agent_type), 0, .doc = "As it was given." },
    { "was_new", BOOL_AT(struct drawn, changed), 0, .doc = "Whether it was not on the list." },
    FIELD_LAST,
};

static const struct spec allowed_spec = { "AllowedType", sizeof(struct drawn), allowed_fields };

static const struct field disallowed_fields[] = {
    { "ok", BOOL_AT(struct drawn, ok), 0, .doc = "Always true." },
    { "agent_type", TEXT_AT(struct drawn, agent_type), 0, .doc = "As it was given." },
    { "removed_from_policy", BOOL_AT(struct drawn, changed), 0,
      .doc = "Whether it was on the list." },
    { "deregistered_count", INT_AT(struct drawn, deregistered), 0, .min = 0,
      .doc = "How many instances were removed." },
    FIELD_LAST,
};

static const struct spec disallowed_spec = { "DisallowedType", sizeof(struct drawn),
                                             disallowed_fields };

static bool
allow(struct request *rq, struct err *err)
{
    const struct type_body *body = rq->in;
    struct drawn *drawn = ARENA_NEW(rq->mem, struct drawn);

    *drawn = (struct drawn){ .ok = true, .agent_type = body->agent_type };
    rq->out = drawn;
    return instances_allow(rq->unit, body->tenant_id, body->agent_type, &drawn->changed, err);
}

static bool
disallow(struct request *rq, struct err *err)
{
    const struct type_body *body = rq->in;
    struct drawn *drawn = ARENA_NEW(rq->mem, struct drawn);

    *drawn = (struct drawn){ .ok = true, .agent_type = body->agent_type };
    rq->out = drawn;
    return instances_disallow(rq->unit, body->tenant_id, body->agent_type, &drawn->changed,
                              &drawn->deregistered, err);
}

#define CHANGES                                                                                    \
    .who = WHO_KEY, .scope = SCOPE_AGENTS_WRITE, .limit = LIMIT_MESH, .ok = 200, .in = &body_spec

const struct route mesh_types_routes[] = {
    { "POST", "/agents/allow_type", allow, "allowAgentType", "Admit an agent type", CHANGES,
      .out = &allowed_spec, .fails = { ERR_TENANT_MISMATCH, ERR_ORG_NOT_FOUND },
      .doc = "Counts where the organization admits only types on its list (rosterd org policy)." },
    { "POST", "/agents/disallow_type", disallow, "disallowAgentType", "Admit an agent type no more",
      CHANGES, .out = &disallowed_spec, .fails = { ERR_TENANT_MISMATCH, ERR_ORG_NOT_FOUND },
      .doc = "All its instances are deregistered." },
    ROUTE_LAST,
};
