/* Recomputing the chain of an organization from its events, a batch at a time: on demand, and by
 * the self-check. */
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "domain/audit.h"
#include "domain_priv.h"

#include <assert.h>
#include <string.h>

enum {
    ROWS = 2000,       /* links of a batch                       */
    SEAL_BATCHES = 50, /* before one verification                */
    CHECK_MS = 100,    /* of the self-check in one go            */
};

static struct audit_tie
end_of(const struct audit_head *head)
{
    return audit_tie_of(head->position, head->hash, head->whole);
}

static struct audit_tie
anchor_of(const struct audit_head *head)
{
    return audit_tie_of(head->anchor_position, head->anchor_hash, head->anchor_whole);
}

/* id NULL: some event that no link leads to may be the one. */
static bool
broken(struct unit *u, struct audit_walk *walk, const char *id, const char *note, struct err *err)
{
    const struct audit_org *loose = NULL;

    if (id == NULL) {
        loose = store_audit_loose(db_single(u->db), walk->org, u->mem, err);
        if (loose == NULL && err->code != ERR_NONE)
            return false;
    }
    if (loose != NULL)
        id = loose->id;
    if (id != NULL)
        memcpy(walk->broken_at, id, strnlen(id, sizeof walk->broken_at - 1));
    walk->note = note;
    walk->broken = walk->done = true;
    metrics_set(METRIC_AUDIT_CHAIN_INTEGRITY, 0);
    log_event(LOG_ERROR, "audit_chain_broken", LOG_T("organization", walk->org),
              LOG_T("event", walk->broken_at), LOG_T("note", note));
    return true;
}

/* What looks broken may have been purged meanwhile: then the walk goes on behind the anchor. */
static bool
purged(struct unit *u, struct audit_walk *walk, bool *moved, struct err *err)
{
    const struct audit_head *head = store_audit_head_find(db_single(u->db), walk->org, u->mem, err);

    *moved = false;
    if (head == NULL)
        return err->code == ERR_NONE;
    if (head->anchor_position > walk->at.position && audit_head_holds(u, head)) {
        walk->at = anchor_of(head);
        if (walk->until < walk->at.position)
            walk->until = walk->at.position;
        *moved = true;
    }
    return true;
}

/* From the link before the first event that was asked for, to the last one. */
static bool
restrict_to(struct unit *u, struct audit_walk *walk, struct err *err)
{
    const struct audit_range *range =
        store_audit_range(db_single(u->db), walk->org, walk->from, walk->to, u->mem, err);

    if (range == NULL)
        return false;
    if (range->first == 0) {
        walk->done = true;
        return true;
    }
    if (walk->to != 0 && range->last < walk->until)
        walk->until = range->last;
    if (walk->from == 0 || range->first <= walk->at.position + 1)
        return true;

    const struct list *links = store_audit_links(db_single(u->db), walk->org, range->first - 2,
                                                 range->first - 1, 1, u->mem, err);
    if (links == NULL)
        return false;
    if (links->n == 0) {
        bool moved;

        return purged(u, walk, &moved, err) &&
               (moved || broken(u, walk, NULL, "a link is gone", err));
    }

    const struct audit_link *link = links->v[0];
    walk->at = audit_tie_of(link->position, link->hash, link->whole);
    return true;
}

/* The head; NULL with err unset: there is none, and no chain either, or the walk is over. */
static const struct audit_head *
find_head(struct unit *u, struct audit_walk *walk, struct err *err)
{
    struct db_tx *tx = db_single(u->db);
    const struct audit_head *head = store_audit_head_find(tx, walk->org, u->mem, err);
    const struct list *links;

    if (head != NULL || err->code != ERR_NONE)
        return head;
    links = store_audit_links(tx, walk->org, 0, INT64_MAX, 1, u->mem, err);
    if (links == NULL || links->n == 0)
        return NULL;
    /* The first event may have been chained just now. */
    head = store_audit_head_find(tx, walk->org, u->mem, err);
    if (head == NULL && err->code == ERR_NONE && !broken(u, walk, NULL, "the head is gone", err))
        assert(err->code != ERR_NONE);
    return head;
}

static bool
begin(struct unit *u, struct audit_walk *walk, struct err *err)
{
    const struct audit_head *head = find_head(u, walk, err);

    if (head == NULL)
        return err->code == ERR_NONE;
    if (!audit_head_holds(u, head))
        return broken(u, walk, NULL, "the head is not ours", err);
    walk->at = anchor_of(head);
    walk->end = end_of(head);
    walk->until = head->position;
    return (walk->from == 0 && walk->to == 0) || restrict_to(u, walk, err);
}

