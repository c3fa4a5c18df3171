/* What is told of instances: POST /agents/get, get_by_id, get_connection, get_connection_stats. */
#include "api/mesh/instances.h"

#include "domain/instances.h"
#include "json/spec.h"
#include "model/scope.h"
#include "work/service.h"

enum { PAGE = 25, PAGE_MAX = 100, PAGES_MAX = 1000000, TENANT_MAX = 64 };

/* Whose node holds a socket when none does: there is one mesh. */
static const char mesh_name[] = "roster";

/* ---- an instance ---- */

struct drawn_instance {
    const struct instance_now *of;
    const char *instance_id, *agent_type, *url, *tenant_id, *mesh_id, *version, *provider,
        *provider_url, *card, *context;
    int mode, status;
    int64_t sessions, max_sessions, failures, last_seen, registered_at;
};

#define COUNT_FIELD(type, key, member, text)                                                       \
    {                                                                                              \
        key, INT_AT(type, member), 0, .min = 0, .doc = (text)                                      \
    }

/* clang-format off */
#define INSTANCE_FIELDS                                                                            \
    { "instance_id", TEXT_AT(struct drawn_instance, instance_id), 0, .doc = "Its name." },         \
    { "agent_type", TEXT_AT(struct drawn_instance, agent_type), 0,                                 \
      .doc = "Its type; the permanent id of its agent when that has none." },                      \
    { "public_url", TEXT_AT(struct drawn_instance, url), F_NULLABLE,                               \
      .doc = "Where a hosted one is called; null for a connected one." },                          \
    { "deployment_mode", ENUM_AT(struct drawn_instance, mode), 0, .names = instance_mode_words,    \
      .doc = "How it is reached." },                                                               \
    { "tenant_id", TEXT_AT(struct drawn_instance, tenant_id), 0, .doc = "Its organization." },     \
    { "mesh_id", TEXT_AT(struct drawn_instance, mesh_id), 0,                                       \
      .doc = "The node that holds its socket, else roster." },                                     \
    { "status", ENUM_AT(struct drawn_instance, status), 0, .names = instance_status_words,         \
      .doc = "What routing goes by: available and unknown ones are called." },                     \
    COUNT_FIELD(struct drawn_instance, "current_sessions", sessions, "As it reported last."),      \
    COUNT_FIELD(struct drawn_instance, "max_concurrent_sessions", max_sessions, "0: no limit."),   \
    COUNT_FIELD(struct drawn_instance, "consecutive_failures", failures,                           \
                "Dispatches that failed since the last that did not."),                            \
    { "last_seen", TIME_AT(struct drawn_instance, last_seen), F_NULLABLE,                          \
      .doc = "Its last sign of life; null: none yet." },                                           \
    { "registered_at", TIME_AT(struct drawn_instance, registered_at), 0,                           \
      .doc = "When it first registered." },                                                        \
    { "agent_version", TEXT_AT(struct drawn_instance, version), F_NULLABLE,                        \
      .doc = "As it said when it connected, else of its card." },                                  \
    { "provider_organization", TEXT_AT(struct drawn_instance, provider), F_NULLABLE,               \
      .doc = "Of its card." },                                                                     \
    { "provider_url", TEXT_AT(struct drawn_instance, provider_url), F_NULLABLE,                    \
      .doc = "Of its card." }
/* clang-format on */

static const struct field summary_fields[] = { INSTANCE_FIELDS, FIELD_LAST };

static const struct spec summary_spec = { "InstanceSummary", sizeof(struct drawn_instance),
                                          summary_fields };

static const struct field instance_fields[] = {
    INSTANCE_FIELDS,
    { "agent_card", JSON_AT(struct drawn_instance, card), F_NULLABLE, .doc = "As registered." },
    { "context", JSON_AT(struct drawn_instance, context), F_NULLABLE, .doc = "Not used: null." },
    FIELD_LAST,
};

