/* Dispatches: asked for by callers, taken by agents that have dialled in. */
#include "api/mesh/dispatch.h"

#include "domain/proof.h"
#include "json/formats.h"
#include "model/instance.h"
#include "model/scope.h"
#include "work/dispatch.h"
#include "work/peers.h"
#include "work/pipeline.h"
#include "work/sockets.h"

enum {
    SKILL_MAX = 256,
    ARGS_MAX = 1024 * 1024,
    BODY_MAX = ARGS_MAX + 64 * 1024,
    VISIT_MAX = 4 * 1024 * 1024,
    TIMEOUT_MAX_MS = 3600 * 1000,
};

/* ---- specs ---- */

static const struct field connect_fields[] = {
    { "instance_id", TEXT_AT(struct sockets_query, instance_id), 0, .max = INSTANCE_ID_MAX,
      .doc = "The instance that dials in, as it registered." },
    FIELD_LAST,
};

static const struct spec connect_spec = { "SocketQuery", sizeof(struct sockets_query),
                                          connect_fields, .open = true };

static const struct field order_fields[] = {
    { "agent_type", TEXT_AT(struct dispatch_want, agent_type), F_NULLABLE, .min = 1,
      .max = AGENT_TYPE_MAX, .doc = "Whom it is for: any instance of this type (or agt-… id)." },
    { "instance_id", TEXT_AT(struct dispatch_want, instance_id), F_NULLABLE, .min = 1,
      .max = INSTANCE_ID_MAX, .doc = "Or one instance." },
    { "skill_id", TEXT_AT(struct dispatch_want, skill_id), F_REQUIRED, .min = 1, .max = SKILL_MAX,
      .doc = "What it is to do.", .example = "\"navigate\"" },
    { "args", JSON_AT(struct dispatch_want, args), F_NULLABLE, .max = ARGS_MAX,
      .doc = "An object, for the skill.", .example = "{\"to\": \"home\"}" },
    { "session_id", TEXT_AT(struct dispatch_want, session_id), F_NULLABLE, .format = &format_uuid,
      .doc = "The session that it belongs to: keeps to its instance." },
    { "timeout_ms", INT_AT(struct dispatch_want, timeout_ms), F_NULLABLE, .min = 1,
      .max = TIMEOUT_MAX_MS, .doc = "How long the caller will wait; mesh.dispatch_timeout." },
    FIELD_LAST,
};

static const struct spec order_spec = { "Dispatch", sizeof(struct dispatch_want), order_fields };

struct end {
    bool ok;
    const char *dispatch_id, *instance_id, *result;
};

static const struct field end_fields[] = {
    { "ok", BOOL_AT(struct end, ok), 0, .doc = "Always true." },
    { "dispatch_id", TEXT_AT(struct end, dispatch_id), 0, .format = &format_uuid,
      .doc = "What the agent knows it as." },
    { "instance_id", TEXT_AT(struct end, instance_id), 0, .doc = "Who had it." },
    { "result", JSON_AT(struct end, result), F_NULLABLE | F_ANY, .doc = "What the agent said." },
    FIELD_LAST,
};

static const struct spec end_spec = { "DispatchEnd", sizeof(struct end), end_fields };

/* ---- handlers ---- */

static void
ended(struct request *rq)
{
    const struct dispatch_done *done = rq->task;
    struct end *end = ARENA_NEW(rq->mem, struct end);

    *end = (struct end){ true, done->dispatch_id, done->instance_id, done->result };
    rq->out = end;
    if (rq->err.code == ERR_HANDLER_ERROR) {
        err_fact_text(&rq->err, "agent_code", done->agent_code);
        err_fact_text(&rq->err, "agent_message", done->agent_message);
    }
    if (rq->err.code != ERR_NONE && done->instance_id != NULL)
        err_fact_text(&rq->err, "dispatch_id", done->dispatch_id);
    pipeline_finish(rq);
}

static bool
dispatch(struct request *rq, struct err *err)
{
    const struct dispatch_want *want = rq->in;

    if ((want->agent_type == NULL) == (want->instance_id == NULL))
        return err_set(err, ERR_INVALID_DISPATCH, "agent_type",
                       "Exactly one of agent_type and instance_id is needed.");
    if (want->args != NULL && want->args[0] != '{')
        return err_set(err, ERR_INVALID_DISPATCH, "args", "args: must be an object.");
    dispatch_begin(rq, want, ended);
    return true;
}

/* ---- the rows ---- */

/* clang-format off */
const struct route mesh_dispatch_routes[] = {
    { "GET", "/agents/connect", sockets_connect, "connectInstance", "Dial in (WebSocket)",
      .who = WHO_KEY, .scope = SCOPE_AGENTS_WRITE, .limit = LIMIT_OWNER,
      .query = &connect_spec, .ok = 101, .flags = ROUTE_LOOP | ROUTE_LATE_CALLER,
      .fails = { ERR_BAD_UPGRADE, ERR_MISSING_INSTANCE_ID, ERR_UNSUPPORTED_SUBPROTOCOL,
                 ERR_TENANT_MISMATCH, ERR_INSTANCE_NOT_FOUND, ERR_DEPLOYMENT_MODE_MISMATCH },
      .doc = "The subprotocol svantic.v1: see docs/mesh.md. The instance must be registered." },
    { "POST", "/agents/dispatch", dispatch, "dispatch", "Have an agent do something",
      .who = WHO_KEY, .scope = SCOPE_AGENTS_WRITE, .limit = LIMIT_OWNER,
      .in = &order_spec, .out = &end_spec, .ok = 200, .flags = ROUTE_LOOP, .body_max = BODY_MAX,
      .fails = { ERR_INVALID_DISPATCH, ERR_AGENT_NOT_FOUND, ERR_INSTANCE_NOT_FOUND,
                 ERR_SESSION_NOT_FOUND, ERR_SESSION_CLOSED, ERR_NO_AVAILABLE_INSTANCE,
                 ERR_AGENT_BUSY, ERR_AGENT_DISCONNECTED, ERR_DISPATCH_TIMEOUT, ERR_HANDLER_ERROR,
                 ERR_DISPATCH_AUTH_UNAVAILABLE, ERR_NO_ENDPOINT, ERR_IP_PROHIBITED,
                 ERR_CONNECTION_REFUSED, ERR_RESPONSE_INCOMPLETE, ERR_CONNECTION_TERMINATED,
                 ERR_DNS_ERROR, ERR_DNS_TIMEOUT, ERR_CONNECTION_TIMEOUT, ERR_CONNECTION_LIMIT,
                 ERR_TLS_PROTOCOL_ERROR, ERR_TLS_CERTIFICATE_ERROR, ERR_HTTP_PROTOCOL_ERROR,
                 ERR_RESPONSE_HEADERS_TOO_LARGE, ERR_RESPONSE_TIMEOUT },
      .doc = "Sent at most once, and never sent again by us." },
    { "POST", "/internal/dispatch", peers_accept, "peerDispatch", "Dispatch for another node",
      .who = WHO_ANYONE, .limit = LIMIT_NONE, .in = &peers_visit_spec, .out = &peers_answer_spec,
      .ok = 200, .flags = ROUTE_LOOP | ROUTE_PAGE | ROUTE_QUIET, .body_max = VISIT_MAX },
    ROUTE_LAST,
};
/* clang-format on */