/* What is wrong with a link, or NULL; at is moved onto it when nothing is. */
static const char *
fault_of(const struct audit_walk *walk, const struct audit_link *link, struct audit_tie *at)
{
    struct audit_tie said = audit_tie_of(link->position, link->hash, link->whole), next = *at;

    if (link->position != at->position + 1)
        return "a link is gone";
    if (link->event.id == NULL)
        return "an event is gone";
    if (strcmp(link->event.org_id, walk->org) != 0 || !audit_tie_next(&next, &link->event) ||
        !audit_tie_is(&next, &said))
        return "an event or its link was changed";
    *at = next;
    return NULL;
}

/* The last look: the end that the head knows, and events that no link leads to. */
static bool
finish(struct unit *u, struct audit_walk *walk, struct err *err)
{
    walk->done = true;
    if (walk->at.position == walk->end.position && !audit_tie_is(&walk->at, &walk->end))
        return broken(u, walk, NULL, "the end is not that of the head", err);
    if (walk->from != 0 || walk->to != 0)
        return true;

    const struct audit_org *loose = store_audit_loose(db_single(u->db), walk->org, u->mem, err);

    if (loose == NULL)
        return err->code == ERR_NONE;
    return broken(u, walk, loose->id, "an event is not chained, or its place in the queue is empty",
                  err);
}

/* One batch. */
static bool
step(struct unit *u, struct audit_walk *walk, struct err *err)
{
    const char *fault = NULL, *event = NULL;
    const struct list *links = store_audit_links(db_single(u->db), walk->org, walk->at.position,
                                                 walk->until, ROWS, u->mem, err);

    if (links == NULL)
        return false;
    for (size_t i = 0; i < links->n && fault == NULL; i++) {
        const struct audit_link *link = links->v[i];
        int64_t at = link->event.at;

        fault = fault_of(walk, link, &walk->at);
        event = link->position == walk->at.position + 1 ? link->event_id : NULL;
        walk->checked += fault == NULL && at >= walk->from && (walk->to == 0 || at <= walk->to);
    }
    if (fault == NULL && links->n == 0 && walk->at.position < walk->until)
        fault = "the end was cut off";
    if (fault != NULL) {
        bool moved;

        if (!purged(u, walk, &moved, err))
            return false;
        return moved || broken(u, walk, event, fault, err);
    }
    return walk->at.position < walk->until || finish(u, walk, err);
}

static bool
seal_all(struct unit *u, const char *org, struct err *err)
{
    bool more = true;

    for (int i = 0; more && i < SEAL_BATCHES; i++)
        if (!audit_seal_org(u, org, true, &more, err))
            return false;
    return true;
}

bool
audit_chain_walk(struct unit *u, const struct audit_filter *range, struct audit_walk *walk,
                 struct err *err)
{
    struct uuid uuid;

    *walk = (struct audit_walk){ .from = range->from, .to = range->to };
    if (!ids_uuid_read(range->org_id, &uuid))
        return err_set(err, ERR_VALIDATION_ERROR, "organizationId",
                       "organizationId must be a UUID.");
    ids_uuid_text(&uuid, walk->org);
    if (!seal_all(u, walk->org, err) || !begin(u, walk, err))
        return false;
    while (!walk->done)
        if (!step(u, walk, err))
            return false;
    return true;
}

/* The next organization; none left: the round is over. */
static bool
next_org(struct unit *u, struct audit_check *check, struct err *err)
{
    const char *last = check->walk.org[0] == '\0' ? NULL : check->walk.org;
    const struct audit_org *org = store_audit_orgs_next(db_single(u->db), last, u->mem, err);

    if (org == NULL && err->code != ERR_NONE)
        return false;
    if (org == NULL) {
        check->under_way = false;
        metrics_set(METRIC_AUDIT_CHAIN_INTEGRITY, check->found_broken ? 0 : 1);
        return true;
    }
    check->walk = (struct audit_walk){ 0 };
    memcpy(check->walk.org, org->id, strnlen(org->id, sizeof check->walk.org - 1));
    return begin(u, &check->walk, err);
}

static bool
walk_on(struct unit *u, struct audit_check *check, struct err *err)
{
    return step(u, &check->walk, err);
}

bool
audit_check_on(struct unit *u, struct audit_check *check, int64_t every_ms, struct err *err)
{
    int64_t until = clock_ms() + CHECK_MS;

    if (!check->under_way) {
        if (check->begun_ms != 0 && clock_ms() < check->begun_ms + every_ms)
            return true;
        *check =
            (struct audit_check){ .under_way = true, .begun_ms = clock_ms(), .walk.done = true };
    }
    while (check->under_way && clock_ms() < until) {
        if (!(check->walk.done ? next_org : walk_on)(u, check, err))
            return false;
        check->found_broken = check->found_broken || check->walk.broken;
    }
    return true;
}
