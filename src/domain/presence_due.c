/* Which endpoints are to be asked now. */
#include "domain/presence.h"

#include "base/log.h"
#include "domain_priv.h"
#include "store/service_state.h"

#include <string.h>

enum { ROWS = 5000 };

static void
add(struct unit *u, const struct agent_probe *row, struct list *targets)
{
    struct seal_place place = { row->org_id, row->id, SEAL_ENDPOINT_URL };
    struct probe_target *target = ARENA_NEW(u->mem, struct probe_target);
    struct err err = { 0 };

    target->url = draft_open_text(u->core, &place, row->endpoint_url_sealed, u->mem, &err);
    /* One damaged row must not keep the others from being asked. */
    if (target->url == NULL || !ids_uuid_read(row->id, &target->agent)) {
        log_event(LOG_ERROR, "endpoint_unreadable", LOG_T("agent", row->id),
                  LOG_T("note", err.note));
        return;
    }
    targets->v[targets->n++] = target;
}

bool
presence_due(struct unit *u, int slot, struct list *targets, struct err *err)
{
    const char *after = NULL;
    const struct list *rows;

    *targets = (struct list){ 0 };
    do {
        rows = store_agents_probes(db_single(u->db), slot, after, ROWS, u->mem, err);
        if (rows == NULL)
            return false;

        void **all = arena_alloc(u->mem, (targets->n + rows->n) * sizeof *all);
        if (targets->n > 0)
            memcpy(all, targets->v, targets->n * sizeof *all);
        targets->v = all;
        for (size_t i = 0; i < rows->n; i++)
            add(u, rows->v[i], targets);
        if (rows->n > 0)
            after = ((const struct agent_probe *)rows->v[rows->n - 1])->id;
    } while (rows->n == ROWS);
    return true;
}

bool
presence_leads(struct unit *u, bool *leads, struct err *err)
{
    const struct service_lead *lead = store_service_state_lead(db_single(u->db), u->mem, err);

    *leads = lead != NULL && lead->leads;
    return lead != NULL;
}
