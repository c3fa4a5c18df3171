/* Instances: read, counted, deregistered. How they register is in instances_register.c. */
#include "base/log.h"
#include "domain/presence.h"
#include "instances_priv.h"
#include "model/scope.h"

#include <string.h>

/* Whose instances the caller means; NULL: those of all. */
static const char *
org_of(const struct unit *u, const char *tenant)
{
    return (u->by->scopes & SCOPE_ADMIN_ORGS) != 0 ? tenant : u->by->org_text;
}

static bool
not_found(const char *instance_id, struct err *err)
{
    err_set(err, ERR_INSTANCE_NOT_FOUND, NULL, NULL);
    err_fact_text(err, "instance_id", instance_id);
    return false;
}

/* ---- reading ---- */

static bool
draw(struct unit *u, struct instance_now *instance, struct err *err)
{
    struct seal_place place = { instance->org_id, instance->id, SEAL_INSTANCE_URL };

    if (instance->url_sealed.v != NULL)
        instance->url = draft_open_text(u->core, &place, instance->url_sealed, u->mem, err);
    return err->code == ERR_NONE;
}

struct instance_now *
instances_get(struct unit *u, const char *instance_id, const char *tenant, struct err *err)
{
    struct uuid uuid;
    const char *org = org_of(u, tenant);
    struct instance_now *found = NULL;

    /* Nobody has a tenant that is no UUID. */
    if (org == NULL || ids_uuid_read(org, &uuid))
        found = store_instances_find(db_single(u->db), org, instance_id, u->mem, err);
    if (found == NULL && err->code == ERR_NONE)
        not_found(instance_id, err);
    return found != NULL && draw(u, found, err) ? found : NULL;
}

static void
add(struct instance_stats *stats, const struct instance_count *count)
{
    stats->total += count->n;
    stats->by_mode[count->mode] += count->n;
    stats->by_connection[count->connection] += count->n;
    stats->by_transport[count->transport] += count->n;
}

/* On all pages; -1 on failure. Only a status has to be counted row by row. */
static int64_t
count(struct unit *u, const struct instance_filter *filter, struct err *err)
{
    const char *org = u->by->org_text;
    struct instance_stats stats = { 0 };

    if (filter->status != -1)
        return store_instances_count(db_single(u->db), org, filter, u->mem, err);

    const struct list *counts =
        store_instances_stats(db_single(u->db), org, filter->agent_type, u->mem, err);
    for (size_t i = 0; counts != NULL && i < counts->n; i++)
        add(&stats, counts->v[i]);
    return counts == NULL ? -1 : stats.total;
}

struct numbered_page *
instances_list(struct unit *u, const struct instance_filter *filter, struct err *err)
{
    const char *org = u->by->org_text;
    struct numbered_page *page = ARENA_NEW(u->mem, struct numbered_page);
    const struct list *rows = store_instances_list(db_single(u->db), org, filter, u->mem, err);

    if (rows == NULL)
        return NULL;
    *page = (struct numbered_page){ .data = *rows, .page = filter->page, .limit = filter->limit };
    page->total = count(u, filter, err);
    for (size_t i = 0; i < rows->n && page->total >= 0; i++)
        if (!draw(u, rows->v[i], err))
            return NULL;
    return page->total < 0 ? NULL : page;
}

struct instance_stats *
instances_stats(struct unit *u, const char *agent_type, const char *tenant, const char **org,
                struct err *err)
{
    struct uuid uuid;
    struct instance_stats *stats = ARENA_NEW(u->mem, struct instance_stats);

    *org = org_of(u, tenant);
    if (*org != NULL && !ids_uuid_read(*org, &uuid))
        return stats;

    const struct list *counts =
        store_instances_stats(db_single(u->db), *org, agent_type, u->mem, err);
    for (size_t i = 0; counts != NULL && i < counts->n; i++)
        add(stats, counts->v[i]);
    return counts == NULL ? NULL : stats;
}

/* ---- leaving ---- */

bool
instances_tell(struct unit *u, struct db_tx *tx, enum audit_action action,
               const struct audit_entry *entry, struct err *err)
{
    struct audit_entry event = *entry;

    event.action = action;
    return audit_write(u, tx, &event, err);
}

/* An agent without instances is called in another way, or not at all. */
static bool
forget_agent(struct unit *u, struct db_tx *tx, const struct uuid *agent, struct err *err)
{
    int any = store_instances_any(tx, agent, u->mem, err);

    if (any != 0)
        return any > 0;
    return hints_forget(u, tx, HINT_AGENT, agent, 1, err);
}

bool
instances_forget(struct unit *u, struct db_tx *tx, const struct list *gone, struct err *err)
{
    struct uuid *ids = arena_alloc(u->mem, gone->n * sizeof *ids + 1);

    if (gone->n == 0)
        return true;
    for (size_t i = 0; i < gone->n; i++)
        ids[i] = ((const struct instance_gone *)gone->v[i])->id;
    return hints_forget(u, tx, HINT_INSTANCE, ids, gone->n, err) &&
           forget_agent(u, tx, &((const struct instance_gone *)gone->v[0])->agent, err);
}

void
instances_left(struct unit *u, const struct list *gone)
{
    const struct instance_gone *first = gone->n == 0 ? NULL : gone->v[0];
    struct err ignored = { 0 };

    if (first == NULL || !first->held)
        return;

    struct beat_row beat = { .agent = first->agent, .kind = BEAT_LEFT, .latency_ms = -1 };

    if (store_instances_any(db_single(u->db), &first->agent, u->mem, &ignored) == 0 &&
        !presence_apply(u, &beat, 1, &ignored))
        log_event(LOG_WARN, "presence of a deregistered agent", LOG_T("note", ignored.note));
}

bool
instances_deregister(struct unit *u, const char *instance_id, const char *agent_type,
                     struct err *err)
{
    char agent[UUID_TEXT_SIZE];
    struct db_tx *tx DB_SCOPED = db_begin(u->db, err);
    if (tx == NULL)
        return false;

    struct instance_gone *gone =
        store_instances_delete(tx, u->by->org_text, instance_id, agent_type, u->mem, err);
    if (gone == NULL)
        return err->code == ERR_NONE && not_found(instance_id, err);

    void *one = gone;
    const struct list all = { &one, 1 };
    const struct audit_entry entry = {
        .org_id = u->by->org_text,
        .agent_id = ids_uuid_text(&gone->agent, agent),
        .metadata = arena_printf(u->mem, "{\"instanceId\":\"%s\",\"agentType\":\"%s\"}",
                                 instance_id, gone->agent_type),
    };
    if (!instances_forget(u, tx, &all, err) ||
        !instances_tell(u, tx, AUDIT_INSTANCE_DEREGISTERED, &entry, err) || !db_commit(tx, err))
        return false;
    instances_left(u, &all);
    return true;
}
