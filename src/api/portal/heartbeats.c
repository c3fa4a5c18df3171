/* Heartbeats: an agent says that it is there, or that it is about to go. */
#include "api/portal/heartbeats.h"

#include "api/portal/agent_specs.h"
#include "api/portal/agents.h"
#include "json/formats.h"
#include "work/heartbeat.h"

struct said {
    int status; /* index in said_words */
};

enum { SAID_ONLINE, SAID_OFFLINE };

static const char *const said_words[] = { "online", "offline", NULL };

static const struct field said_fields[] = {
    { "status", ENUM_AT(struct said, status), 0, .names = said_words,
      .doc = "What it is from now on; online when not given." },
    FIELD_LAST,
};

/* Open: agents may tell more than we read. */
static const struct spec said_spec = { "Heartbeat", sizeof(struct said), said_fields,
                                       .open = true };

static const struct field agent_fields[] = {
    { "id", TEXT_AT(struct heartbeat_agent, id), 0, .format = &format_uuid, .doc = "Its UUID." },
    { "status", ENUM_AT(struct heartbeat_agent, status), 0, .names = portal_state_words,
      .doc = "What it is now." },
    { "last_heartbeat", TIME_AT(struct heartbeat_agent, last_heartbeat), F_NULLABLE,
      .doc = "This heartbeat." },
    FIELD_LAST,
};

static const struct spec agent_spec = { "HeartbeatAgent", sizeof(struct heartbeat_agent),
                                        agent_fields };

static const struct field answer_fields[] = {
    { "heartbeat", TEXT_AT(struct heartbeat_answer, heartbeat), 0, .doc = "Always accepted." },
    { "agent", OBJECT_AT(struct heartbeat_answer, agent, struct heartbeat_agent), 0,
      .spec = &agent_spec, .doc = "The agent as it is now." },
    { "next_due_in", INT_AT(struct heartbeat_answer, next_due_in), 0,
      .doc = "Seconds until it becomes idle without another sign of life; 0 when it is offline." },
    FIELD_LAST,
};

static const struct spec answer_spec = { "HeartbeatAccepted", sizeof(struct heartbeat_answer),
                                         answer_fields };

static bool
take_heartbeat(struct request *rq, struct err *err)
{
    const struct said *said = rq->in;

    return heartbeat_accept(rq, said->status == SAID_ONLINE, err);
}

const struct route portal_heartbeats_routes[] = {
    { "POST", "/api/agents/{agentId}/heartbeat", take_heartbeat, "heartbeat",
      "Say that the calling agent is there", .who = WHO_AGENT, .limit = LIMIT_HEARTBEAT,
      .args = portal_agents_args, .in = &said_spec, .out = &answer_spec, .ok = 200,
      .flags = ROUTE_LOOP | ROUTE_LAX_BODY | ROUTE_QUIET,
      .fails = { ERR_TOKEN_MISMATCH, ERR_AGENT_NOT_FOUND, ERR_AGENT_UNAVAILABLE },
      .doc = "Every one to two minutes is often enough. Acknowledged when it is stored." },
    ROUTE_LAST,
};