static const struct spec instance_spec = { "Instance", sizeof(struct drawn_instance),
                                           instance_fields };

static struct drawn_instance
draw_instance(const struct instance_now *i)
{
    return (struct drawn_instance){
        .instance_id = i->instance_id,
        .agent_type = i->agent_type,
        .url = i->url,
        .tenant_id = i->org_id,
        .mesh_id = i->owner == NULL ? mesh_name : i->owner,
        .version = i->version,
        .provider = i->provider,
        .provider_url = i->provider_url,
        .card = i->card,
        .mode = i->mode,
        .status = i->status,
        .sessions = i->sessions,
        .max_sessions = i->max_sessions,
        .failures = i->failures,
        .last_seen = i->last_seen,
        .registered_at = i->registered_at,
    };
}

struct which {
    const char *instance_id, *tenant_id;
};

static const struct field which_fields[] = {
    { "instance_id", TEXT_AT(struct which, instance_id), F_REQUIRED, .min = 1,
      .max = INSTANCE_ID_MAX, .doc = "Which one." },
    { "tenant_id", TEXT_AT(struct which, tenant_id), F_NULLABLE, .max = TENANT_MAX,
      .doc = "For operators: only of this organization. For others it counts for nothing." },
    FIELD_LAST,
};

static const struct spec which_spec = { "InstanceReference", sizeof(struct which), which_fields,
                                        .open = true };

struct drawn_one {
    bool ok;
    struct drawn_instance agent;
};

static const struct field one_fields[] = {
    { "ok", BOOL_AT(struct drawn_one, ok), 0, .doc = "Always true." },
    { "agent", OBJECT_AT(struct drawn_one, agent, struct drawn_instance), 0, .spec = &instance_spec,
      .doc = "The instance." },
    FIELD_LAST,
};

static const struct spec one_spec = { "InstanceAnswer", sizeof(struct drawn_one), one_fields };

static bool
get_by_id(struct request *rq, struct err *err)
{
    const struct which *which = rq->in;
    const struct instance_now *found =
        instances_get(rq->unit, which->instance_id, which->tenant_id, err);
    struct drawn_one *drawn = ARENA_NEW(rq->mem, struct drawn_one);

    if (found == NULL)
        return false;
    *drawn = (struct drawn_one){ true, draw_instance(found) };
    rq->out = drawn;
    return true;
}

/* ---- a list ---- */

static const struct field filter_fields[] = {
    { "agent_type", TEXT_AT(struct instance_filter, agent_type), F_NULLABLE, .min = 1,
      .max = AGENT_TYPE_MAX, .doc = "Only those of this type." },
    { "status", ENUM_AT(struct instance_filter, status), 0, .names = instance_status_words,
      .doc = "Only those with this status." },
    { "page", INT_AT(struct instance_filter, page), 0, .min = 1, .max = PAGES_MAX,
      .doc = "From 1." },
    { "page_size", INT_AT(struct instance_filter, limit), 0, .min = 1, .max = PAGE_MAX,
      .doc = "25 when not given." },
    FIELD_LAST,
};

static const struct spec filter_spec = { "InstanceFilter", sizeof(struct instance_filter),
                                         filter_fields, .open = true };
static const struct instance_filter filter_defaults = { .status = -1, .page = 1, .limit = PAGE };

struct drawn_page {
    bool ok;
    int64_t count, page, page_size, total_pages;
    struct list agents;
};

static const struct field page_fields[] = {
    { "ok", BOOL_AT(struct drawn_page, ok), 0, .doc = "Always true." },
    COUNT_FIELD(struct drawn_page, "count", count, "How many there are on all pages."),
    COUNT_FIELD(struct drawn_page, "page", page, "Of this page, from 1."),
    COUNT_FIELD(struct drawn_page, "page_size", page_size, "Most on a page."),
    COUNT_FIELD(struct drawn_page, "total_pages", total_pages, "How many pages there are."),
    { "agents", LIST_AT(struct drawn_page, agents), 0, .spec = &summary_spec,
      .doc = "The newest registration first." },
    FIELD_LAST,
};

