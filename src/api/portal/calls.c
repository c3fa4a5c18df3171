/* /api/calls: who called whom, when, and what came of it; never what was said. */
#include "api/portal/calls.h"

#include "api/portal/lists.h"
#include "domain/links.h"
#include "json/formats.h"
#include "model/scope.h"

static const struct field call_fields[] = {
    { "id", INT_AT(struct call_record, id), 0, .doc = "Grows with time." },
    { "at", TIME_AT(struct call_record, at), 0, .doc = "When it came." },
    { "trace_id", TEXT_AT(struct call_record, trace_id), F_NULLABLE,
      .doc = "Of the caller's traceparent, or one of ours." },
    { "request_id", TEXT_AT(struct call_record, request_id), F_NULLABLE,
      .doc = "The Request-Id of the answer." },
    { "connection_id", TEXT_AT(struct call_record, connection_id), F_NULLABLE,
      .format = &format_uuid, .doc = "The connection it took." },
    { "source_agent_id", TEXT_AT(struct call_record, source_agent_id), F_NULLABLE,
      .format = &format_uuid, .doc = "Who called." },
    { "source_permanent_id", TEXT_AT(struct call_record, source_permanent_id), F_NULLABLE,
      .doc = "Its permanent id." },
    { "target_agent_id", TEXT_AT(struct call_record, target_agent_id), F_NULLABLE,
      .format = &format_uuid, .doc = "Who was called." },
    { "target_permanent_id", TEXT_AT(struct call_record, target_permanent_id), F_NULLABLE,
      .doc = "Its permanent id." },
    { "fallback_permanent_id", TEXT_AT(struct call_record, fallback_permanent_id), F_NULLABLE,
      .doc = "Who answered instead; null: the target itself." },
    { "protocol", TEXT_AT(struct call_record, protocol), F_NULLABLE,
      .doc = "As the caller said in X-Tragentics-Protocol." },
    { "status", INT_AT(struct call_record, status), 0, .doc = "The status that the caller got." },
    { "outcome", TEXT_AT(struct call_record, outcome), 0,
      .doc = "ok, received_4xx, received_5xx, client_gone, or the code of the error." },
    { "request_bytes", INT_AT(struct call_record, request_bytes), 0,
      .doc = "Bytes of the body to the target." },
    { "response_bytes", INT_AT(struct call_record, response_bytes), 0,
      .doc = "Bytes of the body from the target." },
    { "latency_us", INT_AT(struct call_record, latency_us), 0,
      .doc = "Microseconds from its coming to its end." },
    { "first_byte_us", INT_AT(struct call_record, first_byte_us), F_NULLABLE,
      .doc = "Microseconds until the target began to answer; null: it did not." },
    FIELD_LAST,
};

static const struct spec call_spec = { "Call", sizeof(struct call_record), call_fields };

static const struct field page_fields[] = { PORTAL_PAGE_FIELDS(&call_spec) };

static const struct spec page_spec = { "CallPage", sizeof(struct page), page_fields };

static const struct field filter_fields[] = {
    { "agent_id", TEXT_AT(struct call_filter, agent_id), 0, .format = &format_agent_ref,
      .doc = "Only those from or to this agent: UUID or permanent id." },
    { "connection_id", TEXT_AT(struct call_filter, connection_id), 0, .format = &format_uuid,
      .doc = "Only those over this connection." },
    { "outcome", TEXT_AT(struct call_filter, outcome), 0, .min = 1, .max = 64,
      .format = &format_plain, .doc = "Only those that ended so." },
    { "trace_id", TEXT_AT(struct call_filter, trace_id), 0, .format = &format_trace_id,
      .doc = "Only those of this trace." },
    { "since", TIME_AT(struct call_filter, since), 0, .doc = "Not before this time." },
    { "until", TIME_AT(struct call_filter, until), 0, .doc = "Before this time." },
    PORTAL_PAGE_QUERY(struct call_filter, "50"),
    FIELD_LAST,
};

static const struct spec filter_spec = { "CallFilter", sizeof(struct call_filter), filter_fields };
static const struct call_filter filter_defaults = { .limit = 50 };

static bool
list_calls(struct request *rq, struct err *err)
{
    return portal_lists_answer(rq, calls_list(rq->unit, rq->params, err));
}

const struct route portal_calls_routes[] = {
    { "GET", "/api/calls", list_calls, "listCalls", "List the records of calls", .who = WHO_KEY,
      .scope = SCOPE_AGENTS_READ, .limit = LIMIT_OWNER, .query = &filter_spec,
      .query_defaults = &filter_defaults, .out = &page_spec, .ok = 200,
      .doc = "Bodies are never kept. Each page of a filtered list looks at some thousand calls: of"
             " very many it may hold fewer items than asked for, even none, and yet a next page"
             " exists." },
    ROUTE_LAST,
};
