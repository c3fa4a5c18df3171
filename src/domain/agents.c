/* Reading and listing agents. Registering is in agents_register.c, changes in agents_change.c. */
#include "domain/agents.h"

#include "domain/presence.h"
#include "domain_priv.h"

#include <ctype.h>
#include <string.h>

bool
agents_key_read(const char *ref, struct agent_key *key)
{
    struct uuid uuid;

    *key = (struct agent_key){ 0 };
    if (ids_uuid_read(ref, &uuid))
        key->uuid = ref;
    else if (ids_is_permanent(ref))
        key->permanent_id = ref;
    return key->uuid != NULL || key->permanent_id != NULL;
}

/* In lower case, each run of other characters as one hyphen. */
static char *
slug_of(const char *name, struct arena *mem)
{
    char *slug = arena_alloc(mem, strlen(name) + 1), *to = slug;

    for (; *name != '\0'; name++) {
        if (isalnum((unsigned char)*name))
            *to++ = (char)tolower((unsigned char)*name);
        else if (to == slug || to[-1] != '-')
            *to++ = '-';
    }
    return slug;
}

struct agent *
agents_draw(struct unit *u, struct agent_row *row, struct err *err)
{
    struct agent *agent = &row->agent;
    bool opened;

    agent->slug = slug_of(agent->draft.name, u->mem);
    agent->is_revoked = agent->life == LIFE_REVOKED;
    agent->is_archived = agent->life == LIFE_ARCHIVED;
    agent->is_disabled = agent->life == LIFE_DISABLED;
    presence_predict(u->core, &agent->presence);
    opened = draft_open(u, agent, SEAL_ENDPOINT_URL, agent->endpoint_url_sealed,
                        &agent->draft.endpoint_url, err) &&
             draft_open(u, agent, SEAL_WEBHOOK_URL, agent->webhook_url_sealed,
                        &agent->draft.webhook_url, err);
    return opened ? agent : NULL;
}

bool
agents_fallback(struct unit *u, struct db_tx *tx, const char *ref, const char *self,
                const char **id, struct err *err)
{
    struct agent_key key;
    struct agent_row *row = NULL;

    *id = NULL;
    if (ref == NULL)
        return true;
    if (agents_key_read(ref, &key))
        row = store_agents_find(tx, u->by->org_text, key, u->mem, err);
    if (err->code != ERR_NONE)
        return false;
    if (row == NULL)
        return err_set(err, ERR_VALIDATION_ERROR, "fallback_agent_id",
                       "There is no such agent in this organization.");
    if (self != NULL && strcmp(row->agent.id, self) == 0)
        return err_set(err, ERR_VALIDATION_ERROR, "fallback_agent_id",
                       "An agent cannot be its own fallback.");
    *id = row->agent.id;
    return true;
}

static struct agent_row *
find(struct unit *u, const char *ref, struct err *err)
{
    struct agent_key key;
    struct agent_row *row = NULL;

    if (agents_key_read(ref, &key))
        row = store_agents_find(db_single(u->db), u->by->org_text, key, u->mem, err);
    if (row == NULL && err->code == ERR_NONE)
        err_set(err, ERR_AGENT_NOT_FOUND, NULL, NULL);
    return row;
}

struct agent *
agents_get(struct unit *u, const char *ref, struct err *err)
{
    struct agent_row *row = find(u, ref, err);

    return row == NULL ? NULL : agents_draw(u, row, err);
}

struct agent *
agents_lock(struct unit *u, struct db_tx *tx, const char *ref, int64_t if_match, struct err *err)
{
    struct agent_key key;
    struct agent_row *row = NULL;

    if (agents_key_read(ref, &key))
        row = store_agents_lock(tx, u->by->org_text, key, u->mem, err);
    if (err->code != ERR_NONE)
        return NULL;
    if (row == NULL) {
        err_set(err, ERR_AGENT_NOT_FOUND, NULL, NULL);
        return NULL;
    }
    if (if_match != -1 && if_match != row->agent.row_version) {
        err_set(err, ERR_PRECONDITION_FAILED, NULL, NULL);
        err_fact_number(err, "current", row->agent.row_version);
        return NULL;
    }
    return agents_draw(u, row, err);
}

/* ---- lists ---- */

/* What a filter lets pass of the next rows in order. When these do not fill the page: all of it by
 * an index, if that is little. Planned each time anew: which index serves hangs on the filter. */
static struct agent_walk *
find_some(struct unit *u, const struct agent_search *s, struct err *err)
{
    const struct texts words = search_words(s->filter.q, u->mem);
    struct db_tx *tx DB_SCOPED = db_begin(u->db, err);

    if (tx == NULL || !store_agents_plan_each(tx, u->mem, err))
        return NULL;
    struct agent_walk *some = store_agents_walk(tx, s, &words, u->mem, err);
    if (some == NULL)
        return NULL;
    if (some->last.id != NULL && some->likely <= SEARCH_LIKELY_MOST &&
        (words.n > 0 || s->filter.task_category != NULL)) {
        struct agent_walk *all = store_agents_found(tx, s, u->mem, err);

        if (all == NULL)
            return NULL;
        if (all->likely <= AGENTS_FOUND)
            some = all;
    }
    return db_commit(tx, err) ? some : NULL;
}

/* A short page may have a next one: where the search goes on. */
static struct list *
read_filtered(struct unit *u, const struct agent_search *s, struct agent_after *next,
              struct err *err)
{
    struct agent_walk *some = find_some(u, s, err);
    size_t limit = (size_t)s->filter.limit;

    if (some == NULL)
        return NULL;
    *next = some->last;
    if (some->ids.n > limit) {
        *next = (struct agent_after){ some->edge_us, some->ids.v[limit - 1] };
        some->ids.n = limit;
    }
    if (some->ids.n == 0)
        return ARENA_NEW(u->mem, struct list);
    return store_agents_rows(db_single(u->db), s->org, &some->ids, u->mem, err);
}

static struct list *
read_all(struct unit *u, const struct agent_search *s, struct agent_after *next, struct err *err)
{
    int64_t limit = s->filter.limit;
    struct list *rows =
        store_agents_list(db_single(u->db), s->org, &s->after, limit + 1, u->mem, err);

    if (rows != NULL && rows->n > (size_t)limit) {
        const struct agent_row *last = rows->v[--rows->n - 1];

        *next = (struct agent_after){ last->created_us, last->agent.id };
    }
    return rows;
}

struct page *
agents_list(struct unit *u, const struct agent_filter *filter, struct err *err)
{
    struct page *page = ARENA_NEW(u->mem, struct page);
    struct agent_after next = { 0 };
    struct cursor cursor;

    if (!cursor_read(filter->cursor, 'a', true, &cursor, u->mem, err))
        return NULL;

    const struct agent_search s = { u->by->org_text, { cursor.number, cursor.id }, *filter };
    bool filtered = filter->q != NULL || filter->life != -1 || filter->status != -1 ||
                    filter->task_category != NULL;
    const struct list *rows = (filtered ? read_filtered : read_all)(u, &s, &next, err);
    if (rows == NULL)
        return NULL;
    for (size_t i = 0; i < rows->n; i++)
        if (agents_draw(u, rows->v[i], err) == NULL)
            return NULL;
    page->data = *rows;
    page->has_more = next.id != NULL;
    if (page->has_more) {
        cursor = (struct cursor){ next.created_us, next.id };
        page->next = cursor_write('a', &cursor, u->mem);
    }
    return page;
}
