/* /api/agents: agents as their owners see them, and GET /api/agents/me for the agents themselves.
 */
#include "api/portal/agents.h"

#include "api/portal/agent_specs.h"
#include "api/portal/lists.h"
#include "domain/agents.h"
#include "http/draw.h"
#include "json/formats.h"
#include "model/scope.h"

/* ---- reading ---- */

static const struct field filter_fields[] = {
    { "q", TEXT_AT(struct agent_filter, q), 0, .min = 1, .max = 100, .format = &format_plain,
      .doc = "Part of the name in any case, or a permanent id or UUID." },
    { "status", ENUM_AT(struct agent_filter, status), 0, .names = portal_state_words,
      .doc = "Only those that are so." },
    { "life", ENUM_AT(struct agent_filter, life), 0, .names = portal_life_words,
      .doc = "Only those that are so." },
    { "task_category", TEXT_AT(struct agent_filter, task_category), 0, .min = 1, .max = 100,
      .format = &format_plain, .doc = "Only those that declare it." },
    PORTAL_PAGE_QUERY(struct agent_filter, "50"),
    FIELD_LAST,
};

static const struct spec filter_spec = { "AgentFilter", sizeof(struct agent_filter),
                                         filter_fields };
static const struct agent_filter filter_defaults = { .status = -1, .life = -1, .limit = 50 };

/* An agent is the answer; with an ETag, since presence is part of it only by its digest. */
static bool
answer(struct request *rq, const struct agent *agent)
{
    if (agent == NULL)
        return false;
    rq->out = agent;
    rq->etag = agent->row_version;
    return true;
}

static bool
list_agents(struct request *rq, struct err *err)
{
    return portal_lists_answer(rq, agents_list(rq->unit, rq->params, err));
}

static bool
get_agent(struct request *rq, struct err *err)
{
    return answer(rq, agents_get(rq->unit, rq->args[0], err));
}

/* A token that outlives its agent by a moment is a token of nobody. */
static bool
get_me(struct request *rq, struct err *err)
{
    struct err missing = { 0 };

    rq->out = agents_get(rq->unit, rq->caller.id_text, &missing);
    if (missing.code == ERR_AGENT_NOT_FOUND)
        return err_set(err, ERR_UNAUTHORIZED, NULL, NULL);
    *err = missing;
    return rq->out != NULL;
}

/* ---- changing ---- */

static bool
register_agent(struct request *rq, struct err *err)
{
    const struct agent *agent = agents_register(rq->unit, rq->in, err);

    if (!answer(rq, agent))
        return false;
    reply_header(rq, "Location", arena_printf(rq->mem, "/api/agents/%s", agent->id));
    return true;
}

/* The pipeline has read the body of a patch, not its members. */
static json_t *
body_of(const struct request *rq)
{
    return (json_t *)(uintptr_t)rq->in;
}

static bool
overlay(void *arg, struct agent_draft *draft, struct err *err)
{
    struct request *rq = arg;

    return spec_read(rq->route->in, body_of(rq), draft, SPEC_PATCH, rq->mem, err);
}

static bool
edit_agent(struct request *rq, struct err *err)
{
    int64_t version;

    return draw_if_match(rq, &version, err) &&
           answer(rq, agents_edit(rq->unit, rq->args[0], version, overlay, rq, err));
}

static bool
rotate_token(struct request *rq, struct err *err)
{
    int64_t version;

    return draw_if_match(rq, &version, err) &&
           answer(rq, agents_rotate_token(rq->unit, rq->args[0], version, err));
}

static bool
revoke_agent(struct request *rq, struct err *err)
{
    int64_t version;

    return draw_if_match(rq, &version, err) &&
           answer(rq, agents_revoke(rq->unit, rq->args[0], version, err));
}

static bool
archive_agent(struct request *rq, struct err *err)
{
    int64_t version;

    return draw_if_match(rq, &version, err) &&
           answer(rq, agents_archive(rq->unit, rq->args[0], version, err));
}