static const struct spec page_spec = { "InstancePage", sizeof(struct drawn_page), page_fields };

static bool
list(struct request *rq, struct err *err)
{
    const struct instance_filter *filter = rq->in;
    struct numbered_page *page = instances_list(rq->unit, filter, err);
    struct drawn_page *drawn = ARENA_NEW(rq->mem, struct drawn_page);

    if (page == NULL)
        return false;
    for (size_t i = 0; i < page->data.n; i++) {
        struct drawn_instance *one = ARENA_NEW(rq->mem, struct drawn_instance);

        *one = draw_instance(page->data.v[i]);
        page->data.v[i] = one;
    }
    *drawn = (struct drawn_page){ true,
                                  page->total,
                                  page->page,
                                  page->limit,
                                  (page->total + page->limit - 1) / page->limit,
                                  page->data };
    rq->out = drawn;
    return true;
}

/* ---- how one is reached ---- */

struct drawn_connection {
    const char *instance_id, *agent_type, *tenant_id, *owner, *last_error;
    int mode, transport, connection, status;
    int64_t connected_since, last_dispatch_at, succeeded, failed, last_seen, ws_last_seen;
};

static const struct field connection_fields[] = {
    { "instance_id", TEXT_AT(struct drawn_connection, instance_id), 0, .doc = "Its name." },
    { "agent_type", TEXT_AT(struct drawn_connection, agent_type), 0, .doc = "Its type." },
    { "tenant_id", TEXT_AT(struct drawn_connection, tenant_id), 0, .doc = "Its organization." },
    { "deployment_mode", ENUM_AT(struct drawn_connection, mode), 0, .names = instance_mode_words,
      .doc = "How it is reached." },
    { "transport", ENUM_AT(struct drawn_connection, transport), 0,
      .names = instance_transport_words, .doc = "How the last dispatch went." },
    { "connection_status", ENUM_AT(struct drawn_connection, connection), 0,
      .names = instance_connection_words, .doc = "How it was reached last." },
    { "owner_pod", TEXT_AT(struct drawn_connection, owner), F_NULLABLE,
      .doc = "The node that holds its socket; null: none." },
    { "connected_since", TIME_AT(struct drawn_connection, connected_since), F_NULLABLE,
      .doc = "Null: no socket." },
    { "last_dispatch_at", TIME_AT(struct drawn_connection, last_dispatch_at), F_NULLABLE,
      .doc = "Null: none yet." },
    COUNT_FIELD(struct drawn_connection, "dispatches_succeeded", succeeded, "Since it registered."),
    COUNT_FIELD(struct drawn_connection, "dispatches_failed", failed, "Since it registered."),
    { "last_dispatch_error", TEXT_AT(struct drawn_connection, last_error), F_NULLABLE,
      .doc = "The code of the last failure; null: the last dispatch succeeded." },
    { "status", ENUM_AT(struct drawn_connection, status), 0, .names = instance_status_words,
      .doc = "What routing goes by." },
    { "last_seen", TIME_AT(struct drawn_connection, last_seen), F_NULLABLE,
      .doc = "Its last sign of life." },
    { "ws_mesh_pod_id", TEXT_AT(struct drawn_connection, owner), F_NULLABLE,
      .doc = "The same as owner_pod." },
    { "ws_last_seen", TIME_AT(struct drawn_connection, ws_last_seen), F_NULLABLE,
      .doc = "The same as last_seen; null for a hosted one." },
    FIELD_LAST,
};

static const struct spec connection_spec = { "InstanceConnection", sizeof(struct drawn_connection),
                                             connection_fields };

struct drawn_reach {
    bool ok;
    struct drawn_connection connection;
};

static const struct field reach_fields[] = {
    { "ok", BOOL_AT(struct drawn_reach, ok), 0, .doc = "Always true." },
    { "connection", OBJECT_AT(struct drawn_reach, connection, struct drawn_connection), 0,
      .spec = &connection_spec, .doc = "How the instance is reached." },
    FIELD_LAST,
};

