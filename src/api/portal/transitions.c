/* /api/status-transitions: when agents came and went, and why we think so. */
#include "api/portal/transitions.h"

#include "api/portal/agent_specs.h"
#include "api/portal/csv.h"
#include "api/portal/lists.h"
#include "base/clock.h"
#include "domain/presence.h"
#include "json/formats.h"
#include "model/scope.h"

#include <string.h>
#include <strings.h>

enum { PAGE = 25, CSV_PAGE = PORTAL_LIMIT_MAX, CSV_MAX = 10000 };

enum trigger {
    TRIGGER_API_CALL,
    TRIGGER_PROXY_RELAY,
    TRIGGER_CRON_JOB,
    TRIGGER_USER_ACTION,
};

static const char *const trigger_words[] = { "api_call", "proxy_relay", "cron_job", "user_action",
                                             NULL };

static const enum trigger triggers[] = {
    [REASON_NEVER_SEEN] = TRIGGER_USER_ACTION, [REASON_HEARTBEAT] = TRIGGER_API_CALL,
    [REASON_TOLD_OFFLINE] = TRIGGER_API_CALL,  [REASON_TRAFFIC] = TRIGGER_PROXY_RELAY,
    [REASON_SILENCE] = TRIGGER_CRON_JOB,       [REASON_PROBE_SUCCEEDED] = TRIGGER_CRON_JOB,
    [REASON_PROBE_FAILED] = TRIGGER_CRON_JOB,  [REASON_ARCHIVED] = TRIGGER_USER_ACTION,
    [REASON_REVOKED] = TRIGGER_USER_ACTION,
};

static const struct field transition_fields[] = {
    { "at", TIME_AT(struct portal_transition, t.at), 0, .doc = "When." },
    { "agent_id", TEXT_AT(struct portal_transition, t.agent_id), F_NULLABLE, .format = &format_uuid,
      .doc = "Whose." },
    { "permanent_id", TEXT_AT(struct portal_transition, t.permanent_id), 0,
      .doc = "Its permanent id." },
    { "agent_name", TEXT_AT(struct portal_transition, t.agent_name), F_NULLABLE,
      .doc = "Its name now; null: it was deleted." },
    { "old_status", ENUM_AT(struct portal_transition, t.old_state), 0, .names = portal_state_words,
      .doc = "What it was." },
    { "new_status", ENUM_AT(struct portal_transition, t.new_state), 0, .names = portal_state_words,
      .doc = "What it became." },
    { "reason", ENUM_AT(struct portal_transition, t.reason), 0, .names = portal_reason_words,
      .doc = "Why we think so." },
    { "trigger", ENUM_AT(struct portal_transition, trigger), 0, .names = trigger_words,
      .doc = "What set it off." },
    { "http_status", INT_AT(struct portal_transition, t.http_status), F_NULLABLE, .min = 100,
      .doc = "What the endpoint answered, when it was checked." },
    { "latency_ms", INT_AT(struct portal_transition, t.latency_ms), F_NULLABLE,
      .doc = "How long that took." },
    { "error", TEXT_AT(struct portal_transition, t.error), F_NULLABLE,
      .doc = "What went wrong with it." },
    FIELD_LAST,
};

const struct spec portal_transition_spec = { "Transition", sizeof(struct portal_transition),
                                             transition_fields };

static const struct field page_fields[] = { PORTAL_PAGE_FIELDS(&portal_transition_spec) };

static const struct spec page_spec = { "TransitionPage", sizeof(struct page), page_fields };

static const struct field filter_fields[] = {
    { "agent_id", TEXT_AT(struct transition_filter, agent_id), 0, .format = &format_agent_ref,
      .doc = "Only those of this agent: UUID or permanent id." },
    { "new_status", ENUM_AT(struct transition_filter, new_state), 0, .names = portal_state_words,
      .doc = "Only those to this status." },
    { "since", TIME_AT(struct transition_filter, since), 0, .doc = "Not before this time." },
    { "until", TIME_AT(struct transition_filter, until), 0, .doc = "Before this time." },
    PORTAL_PAGE_QUERY(struct transition_filter, "25, and up to 10,000 rows as CSV,"),
    FIELD_LAST,
};

static const struct spec filter_spec = { "TransitionFilter", sizeof(struct transition_filter),
                                         filter_fields };
static const struct transition_filter filter_defaults = { .new_state = -1 };

struct portal_transition *
portal_transition_of(const struct transition *t, struct arena *mem)
{
    struct portal_transition *drawn = ARENA_NEW(mem, struct portal_transition);

    drawn->t = *t;
    drawn->trigger = (int)triggers[t->reason];
    /* A latency of 0 is one only when something was measured. */
    if (t->reason != REASON_PROBE_SUCCEEDED && t->reason != REASON_PROBE_FAILED)
        drawn->t.latency_ms = -1;
    return drawn;
}