static bool
restore_agent(struct request *rq, struct err *err)
{
    int64_t version;

    return draw_if_match(rq, &version, err) &&
           answer(rq, agents_restore(rq->unit, rq->args[0], version, err));
}

static bool
delete_agent(struct request *rq, struct err *err)
{
    int64_t version;

    return draw_if_match(rq, &version, err) && agents_delete(rq->unit, rq->args[0], version, err);
}

/* ---- the rows ---- */

const struct field portal_agents_args[] = {
    { "agentId", .kind = FIELD_TEXT, .format = &format_agent_ref,
      .doc = "UUID or permanent id of the agent." },
    FIELD_LAST,
};

#define READS  .who = WHO_KEY, .scope = SCOPE_AGENTS_READ, .limit = LIMIT_OWNER
#define WRITES .who = WHO_KEY, .scope = SCOPE_AGENTS_WRITE, .limit = LIMIT_OWNER
#define STEPS                                                                                      \
    WRITES, .args = portal_agents_args, .out = &portal_agent_spec, .ok = 200, .flags = ROUTE_ETAG, \
            .fails = { ERR_AGENT_NOT_FOUND, ERR_AGENT_STATE }

const struct route portal_agents_routes[] = {
    { "POST", "/api/agents", register_agent, "registerAgent", "Register an agent", WRITES,
      .in = &portal_agent_draft_spec, .defaults = &agents_draft_defaults, .out = &portal_agent_spec,
      .ok = 201, .flags = ROUTE_CREATES | ROUTE_ETAG,
      .doc = "Only a name is needed. The answer holds the agent's token, this once." },
    { "GET", "/api/agents", list_agents, "listAgents", "List agents", READS, .query = &filter_spec,
      .query_defaults = &filter_defaults, .out = &portal_agent_page_spec, .ok = 200,
      .doc = "Each page of a filtered list looks at some thousand agents: of very many it may hold"
             " fewer items than asked for, even none, and yet a next page exists." },
    { "GET", "/api/agents/me", get_me, "getMe", "Read the calling agent", .who = WHO_AGENT,
      .limit = LIMIT_SELF, .out = &portal_me_spec, .ok = 200 },
    { "GET", "/api/agents/{agentId}", get_agent, "getAgent", "Read one agent", READS,
      .args = portal_agents_args, .out = &portal_agent_spec, .ok = 200, .flags = ROUTE_ETAG,
      .fails = { ERR_AGENT_NOT_FOUND } },
    { "PATCH", "/api/agents/{agentId}", edit_agent, "editAgent", "Edit an agent", WRITES,
      .args = portal_agents_args, .in = &portal_agent_draft_spec, .mode = SPEC_PATCH,
      .out = &portal_agent_spec, .ok = 200, .flags = ROUTE_ETAG, .fails = { ERR_AGENT_NOT_FOUND },
      .doc = "Members that are not given stay as they are; null clears (RFC 7396)." },
    { "DELETE", "/api/agents/{agentId}", delete_agent, "deleteAgent", "Delete an agent", WRITES,
      .args = portal_agents_args, .ok = 204, .flags = ROUTE_ETAG, .fails = { ERR_AGENT_NOT_FOUND },
      .doc = "Its connections go with it; records of calls and changes keep its permanent id." },
    { "POST", "/api/agents/{agentId}/rotate-token", rotate_token, "rotateToken",
      "Give an agent a new token", STEPS, .doc = "The old token is refused from then on." },
    { "POST", "/api/agents/{agentId}/revoke", revoke_agent, "revokeAgent", "End an agent for good",
      STEPS, .doc = "Its token is refused, and calls to it are too." },
    { "POST", "/api/agents/{agentId}/archive", archive_agent, "archiveAgent",
      "Take an agent out of service", STEPS,
      .doc = "Its token is refused, and calls to it are too, until it is restored." },
    { "POST", "/api/agents/{agentId}/restore", restore_agent, "restoreAgent",
      "Put an archived agent back into service", STEPS },
    ROUTE_LAST,
};
