/* POST /agents/register and /agents/deregister. */
#include "api/mesh/register.h"

#include "domain/instances.h"
#include "json/formats_identity.h"
#include "json/span.h"
#include "json/spec.h"
#include "model/scope.h"
#include "work/heartbeat.h"
#include "work/register.h"

#include <string.h>

enum { BODY_MAX = 256 * 1024, URL_MAX = 2048, REF_MAX = 256, SECRET_MAX = 4096 };
enum { SESSIONS_MAX = 1000000000 };

/* ---- what goes in ---- */

struct auth_body {
    int type, scheme; /* enum dispatch_scheme; -1: not given */
    bool required;
    const char *credentials_ref;
};

struct register_body {
    const char *agent_type, *instance_id, *url, *public_url;
    int mode; /* enum instance_mode; -1: not given */
    struct auth_body auth;
    const char *secret, *card, *tools, *mcp_servers;
    int64_t max_sessions;
};

static const struct register_body body_defaults = {
    .mode = -1,
    .auth = { .type = -1, .scheme = -1, .required = true },
    .max_sessions = -1,
};

static const struct field auth_fields[] = {
    { "type", ENUM_AT(struct auth_body, type), 0, .names = dispatch_scheme_words,
      .doc = "How dispatches prove that they come from here; svantic_jwt when not given." },
    { "scheme", ENUM_AT(struct auth_body, scheme), 0, .names = dispatch_scheme_words,
      .doc = "The same as type." },
    { "required", BOOL_AT(struct auth_body, required), 0,
      .doc = "Whether it refuses dispatches without proof; true when not given." },
    { "credentials_ref", TEXT_AT(struct auth_body, credentials_ref), F_NULLABLE, .min = 1,
      .max = REF_MAX, .doc = "A name for the shared secret, which changes with it." },
    FIELD_LAST,
};

static const struct spec auth_spec = { "DispatchAuth", sizeof(struct auth_body), auth_fields,
                                       .open = true };

static const struct field body_fields[] = {
    { "agent_type", TEXT_AT(struct register_body, agent_type), F_REQUIRED,
      .format = &format_mesh_name,
      .doc = "What it is an instance of: a type, made when it is new; or the UUID or permanent id "
             "of an agent.",
      .example = "\"navigator\"" },
    { "instance_id", TEXT_AT(struct register_body, instance_id), F_REQUIRED,
      .format = &format_mesh_name, .doc = "Its own name; nobody else's in any organization.",
      .example = "\"navigator-prod-01\"" },
    { "url", TEXT_AT(struct register_body, url), F_NULLABLE, .min = 1, .max = URL_MAX,
      .doc = "Where a hosted instance serves A2A; none for a connected one." },
    { "public_url", TEXT_AT(struct register_body, public_url), F_NULLABLE, .min = 1, .max = URL_MAX,
      .doc = "The same as url." },
    { "deployment_mode", ENUM_AT(struct register_body, mode), 0, .names = instance_mode_words,
      .doc = "hosted when there is a url, else connected, when not given." },
    { "dispatch_auth", OBJECT_AT(struct register_body, auth, struct auth_body), 0,
      .spec = &auth_spec, .doc = "How it knows that a dispatch comes from here." },
    { "dispatch_auth_shared_secret", TEXT_AT(struct register_body, secret), F_IN_ONLY, .min = 1,
      .max = SECRET_MAX, .doc = "With shared_secret, and only then." },
    { "agent_card", JSON_AT(struct register_body, card), F_NULLABLE,
      .doc = "Its A2A agent card; kept as it came." },
    { "tools", JSON_AT(struct register_body, tools), F_NULLABLE | F_LIST,
      .doc = "Its tool declarations; kept as they came." },
    { "mcp_servers", JSON_AT(struct register_body, mcp_servers), F_NULLABLE,
      .doc = "Name to {command, args, …}: of the agent type; when not given, as before." },
    { "max_concurrent_sessions", INT_AT(struct register_body, max_sessions), 0, .min = 0,
      .max = SESSIONS_MAX, .doc = "0: no limit, also when it was never given." },
    FIELD_LAST,
};