static const struct spec reach_spec = { "InstanceConnectionAnswer", sizeof(struct drawn_reach),
                                        reach_fields };

static bool
get_connection(struct request *rq, struct err *err)
{
    const struct which *which = rq->in;
    const struct instance_now *i =
        instances_get(rq->unit, which->instance_id, which->tenant_id, err);
    struct drawn_reach *drawn = ARENA_NEW(rq->mem, struct drawn_reach);

    if (i == NULL)
        return false;
    drawn->ok = true;
    drawn->connection = (struct drawn_connection){
        .instance_id = i->instance_id,
        .agent_type = i->agent_type,
        .tenant_id = i->org_id,
        .owner = i->owner,
        .last_error = i->last_error,
        .mode = i->mode,
        .transport = i->transport,
        .connection = i->connection,
        .status = i->status,
        .connected_since = i->connected_since,
        .last_dispatch_at = i->last_dispatch_at,
        .succeeded = i->succeeded,
        .failed = i->failed,
        .last_seen = i->last_seen,
        .ws_last_seen = i->mode == MODE_CONNECTED ? i->last_seen : 0,
    };
    rq->out = drawn;
    return true;
}

/* ---- counts ---- */

struct stats_body {
    const char *agent_type, *tenant_id;
};

static const struct field stats_body_fields[] = {
    { "agent_type", TEXT_AT(struct stats_body, agent_type), F_NULLABLE, .min = 1,
      .max = AGENT_TYPE_MAX, .doc = "Only those of this type." },
    { "tenant_id", TEXT_AT(struct stats_body, tenant_id), F_NULLABLE, .max = TENANT_MAX,
      .doc = "For operators: of which organization; of all when not given." },
    FIELD_LAST,
};

static const struct spec stats_body_spec = { "InstanceStatsFilter", sizeof(struct stats_body),
                                             stats_body_fields, .open = true };

struct drawn_modes {
    int64_t hosted, connected;
};

static const struct field modes_fields[] = {
    COUNT_FIELD(struct drawn_modes, "hosted", hosted, "Called at a URL."),
    COUNT_FIELD(struct drawn_modes, "connected", connected, "Dialling in."),
    FIELD_LAST,
};

static const struct spec modes_spec = { "InstanceModeCounts", sizeof(struct drawn_modes),
                                        modes_fields };

struct drawn_statuses {
    int64_t online, healthy, degraded, offline, unknown;
};

static const struct field statuses_fields[] = {
    COUNT_FIELD(struct drawn_statuses, "online", online, "With a live socket."),
    COUNT_FIELD(struct drawn_statuses, "healthy", healthy, "The last dispatch was fine."),
    COUNT_FIELD(struct drawn_statuses, "degraded", degraded, "The last dispatch failed."),
    COUNT_FIELD(struct drawn_statuses, "offline", offline, "The socket has ended."),
    COUNT_FIELD(struct drawn_statuses, "unknown", unknown, "Never reached."),
    FIELD_LAST,
};

static const struct spec statuses_spec = { "InstanceStatusCounts", sizeof(struct drawn_statuses),
                                           statuses_fields };

struct drawn_transports {
    int64_t ws, callback, unknown;
};

static const struct field transports_fields[] = {
    COUNT_FIELD(struct drawn_transports, "ws", ws, "By a socket."),
    COUNT_FIELD(struct drawn_transports, "callback", callback, "By a call to a URL."),
    COUNT_FIELD(struct drawn_transports, "unknown", unknown, "Not yet, or not any more."),
    FIELD_LAST,
};

static const struct spec transports_spec = { "InstanceTransportCounts",
                                             sizeof(struct drawn_transports), transports_fields };

struct drawn_counts {
    int64_t total;
    struct drawn_modes modes;
    struct drawn_statuses statuses;
    struct drawn_transports transports;
};

