/* What ties the events of an organization together: chaining them in the order of their writing,
 * purging the oldest. The head of each chain carries a MAC under the master key. Recomputing is in
 * audit_verify.c. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "domain/audit.h"
#include "domain_priv.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum {
    SEAL_ROWS = 1000,  /* events chained by one transaction  */
    PURGE_ROWS = 2000, /* events purged by one transaction   */
    ORGS = 100,        /* organizations asked for at once    */
    SEAL_MS = 500,
    PURGE_MS = 1000,
};

struct digest
audit_hash(const struct audit_event *event, const char *previous)
{
    char text[320], at[CLOCK_TEXT_SIZE];
    int n = snprintf(text, sizeof text, "%s%s%s%s%s%s%s", event->id, clock_text(event->at, at),
                     audit_action_names[event->action],
                     audit_outcome_names[event->failed ? OUTCOME_FAILURE : OUTCOME_SUCCESS],
                     event->agent_id == NULL ? "" : event->agent_id, event->org_id, previous);

    assert(n > 0 && (size_t)n < sizeof text);
    return hash_sha256(text, (size_t)n);
}

static void
put_part(struct buf *buf, const char *text)
{
    buf_printf(buf, "%zu:", strlen(text));
    buf_text(buf, text);
}

/* The documented hash leaves address, user agent and metadata out; this one has them. */
static struct digest
whole_of(const struct audit_event *event, const struct audit_tie *previous,
         const struct digest *hash)
{
    struct buf buf;

    buf_init(&buf, 0);
    buf_put(&buf, previous->whole.b, previous->n);
    buf_put(&buf, hash->b, sizeof hash->b);
    put_part(&buf, event->ip);
    put_part(&buf, event->user_agent);
    put_part(&buf, event->metadata);

    struct digest whole = hash_sha256(buf_bytes(&buf), buf_size(&buf));

    buf_done(&buf);
    return whole;
}

bool
audit_tie_next(struct audit_tie *tie, const struct audit_event *event)
{
    char previous[65] = "";
    struct audit_tie next = { tie->position + 1, sizeof next.hash.b, { { 0 } }, { { 0 } } };

    if (event->action < 0 || event->action > AUDIT_AUTH_FAILED)
        return false;
    ids_hex(tie->hash.b, tie->n, previous);
    next.hash = audit_hash(event, previous);
    next.whole = whole_of(event, tie, &next.hash);
    *tie = next;
    return true;
}

struct audit_tie
audit_tie_of(int64_t position, struct bytes hash, struct bytes whole)
{
    struct audit_tie tie = { .position = position };

    if (hash.n == sizeof tie.hash.b && whole.n == sizeof tie.whole.b) {
        tie.n = hash.n;
        memcpy(tie.hash.b, hash.v, hash.n);
        memcpy(tie.whole.b, whole.v, whole.n);
    }
    return tie;
}

bool
audit_tie_is(const struct audit_tie *tie, const struct audit_tie *other)
{
    return tie->position == other->position && tie->n == other->n &&
           hash_equal(&tie->hash, &other->hash) && hash_equal(&tie->whole, &other->whole);
}

static struct bytes
bytes_of(const struct digest *digest, size_t n)
{
    return (struct bytes){ digest->b, n };
}

/* All of a head but its MAC, as text. */
static char *
head_text(const struct audit_head *head, struct arena *mem)
{
    const struct bytes parts[] = { head->hash, head->whole, head->anchor_hash, head->anchor_whole };
    const char *hex[COUNT(parts)];

    for (size_t i = 0; i < COUNT(parts); i++)
        hex[i] = ids_hex(parts[i].v, parts[i].n, arena_alloc(mem, 2 * parts[i].n + 1));
    return arena_printf(mem, "%lld %s %s %lld %s %s", (long long)head->position, hex[0], hex[1],
                        (long long)head->anchor_position, hex[2], hex[3]);
}

static struct seal_place
place_of(const struct audit_head *head)
{
    return (struct seal_place){ head->org_id, "audit_heads", "mac" };
}

static struct bytes
mac_of(struct unit *u, const struct audit_head *head)
{
    const char *text = head_text(head, u->mem);
    struct seal_place place = place_of(head);

    return seal_mac(u->core->keys, &place, text, strlen(text), u->mem);
}

bool
audit_head_holds(struct unit *u, const struct audit_head *head)
{
    const char *text = head_text(head, u->mem);
    struct seal_place place = place_of(head);

    return seal_mac_holds(u->core->keys, &place, text, strlen(text), head->mac);
}

/* The head, held; fresh when the organization has none. NULL with err unset: another node has it
 * (unless wait), or it was tampered with. */
static struct audit_head *
head_take(struct unit *u, struct db_tx *tx, const char *org, bool wait, struct err *err)
{
    struct audit_head *head = store_audit_head_lock(tx, org, wait, u->mem, err);

    if (head == NULL && err->code == ERR_NONE) {
        head = store_audit_head_make(tx, org, u->mem, err);
        if (head != NULL || err->code != ERR_NONE)
            return head;
        head = store_audit_head_lock(tx, org, wait, u->mem, err);
    }
    if (head == NULL || audit_head_holds(u, head))
        return head;
    metrics_set(METRIC_AUDIT_CHAIN_INTEGRITY, 0);
    return NULL;
}

/* Begins a transaction with the head held; NULL with err unset as head_take. */
static struct audit_head *
begin(struct unit *u, struct db_tx **tx, const char *org, bool wait, struct err *err)
{
    *tx = db_begin(u->db, err);
    return *tx == NULL ? NULL : head_take(u, *tx, org, wait, err);
}