static const struct spec body_spec = { "InstanceRegistration", sizeof(struct register_body),
                                       body_fields, .open = true };

static bool
bad(struct err *err, const char *field, const char *reason)
{
    return err_set(err, ERR_VALIDATION_ERROR, field, reason);
}

static bool
put_url(const struct register_body *body, struct instance_draft *draft, struct err *err)
{
    if (body->url != NULL && body->public_url != NULL && strcmp(body->url, body->public_url) != 0)
        return bad(err, "public_url", "public_url: must not differ from url.");
    draft->url = body->url != NULL ? body->url : body->public_url;
    draft->mode = body->mode != -1 ? body->mode : draft->url != NULL ? MODE_HOSTED : MODE_CONNECTED;
    if (draft->mode == MODE_CONNECTED && draft->url != NULL)
        return bad(err, "url", "url: must not be given for a connected instance.");
    if (draft->mode == MODE_HOSTED && draft->url == NULL)
        return bad(err, "url", "url: is required for a hosted instance.");
    return true;
}

static bool
put_auth(const struct register_body *body, struct instance_draft *draft, struct err *err)
{
    const struct auth_body *auth = &body->auth;

    if (auth->type != -1 && auth->scheme != -1 && auth->type != auth->scheme)
        return bad(err, "dispatch_auth.scheme", "dispatch_auth.scheme: must not differ from type.");
    draft->scheme = auth->type != -1 ? auth->type : auth->scheme != -1 ? auth->scheme : SCHEME_JWT;
    draft->auth_required = auth->required;
    draft->credentials_ref = auth->credentials_ref;
    draft->secret = body->secret;
    if (draft->scheme == SCHEME_SECRET && body->secret == NULL)
        return bad(err, "dispatch_auth_shared_secret",
                   "dispatch_auth_shared_secret: is required with shared_secret.");
    if (draft->scheme != SCHEME_SECRET && body->secret != NULL)
        return bad(err, "dispatch_auth_shared_secret",
                   "dispatch_auth_shared_secret: goes with shared_secret only.");
    return true;
}

static bool
is_server(json_t *server)
{
    json_t *command = json_object_get(server, "command"), *args = json_object_get(server, "args");
    json_t *arg;
    size_t i;

    json_array_foreach(args, i, arg) if (!json_is_string(arg)) return false;
    return json_is_object(server) && (command == NULL || json_is_string(command)) &&
           (args == NULL || json_is_array(args));
}

static bool
check_servers(const char *text, struct err *err)
{
    json_t *servers = text == NULL ? NULL : json_loads(text, 0, NULL), *server;
    const char *name;
    bool good = true;

    json_object_foreach(servers, name, server) good = good && is_server(server);
    json_decref(servers);
    return good || bad(err, "mcp_servers",
                       "mcp_servers: each must be an object whose command is a text and whose args "
                       "are a list of texts.");
}

/* What is kept of the body is what came, not what we would write. */
static const char *
as_it_came(struct request *rq, const char *name, const char *read)
{
    struct bytes span = json_span(rq->body, rq->body_size, name);

    return read == NULL ? NULL : arena_textn(rq->mem, (const char *)span.v, span.n);
}

/* ---- what comes out ---- */

struct drawn_auth {
    int type, scheme;
    bool required;
    const char *credentials_ref;
};

struct drawn_registration {
    bool ok;
    const char *tenant_id, *instance_id, *connect_url, *jwks_url;
    int mode;
    struct drawn_auth auth;
};

static const struct field drawn_auth_fields[] = {
    { "type", ENUM_AT(struct drawn_auth, type), 0, .names = dispatch_scheme_words,
      .doc = "How dispatches prove that they come from here." },
    { "scheme", ENUM_AT(struct drawn_auth, scheme), 0, .names = dispatch_scheme_words,
      .doc = "The same." },
    { "required", BOOL_AT(struct drawn_auth, required), 0,
      .doc = "Whether it refuses dispatches without proof." },
    { "credentials_ref", TEXT_AT(struct drawn_auth, credentials_ref), F_OMIT_NULL,
      .doc = "As it was given." },
    FIELD_LAST,
};