static const struct field counts_fields[] = {
    COUNT_FIELD(struct drawn_counts, "total", total, "All of them."),
    { "by_deployment_mode", OBJECT_AT(struct drawn_counts, modes, struct drawn_modes), 0,
      .spec = &modes_spec, .doc = "By how they are reached." },
    { "by_status", OBJECT_AT(struct drawn_counts, statuses, struct drawn_statuses), 0,
      .spec = &statuses_spec, .doc = "By connection_status." },
    { "by_transport", OBJECT_AT(struct drawn_counts, transports, struct drawn_transports), 0,
      .spec = &transports_spec, .doc = "By transport." },
    FIELD_LAST,
};

static const struct spec counts_spec = { "InstanceCounts", sizeof(struct drawn_counts),
                                         counts_fields };

struct drawn_stats {
    bool ok;
    struct drawn_counts stats;
    const char *tenant_id, *agent_type;
};

static const struct field stats_fields[] = {
    { "ok", BOOL_AT(struct drawn_stats, ok), 0, .doc = "Always true." },
    { "stats", OBJECT_AT(struct drawn_stats, stats, struct drawn_counts), 0, .spec = &counts_spec,
      .doc = "How many instances there are." },
    { "tenant_id", TEXT_AT(struct drawn_stats, tenant_id), F_NULLABLE,
      .doc = "Of which organization; null: of all." },
    { "agent_type", TEXT_AT(struct drawn_stats, agent_type), F_OMIT_NULL, .doc = "As asked for." },
    FIELD_LAST,
};

static const struct spec stats_spec = { "InstanceStats", sizeof(struct drawn_stats), stats_fields };

static bool
get_stats(struct request *rq, struct err *err)
{
    const struct stats_body *body = rq->in;
    const char *org;
    const struct instance_stats *s =
        instances_stats(rq->unit, body->agent_type, body->tenant_id, &org, err);
    struct drawn_stats *drawn = ARENA_NEW(rq->mem, struct drawn_stats);

    if (s == NULL)
        return false;

    const int64_t *by = s->by_connection;
    *drawn = (struct drawn_stats){
        .ok = true,
        .stats = { s->total,
                   { s->by_mode[MODE_HOSTED], s->by_mode[MODE_CONNECTED] },
                   { by[CONNECTION_ONLINE], by[CONNECTION_HEALTHY], by[CONNECTION_DEGRADED],
                     by[CONNECTION_OFFLINE], by[CONNECTION_UNKNOWN] },
                   { s->by_transport[TRANSPORT_WS], s->by_transport[TRANSPORT_CALLBACK],
                     s->by_transport[TRANSPORT_UNKNOWN] } },
        .tenant_id = org,
        .agent_type = body->agent_type,
    };
    rq->out = drawn;
    return true;
}

#define READS .who = WHO_KEY, .scope = SCOPE_AGENTS_READ, .limit = LIMIT_MESH, .ok = 200

const struct route mesh_instance_routes[] = {
    { "POST", "/agents/get", list, "listInstances", "List instances", READS, .in = &filter_spec,
      .defaults = &filter_defaults, .out = &page_spec, .flags = ROUTE_EMPTY_BODY },
    { "POST", "/agents/get_by_id", get_by_id, "getInstance", "Read one instance", READS,
      .in = &which_spec, .out = &one_spec, .fails = { ERR_INSTANCE_NOT_FOUND } },
    { "POST", "/agents/get_connection", get_connection, "getInstanceConnection",
      "Read how an instance is reached", READS, .in = &which_spec, .out = &reach_spec,
      .fails = { ERR_INSTANCE_NOT_FOUND } },
    { "POST", "/agents/get_connection_stats", get_stats, "getInstanceStats", "Count instances",
      READS, .in = &stats_body_spec, .out = &stats_spec, .flags = ROUTE_EMPTY_BODY },
    ROUTE_LAST,
};
