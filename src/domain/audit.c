/* Writing the audit log and reading it. What ties the events together is in audit_chain.c. */
#include "domain/audit.h"

#include "domain_priv.h"
#include "model/scope.h"
#include "store/audit.h"

#include <string.h>

enum { USER_AGENT_MAX = 200 };

const char *const audit_action_names[] = {
    "agent.created",           "agent.updated",
    "agent.decommissioned",    "agent.suspended",
    "agent.reactivated",       "token.issued",
    "token.revoked",           "token.introspected",
    "credential.generated",    "credential.rotated",
    "credential.revoked",      "auth.failed",
    "instance.registered",     "instance.deregistered",
    "registration_flagged",    "agent_type.allowed",
    "agent_type.disallowed",   "organization.policy_set",
    "dispatch_secret.rotated", NULL,
};

const char *const audit_outcome_names[] = { "success", "failure", NULL };

/* What a client said of itself: cut, and every byte that is not plain ASCII as a question mark. */
static const char *
plain(const char *text, struct arena *mem)
{
    char *copy = arena_textn(mem, text, strnlen(text, USER_AGENT_MAX));

    for (char *c = copy; *c != '\0'; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
    return copy;
}

struct audit_new
audit_stamp(struct unit *u, const struct audit_entry *entry)
{
    struct audit_new event = {
        .id = ids_uuid(u->mem),
        .ip = u->client_ip == NULL ? "" : u->client_ip,
        .user_agent = u->user_agent == NULL ? "" : plain(u->user_agent, u->mem),
        .entry = *entry,
    };

    if (event.entry.metadata == NULL)
        event.entry.metadata = "{}";
    return event;
}

bool
audit_write(struct unit *u, struct db_tx *tx, const struct audit_entry *entry, struct err *err)
{
    struct audit_new event = audit_stamp(u, entry);

    return store_audit_insert(tx, &event, u->mem, err);
}

/* Whose log is meant; NULL: the caller may not see that one. */
static const char *
org_of(struct unit *u, const char *asked, struct err *err)
{
    struct uuid uuid;

    if (asked == NULL ||
        (ids_uuid_read(asked, &uuid) && memcmp(&uuid, &u->by->org, sizeof uuid) == 0))
        return u->by->org_text;
    if ((u->by->scopes & SCOPE_ADMIN_ORGS) != 0)
        return asked;
    err_set(err, ERR_INSUFFICIENT_SCOPE, "organizationId",
            "Other organizations need the scope admin:orgs.");
    err_fact_text(err, "scope", "admin:orgs");
    return NULL;
}

static bool
filter_of(struct unit *u, const struct audit_filter *asked, struct audit_filter *filter,
          struct err *err)
{
    *filter = *asked;
    if (asked->from != 0 && asked->to != 0 && asked->from > asked->to)
        return err_set(err, ERR_VALIDATION_ERROR, "toDate", "toDate must not be before fromDate.");
    filter->org_id = org_of(u, asked->org_id, err);
    return filter->org_id != NULL;
}

static void
draw(struct unit *u, struct audit_event *event)
{
    event->outcome = event->failed ? OUTCOME_FAILURE : OUTCOME_SUCCESS;
    if (event->link.v != NULL)
        event->hash =
            ids_hex(event->link.v, event->link.n, arena_alloc(u->mem, 2 * event->link.n + 1));
}

struct numbered_page *
audit_query(struct unit *u, const struct audit_filter *asked, struct err *err)
{
    struct audit_filter filter;
    struct numbered_page *page = ARENA_NEW(u->mem, struct numbered_page);
    int64_t kept = u->core->audit_kept_ms;

    if (!filter_of(u, asked, &filter, err))
        return NULL;

    const struct list *rows = store_audit_list(db_single(u->db), &filter, kept, u->mem, err);
    if (rows == NULL)
        return NULL;
    page->total = store_audit_count(db_single(u->db), &filter, kept, u->mem, err);
    if (page->total < 0)
        return NULL;
    page->data = *rows;
    page->page = filter.page;
    page->limit = filter.limit;
    for (size_t i = 0; i < rows->n; i++)
        draw(u, rows->v[i]);
    return page;
}

struct audit_event *
audit_get(struct unit *u, const char *id, struct err *err)
{
    struct uuid uuid;
    const char *org = (u->by->scopes & SCOPE_ADMIN_ORGS) != 0 ? NULL : u->by->org_text;

    if (!ids_uuid_read(id, &uuid)) {
        err_set(err, ERR_VALIDATION_ERROR, "eventId", "eventId must be a UUID.");
        return NULL;
    }

    struct audit_event *event =
        store_audit_find(db_single(u->db), org, id, u->core->audit_kept_ms, u->mem, err);
    if (event != NULL)
        draw(u, event);
    else if (err->code == ERR_NONE)
        err_set(err, ERR_AUDIT_EVENT_NOT_FOUND, NULL, NULL);
    return event;
}

struct audit_verdict *
audit_verify(struct unit *u, const struct audit_filter *asked, struct err *err)
{
    struct audit_filter range;
    struct audit_verdict *verdict = ARENA_NEW(u->mem, struct audit_verdict);
    struct audit_walk *walk = ARENA_NEW(u->mem, struct audit_walk);

    if (!filter_of(u, asked, &range, err) || !audit_chain_walk(u, &range, walk, err))
        return NULL;
    verdict->verified = !walk->broken;
    verdict->checked = walk->checked;
    verdict->broken_at = walk->broken_at[0] == '\0' ? NULL : walk->broken_at;
    verdict->note = walk->note;
    verdict->from = range.from;
    verdict->to = range.to;
    return verdict;
}