/* ---- JSON ---- */

static bool
answer_json(struct request *rq, struct err *err)
{
    struct transition_filter filter = *(const struct transition_filter *)rq->params;

    if (filter.limit == 0)
        filter.limit = PAGE;
    struct page *page = presence_transitions(rq->unit, &filter, err);
    for (size_t i = 0; page != NULL && i < page->data.n; i++)
        page->data.v[i] = portal_transition_of(page->data.v[i], rq->mem);
    return portal_lists_answer(rq, page);
}

/* ---- CSV ---- */

static void
put_words(struct buf *out)
{
    for (const struct field *f = transition_fields; f->key != NULL; f++)
        portal_csv_text(out, f->key, f[1].key == NULL);
}

/* A cell for each member, by the same rows as JSON. */
static void
put_cell(struct buf *out, const struct field *f, const void *thing, bool last)
{
    const void *place = (const char *)thing + f->offset;
    char text[CLOCK_TEXT_SIZE];

    if (f->kind == FIELD_TIME)
        portal_csv_text(out, clock_text(*(const int64_t *)place, text), last);
    else if (f->kind == FIELD_ENUM)
        portal_csv_text(out, f->names[*(const int *)place], last);
    else if (f->kind == FIELD_TEXT)
        portal_csv_text(out, *(const char *const *)place, last);
    else if (*(const int64_t *)place >= f->min)
        portal_csv_number(out, *(const int64_t *)place, last);
    else
        portal_csv_text(out, NULL, last);
}

static void
put_page(struct buf *out, const struct page *page, struct arena *mem)
{
    for (size_t i = 0; i < page->data.n; i++) {
        const void *drawn = portal_transition_of(page->data.v[i], mem);

        for (const struct field *f = transition_fields; f->key != NULL; f++)
            put_cell(out, f, drawn, f[1].key == NULL);
    }
}

/* All rows, page by page, up to the limit; a Link header leads on from there. */
static struct page *
put_pages(struct buf *out, struct request *rq, struct err *err)
{
    struct transition_filter filter = *(const struct transition_filter *)rq->params;
    int64_t left = filter.limit == 0 ? CSV_MAX : filter.limit;
    struct page *page;

    put_words(out);
    do {
        filter.limit = left < CSV_PAGE ? left : CSV_PAGE;
        page = presence_transitions(rq->unit, &filter, err);
        if (page == NULL)
            return NULL;
        put_page(out, page, rq->mem);
        filter.cursor = page->next;
        left -= filter.limit;
    } while (page->has_more && left > 0);
    return page;
}

static bool
answer_csv(struct request *rq, struct err *err)
{
    struct buf out;

    buf_init(&out, 0);
    const struct page *last = put_pages(&out, rq, err);
    if (last != NULL) {
        portal_lists_link(rq, last);
        reply_header(rq, "Content-Disposition", "attachment; filename=\"status-transitions.csv\"");
        rq->reply.status = rq->route->ok;
        rq->reply.type = "text/csv; charset=utf-8; header=present";
        rq->reply.bytes = arena_textn(rq->mem, buf_bytes(&out), buf_size(&out));
        rq->reply.size = buf_size(&out);
    }
    buf_done(&out);
    return last != NULL;
}

/* Whoever takes JSON as well gets JSON. */
static bool
wants_csv(const struct request *rq)
{
    const char *accept = request_header(rq, "Accept");

    return accept != NULL && strcasestr(accept, "text/csv") != NULL &&
           strcasestr(accept, "application/json") == NULL;
}

static bool
list_transitions(struct request *rq, struct err *err)
{
    reply_header(rq, "Vary", "Accept");
    return wants_csv(rq) ? answer_csv(rq, err) : answer_json(rq, err);
}

#define READS                                                                                      \
    .who = WHO_KEY, .scope = SCOPE_AGENTS_READ, .limit = LIMIT_OWNER, .query = &filter_spec,       \
    .query_defaults = &filter_defaults, .ok = 200, .flags = ROUTE_CSV

const struct route portal_transitions_routes[] = {
    { "GET", "/api/status-transitions", list_transitions, "listTransitions",
      "List changes of presence", READS, .out = &page_spec,
      .doc = "As CSV when Accept names text/csv alone." },
    { "GET", "/api/status-transitions.csv", answer_csv, "exportTransitions",
      "All changes of presence as CSV", READS,
      .doc = "At most 10,000 rows; a Link header leads to the next ones." },
    ROUTE_LAST,
};
