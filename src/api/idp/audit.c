/* /api/v1/audit: reading the audit log and checking that it is whole. */
#include "api/idp/audit.h"

#include "api/idp/lists.h"
#include "domain/audit.h"
#include "json/formats.h"
#include "model/scope.h"

enum { PAGE = 50, PAGE_MAX = 200 };

static const struct field event_fields[] = {
    { "eventId", TEXT_AT(struct audit_event, id), 0, .format = &format_uuid, .doc = "UUID." },
    { "agentId", TEXT_AT(struct audit_event, agent_id), F_NULLABLE, .format = &format_uuid,
      .doc = "Whom it is about; null: nobody in particular." },
    { "organizationId", TEXT_AT(struct audit_event, org_id), 0, .format = &format_uuid,
      .doc = "Whose log it is in." },
    { "action", ENUM_AT(struct audit_event, action), 0, .names = audit_action_names,
      .doc = "What was done." },
    { "outcome", ENUM_AT(struct audit_event, outcome), 0, .names = audit_outcome_names,
      .doc = "Whether it was done." },
    { "timestamp", TIME_AT(struct audit_event, at), 0, .doc = "When." },
    { "ipAddress", TEXT_AT(struct audit_event, ip), 0, .doc = "The client's address, or empty." },
    { "userAgent", TEXT_AT(struct audit_event, user_agent), 0,
      .doc = "What the client calls itself, at most 200 characters, or empty." },
    { "metadata", JSON_AT(struct audit_event, metadata), 0, .doc = "More, by the action." },
    { "hash", TEXT_AT(struct audit_event, hash), F_NULLABLE, .min = 64, .max = 64,
      .doc =
          "SHA-256 in hex of eventId, timestamp, action, outcome, agentId, organizationId and the"
          " hash before it, one behind the other; null: not chained yet." },
    FIELD_LAST,
};

static const struct spec event_spec = { "AuditEvent", sizeof(struct audit_event), event_fields };

static const struct field page_fields[] = { IDP_PAGE_FIELDS(&event_spec) };

static const struct spec page_spec = { "AuditPage", sizeof(struct numbered_page), page_fields };

/* What restricts a list as well as a verification. */
#define RANGE                                                                                      \
    { "organizationId", TEXT_AT(struct audit_filter, org_id), 0, .format = &format_uuid,           \
      .doc = "Whose log; another than one's own needs admin:orgs." },                              \
        { "fromDate", TIME_AT(struct audit_filter, from), 0, .doc = "Not before this time." },     \
    {                                                                                              \
        "toDate", TIME_AT(struct audit_filter, to), 0, .doc = "Not after this time."               \
    }

static const struct field filter_fields[] = {
    { "agentId", TEXT_AT(struct audit_filter, agent_id), 0, .format = &format_uuid,
      .doc = "Only events about this agent." },
    { "action", ENUM_AT(struct audit_filter, action), 0, .names = audit_action_names,
      .doc = "Only events of this action." },
    { "outcome", ENUM_AT(struct audit_filter, outcome), 0, .names = audit_outcome_names,
      .doc = "Only events with this outcome." },
    RANGE,
    IDP_PAGE_QUERY(struct audit_filter, PAGE_MAX, "50"),
    FIELD_LAST,
};

static const struct spec filter_spec = { "AuditFilter", sizeof(struct audit_filter),
                                         filter_fields };

static const struct field range_fields[] = { RANGE, FIELD_LAST };

static const struct spec range_spec = { "AuditRange", sizeof(struct audit_filter), range_fields };

static const struct audit_filter defaults = {
    .action = -1, .outcome = -1, .page = 1, .limit = PAGE
};

static const struct field verdict_fields[] = {
    { "verified", BOOL_AT(struct audit_verdict, verified), 0,
      .doc = "Whether every event fits its chain and none is missing." },
    { "checkedCount", INT_AT(struct audit_verdict, checked), 0,
      .doc = "Events that were recomputed." },
    { "brokenAtEventId", TEXT_AT(struct audit_verdict, broken_at), F_NULLABLE,
      .format = &format_uuid, .doc = "The first event that does not fit, when it is known." },
    { "fromDate", TIME_AT(struct audit_verdict, from), F_OMIT_NULL, .doc = "As asked for." },
    { "toDate", TIME_AT(struct audit_verdict, to), F_OMIT_NULL, .doc = "As asked for." },
    FIELD_LAST,
};

static const struct spec verdict_spec = { "AuditVerdict", sizeof(struct audit_verdict),
                                          verdict_fields };

static bool
query_audit(struct request *rq, struct err *err)
{
    rq->out = audit_query(rq->unit, rq->params, err);
    return rq->out != NULL;
}

static bool
get_event(struct request *rq, struct err *err)
{
    rq->out = audit_get(rq->unit, rq->args[0], err);
    return rq->out != NULL;
}

static bool
verify_audit(struct request *rq, struct err *err)
{
    rq->out = audit_verify(rq->unit, rq->params, err);
    return rq->out != NULL;
}

static const struct field event_args[] = {
    { "eventId", .kind = FIELD_TEXT, .format = &format_uuid, .doc = "UUID of the event." },
    FIELD_LAST,
};

#define READS .who = WHO_KEY, .scope = SCOPE_AUDIT_READ, .ok = 200

const struct route idp_audit_routes[] = {
    { "GET", "/api/v1/audit", query_audit, "queryAudit", "List events of the audit log", READS,
      .limit = LIMIT_OWNER, .query = &filter_spec, .query_defaults = &defaults, .out = &page_spec,
      .doc = "Events that are older than they are kept are not listed." },
    { "GET", "/api/v1/audit/verify", verify_audit, "verifyAudit", "Check the audit log", READS,
      .limit = LIMIT_VERIFY, .query = &range_spec, .query_defaults = &defaults,
      .out = &verdict_spec,
      .doc = "Recomputes the chain of hashes from the events. A time range restricts what is"
             " recomputed; only the whole log tells of events that were cut off." },
    { "GET", "/api/v1/audit/{eventId}", get_event, "getAuditEvent", "Read one event", READS,
      .limit = LIMIT_OWNER, .args = event_args, .out = &event_spec,
      .fails = { ERR_VALIDATION_ERROR, ERR_AUDIT_EVENT_NOT_FOUND } },
    ROUTE_LAST,
};
