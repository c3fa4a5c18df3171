/* /api/connections: making, reading and severing connections. */
#include "api/portal/links.h"

#include "api/portal/lists.h"
#include "domain/links.h"
#include "json/formats.h"
#include "model/scope.h"

static const struct field draft_fields[] = {
    { "source_agent_id", TEXT_AT(struct connection_draft, source_agent_id), F_REQUIRED,
      .format = &format_agent_ref, .doc = "The caller: UUID or permanent id." },
    { "target_agent_id", TEXT_AT(struct connection_draft, target_agent_id), F_REQUIRED,
      .format = &format_agent_ref, .doc = "Who is called: UUID or permanent id." },
    { "group_name", TEXT_AT(struct connection_draft, group_name), F_NULLABLE, .min = 1, .max = 100,
      .format = &format_plain, .doc = "What people file it under." },
    { "network_id", TEXT_AT(struct connection_draft, network_id), F_NULLABLE,
      .format = &format_uuid, .doc = "The network it belongs to; the default one when not given." },
    { "allow_paths", BOOL_AT(struct connection_draft, allow_paths), 0,
      .doc = "Whether calls may name a path below the target's endpoint." },
    FIELD_LAST,
};

static const struct spec draft_spec = { "Connection", sizeof(struct connection_draft),
                                        draft_fields };

static const struct field connection_fields[] = {
    { "id", TEXT_AT(struct connection, id), F_OUT_ONLY, .format = &format_uuid,
      .doc = "UUID; stands in the URL of calls." },
    { "organization_id", TEXT_AT(struct connection, org_id), F_OUT_ONLY, .format = &format_uuid,
      .doc = "Whose it is." },
    { "network_id", TEXT_AT(struct connection, network_id), 0, .format = &format_uuid,
      .doc = "The network it belongs to." },
    { "source_agent_id", TEXT_AT(struct connection, source_agent_id), 0, .format = &format_uuid,
      .doc = "The caller." },
    { "source_permanent_id", TEXT_AT(struct connection, source_permanent_id), F_OUT_ONLY,
      .doc = "Its permanent id." },
    { "target_agent_id", TEXT_AT(struct connection, target_agent_id), 0, .format = &format_uuid,
      .doc = "Who is called." },
    { "target_permanent_id", TEXT_AT(struct connection, target_permanent_id), F_OUT_ONLY,
      .doc = "Its permanent id." },
    { "group_name", TEXT_AT(struct connection, group_name), F_NULLABLE,
      .doc = "What people file it under." },
    { "allow_paths", BOOL_AT(struct connection, allow_paths), 0,
      .doc = "Whether calls may name a path below the target's endpoint." },
    { "created_at", TIME_AT(struct connection, created_at), F_OUT_ONLY,
      .doc = "When it was made." },
    FIELD_LAST,
};

static const struct spec connection_spec = { "Connection", sizeof(struct connection),
                                             connection_fields };

static const struct field page_fields[] = { PORTAL_PAGE_FIELDS(&connection_spec) };

static const struct spec page_spec = { "ConnectionPage", sizeof(struct page), page_fields };

static const struct field filter_fields[] = {
    { "agent_id", TEXT_AT(struct connection_filter, agent_id), 0, .format = &format_agent_ref,
      .doc = "Only those from or to this agent: UUID or permanent id." },
    PORTAL_PAGE_QUERY(struct connection_filter, "50"),
    FIELD_LAST,
};

static const struct spec filter_spec = { "ConnectionFilter", sizeof(struct connection_filter),
                                         filter_fields };
static const struct connection_filter filter_defaults = { .limit = 50 };

static bool
create_connection(struct request *rq, struct err *err)
{
    const struct connection *connection = links_create(rq->unit, rq->in, err);

    if (connection == NULL)
        return false;
    rq->out = connection;
    reply_header(rq, "Location", arena_printf(rq->mem, "/api/connections/%s", connection->id));
    return true;
}

static bool
list_connections(struct request *rq, struct err *err)
{
    return portal_lists_answer(rq, links_list(rq->unit, rq->params, err));
}

static bool
get_connection(struct request *rq, struct err *err)
{
    rq->out = links_get(rq->unit, rq->args[0], err);
    return rq->out != NULL;
}

static bool
delete_connection(struct request *rq, struct err *err)
{
    return links_delete(rq->unit, rq->args[0], err);
}

const struct field portal_links_args[] = {
    { "connectionId", .kind = FIELD_TEXT, .format = &format_uuid,
      .doc = "UUID of the connection." },
    FIELD_LAST,
};

#define READS  .who = WHO_KEY, .scope = SCOPE_AGENTS_READ, .limit = LIMIT_OWNER
#define WRITES .who = WHO_KEY, .scope = SCOPE_AGENTS_WRITE, .limit = LIMIT_OWNER

const struct route portal_links_routes[] = {
    { "POST", "/api/connections", create_connection, "createConnection",
      "Let one agent call another", WRITES, .in = &draft_spec, .out = &connection_spec, .ok = 201,
      .flags = ROUTE_CREATES, .fails = { ERR_AGENT_STATE },
      .doc = "Both agents are of the caller's organization. A connection has one direction." },
    { "GET", "/api/connections", list_connections, "listConnections", "List connections", READS,
      .query = &filter_spec, .query_defaults = &filter_defaults, .out = &page_spec, .ok = 200 },
    { "GET", "/api/connections/{connectionId}", get_connection, "getConnection",
      "Read one connection", READS, .args = portal_links_args, .out = &connection_spec, .ok = 200,
      .fails = { ERR_CONNECTION_NOT_FOUND } },
    { "DELETE", "/api/connections/{connectionId}", delete_connection, "deleteConnection",
      "Sever a connection", WRITES, .args = portal_links_args, .ok = 204,
      .fails = { ERR_CONNECTION_NOT_FOUND }, .doc = "Calls over it get 404 from then on." },
    ROUTE_LAST,
};