static const struct spec drawn_auth_spec = { "DispatchAuthDeclared", sizeof(struct drawn_auth),
                                             drawn_auth_fields };

static const struct field registration_fields[] = {
    { "ok", BOOL_AT(struct drawn_registration, ok), 0, .doc = "Always true." },
    { "tenant_id", TEXT_AT(struct drawn_registration, tenant_id), 0,
      .doc = "The organization of the caller." },
    { "instance_id", TEXT_AT(struct drawn_registration, instance_id), 0,
      .doc = "As it was given." },
    { "deployment_mode", ENUM_AT(struct drawn_registration, mode), 0, .names = instance_mode_words,
      .doc = "How it is reached." },
    { "connect_url", TEXT_AT(struct drawn_registration, connect_url), F_NULLABLE,
      .doc = "Where a connected instance dials in; null for a hosted one." },
    { "svantic_jwks_url", TEXT_AT(struct drawn_registration, jwks_url), F_NULLABLE,
      .doc = "The keys of dispatch tokens; null with shared_secret." },
    { "dispatch_auth", OBJECT_AT(struct drawn_registration, auth, struct drawn_auth), 0,
      .spec = &drawn_auth_spec, .doc = "As it is in force." },
    FIELD_LAST,
};

static const struct spec registration_spec = { "RegisteredInstance",
                                               sizeof(struct drawn_registration),
                                               registration_fields };

static void
draw_registered(struct request *rq, const struct instance_registered *done)
{
    struct drawn_registration *drawn = ARENA_NEW(rq->mem, struct drawn_registration);

    *drawn = (struct drawn_registration){
        .ok = true,
        .tenant_id = done->org_id,
        .instance_id = done->instance_id,
        .connect_url = done->connect_url,
        .jwks_url = done->jwks_url,
        .mode = done->mode,
        .auth = { done->scheme, done->scheme, done->auth_required, done->credentials_ref },
    };
    rq->out = drawn;
}

static bool
register_instance(struct request *rq, struct err *err)
{
    const struct register_body *body = rq->in;
    struct instance_draft *draft = ARENA_NEW(rq->mem, struct instance_draft);

    *draft = (struct instance_draft){
        .instance_id = body->instance_id,
        .agent_type = body->agent_type,
        .card = as_it_came(rq, "agent_card", body->card),
        .tools = as_it_came(rq, "tools", body->tools),
        .mcp_servers = as_it_came(rq, "mcp_servers", body->mcp_servers),
        .max_sessions = body->max_sessions,
    };
    return put_url(body, draft, err) && put_auth(body, draft, err) &&
           check_servers(body->mcp_servers, err) && register_begin(rq, draft, draw_registered, err);
}

/* ---- leaving ---- */

struct leave_body {
    const char *agent_type, *instance_id;
};

static const struct field leave_fields[] = {
    { "instance_id", TEXT_AT(struct leave_body, instance_id), F_REQUIRED, .min = 1,
      .max = INSTANCE_ID_MAX, .doc = "Which one." },
    { "agent_type", TEXT_AT(struct leave_body, agent_type), F_NULLABLE, .min = 1,
      .max = AGENT_TYPE_MAX, .doc = "Its type; of whatever type when not given." },
    FIELD_LAST,
};

static const struct spec leave_spec = { "InstanceRemoval", sizeof(struct leave_body), leave_fields,
                                        .open = true };

struct drawn_left {
    bool ok;
    const char *instance_id;
};

static const struct field left_fields[] = {
    { "ok", BOOL_AT(struct drawn_left, ok), 0, .doc = "Always true." },
    { "instance_id", TEXT_AT(struct drawn_left, instance_id), 0, .doc = "As it was given." },
    FIELD_LAST,
};

static const struct spec left_spec = { "RemovedInstance", sizeof(struct drawn_left), left_fields };

static bool
deregister_instance(struct request *rq, struct err *err)
{
    const struct leave_body *body = rq->in;
    struct drawn_left *drawn = ARENA_NEW(rq->mem, struct drawn_left);

    if (!instances_deregister(rq->unit, body->instance_id, body->agent_type, err))
        return false;
    *drawn = (struct drawn_left){ true, body->instance_id };
    rq->out = drawn;
    return true;
}