static struct audit_links *
links_of(struct unit *u, const struct list *events, struct audit_tie *tie)
{
    struct audit_links *links = ARENA_NEW(u->mem, struct audit_links);
    const size_t n = events->n, hex = 2 * sizeof tie->hash.b + 1;
    const char **texts = arena_alloc(u->mem, 3 * n * sizeof *texts);

    links->positions = arena_alloc(u->mem, n * sizeof *links->positions);
    links->seqs = arena_alloc(u->mem, n * sizeof *links->seqs);
    links->events.v = texts;
    links->hashes.v = texts + n;
    links->wholes.v = texts + 2 * n;
    for (; links->n < n; links->n++) {
        const struct audit_event *event = events->v[links->n];

        if (!audit_tie_next(tie, event))
            break;
        links->positions[links->n] = tie->position;
        links->seqs[links->n] = event->seq;
        links->events.v[links->n] = event->id;
        links->hashes.v[links->n] = ids_hex(tie->hash.b, tie->n, arena_alloc(u->mem, hex));
        links->wholes.v[links->n] = ids_hex(tie->whole.b, tie->n, arena_alloc(u->mem, hex));
    }
    links->events.n = links->hashes.n = links->wholes.n = links->n;
    return links;
}

bool
audit_seal_org(struct unit *u, const char *org, bool wait, bool *more, struct err *err)
{
    struct db_tx *tx DB_SCOPED = NULL;
    struct audit_head *head = begin(u, &tx, org, wait, err);

    *more = false;
    if (head == NULL)
        return err->code == ERR_NONE;
    const struct list *events = store_audit_pending(tx, org, SEAL_ROWS, u->mem, err);
    if (events == NULL)
        return false;

    struct audit_tie tie = audit_tie_of(head->position, head->hash, head->whole);
    const struct audit_links *links = links_of(u, events, &tie);
    if (links->n == 0)
        return true;
    head->position = tie.position;
    head->hash = bytes_of(&tie.hash, tie.n);
    head->whole = bytes_of(&tie.whole, tie.n);
    head->mac = mac_of(u, head);
    *more = links->n == SEAL_ROWS;
    return store_audit_chain_extend(tx, head, links, u->mem, err) && db_commit(tx, err);
}

typedef struct list *orgs_fn(struct unit *u, const char *after, struct err *err);
typedef bool org_fn(struct unit *u, const char *org, bool *more, struct err *err);

/* Does something for one organization after another, until the time is up. */
static bool
each_org(struct unit *u, int64_t ms, orgs_fn *next, org_fn *act, struct err *err)
{
    int64_t until = clock_ms() + ms;
    const char *after = NULL;
    const struct list *orgs;

    do {
        orgs = next(u, after, err);
        if (orgs == NULL)
            return false;
        for (size_t i = 0; i < orgs->n; i++) {
            bool more = true;

            after = ((const struct audit_org *)orgs->v[i])->id;
            while (more && clock_ms() < until)
                if (!act(u, after, &more, err))
                    return false;
        }
    } while (orgs->n == ORGS && clock_ms() < until);
    return true;
}

static struct list *
orgs_pending(struct unit *u, const char *after, struct err *err)
{
    return store_audit_orgs_pending(db_single(u->db), after, ORGS, u->mem, err);
}

static bool
seal_org(struct unit *u, const char *org, bool *more, struct err *err)
{
    return audit_seal_org(u, org, false, more, err);
}

bool
audit_seal(struct unit *u, struct err *err)
{
    return each_org(u, SEAL_MS, orgs_pending, seal_org, err);
}

/* The last of the links that may go: old, and fitting its chain. */
static struct audit_tie
last_old(const struct audit_head *head, const struct list *links, int64_t kept_ms)
{
    struct audit_tie last =
        audit_tie_of(head->anchor_position, head->anchor_hash, head->anchor_whole);

    for (size_t i = 0; i < links->n; i++) {
        const struct audit_link *link = links->v[i];
        struct audit_tie next = last, said = audit_tie_of(link->position, link->hash, link->whole);

        if (link->event.id == NULL || link->event.at >= head->now - kept_ms ||
            !audit_tie_next(&next, &link->event) || !audit_tie_is(&next, &said))
            break;
        last = next;
    }
    return last;
}

static bool
purge_org(struct unit *u, const char *org, bool *more, struct err *err)
{
    struct db_tx *tx DB_SCOPED = NULL;
    struct audit_head *head = begin(u, &tx, org, false, err);

    *more = false;
    if (head == NULL)
        return err->code == ERR_NONE;
    int64_t anchor = head->anchor_position;
    const struct list *links =
        store_audit_links(tx, org, anchor, head->position, PURGE_ROWS, u->mem, err);
    if (links == NULL)
        return false;

    struct audit_tie last = last_old(head, links, u->core->audit_kept_ms);
    if (last.position == anchor)
        return true;
    head->anchor_position = last.position;
    head->anchor_hash = bytes_of(&last.hash, last.n);
    head->anchor_whole = bytes_of(&last.whole, last.n);
    head->mac = mac_of(u, head);
    *more = last.position == anchor + PURGE_ROWS;
    return store_audit_chain_purge(tx, head, u->mem, err) && db_commit(tx, err);
}

static struct list *
orgs_old(struct unit *u, const char *after, struct err *err)
{
    return store_audit_orgs_old(db_single(u->db), after, u->core->audit_kept_ms, ORGS, u->mem, err);
}

bool
audit_purge(struct unit *u, struct err *err)
{
    return each_org(u, PURGE_MS, orgs_old, purge_org, err);
}