/* ---- signs of life ---- */

struct wrapped_beat {
    struct frame_heartbeat raw, payload;
    int64_t v;
    const char *id, *ts;
};

static const struct wrapped_beat beat_defaults = {
    .raw = FRAME_HEARTBEAT_NONE,
    .payload = FRAME_HEARTBEAT_NONE,
};

static const struct field payload_fields[] = { FRAME_HEARTBEAT_FIELDS(struct frame_heartbeat, ),
                                               FIELD_LAST };

static const struct spec payload_spec = { "HeartbeatPayload", sizeof(struct frame_heartbeat),
                                          payload_fields, .open = true };

static const struct field beat_fields[] = {
    FRAME_HEARTBEAT_FIELDS(struct wrapped_beat, raw.),
    { "v", INT_AT(struct wrapped_beat, v), 0, .min = 1, .max = 1, .doc = "Of a frame: 1." },
    { "id", TEXT_AT(struct wrapped_beat, id), F_NULLABLE, .max = INSTANCE_ID_MAX,
      .doc = "Of a frame." },
    { "ts", TEXT_AT(struct wrapped_beat, ts), F_NULLABLE, .max = INSTANCE_ID_MAX,
      .doc = "Of a frame." },
    { "payload", OBJECT_AT(struct wrapped_beat, payload, struct frame_heartbeat), 0,
      .spec = &payload_spec, .doc = "Of a frame: the same members." },
    FIELD_LAST,
};

static const struct spec beat_spec = { "InstanceHeartbeat", sizeof(struct wrapped_beat),
                                       beat_fields, .open = true };

struct drawn_ok {
    bool ok;
};

static const struct field ok_fields[] = {
    { "ok", BOOL_AT(struct drawn_ok, ok), 0, .doc = "Always true." },
    FIELD_LAST,
};

static const struct spec ok_spec = { "MeshOk", sizeof(struct drawn_ok), ok_fields };

static bool
heartbeat(struct request *rq, struct err *err)
{
    static const struct drawn_ok ok = { true };
    const struct wrapped_beat *body = rq->in;
    const struct frame_heartbeat *beat =
        body->raw.instance_id != NULL ? &body->raw : &body->payload;

    if (beat->instance_id == NULL)
        return bad(err, "instance_id", "instance_id: is required.");
    return heartbeat_of_instance(rq, beat, &ok, err);
}

#define WRITES .who = WHO_KEY, .scope = SCOPE_AGENTS_WRITE, .limit = LIMIT_MESH, .ok = 200

const struct route mesh_register_routes[] = {
    { "POST", "/agents/register", register_instance, "registerInstance",
      "Register an instance of an agent", WRITES, .in = &body_spec, .defaults = &body_defaults,
      .out = &registration_spec, .body_max = BODY_MAX,
      .fails = { ERR_TENANT_MISMATCH, ERR_AGENT_NOT_ACTIVE, ERR_AGENT_TYPE_NOT_ALLOWED,
                 ERR_TIER_LIMIT_EXCEEDED, ERR_DEPLOYMENT_MODE_MISMATCH, ERR_CREDENTIALS_REF_REUSED,
                 ERR_AGENT_CARD_PROBE_FAILED },
      .doc =
          "Again with the same instance_id replaces card, tools and dispatch_auth; a socket that "
          "is open stays so. A hosted instance is asked for its card first, at "
          "url/.well-known/agent-card.json." },
    { "POST", "/agents/deregister", deregister_instance, "deregisterInstance", "Remove an instance",
      WRITES, .in = &leave_spec, .out = &left_spec, .fails = { ERR_INSTANCE_NOT_FOUND },
      .doc = "Its socket is closed, its sessions are unbound." },
    { "POST", "/agents/heartbeat", heartbeat, "beatInstance", "Say that an instance lives", WRITES,
      .in = &beat_spec, .defaults = &beat_defaults, .out = &ok_spec, .flags = ROUTE_LOOP,
      .fails = { ERR_INSTANCE_NOT_FOUND },
      .doc = "Every 30 seconds, and when the status changes. Raw, or as the frame of a socket." },
    ROUTE_LAST,
};
