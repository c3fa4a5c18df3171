/* Connections: who may call whom. */
#include "domain/links.h"

#include "base/clock.h"
#include "domain_priv.h"
#include "store/connections.h"
#include "store/networks.h"

#include <stdlib.h>
#include <string.h>

static const char default_network[] = "Default Network";

/* An end of a connection, held so that it is not revoked meanwhile; NULL with err. */
static const struct agent *
hold_end(struct unit *u, struct db_tx *tx, const char *ref, const char *field, struct err *err)
{
    struct agent_key key;
    struct agent_row *row = NULL;

    if (ref != NULL && agents_key_read(ref, &key))
        row = store_agents_share(tx, u->by->org_text, key, u->mem, err);
    if (err->code != ERR_NONE)
        return NULL;
    if (row == NULL) {
        err_set(err, ERR_VALIDATION_ERROR, field, "There is no such agent in this organization.");
        return NULL;
    }
    if (row->agent.life == LIFE_REVOKED) {
        err_set(err, ERR_AGENT_STATE, field, "A revoked agent cannot be connected.");
        return NULL;
    }
    return &row->agent;
}

/* Someone else may make it at the same moment: what counts is who is found afterwards. */
static const struct network_row *
get_default_network(struct unit *u, struct db_tx *tx, struct err *err)
{
    const char *org = u->by->org_text;
    const struct network_row *row =
        store_networks_find_by_name(tx, org, default_network, u->mem, err);

    if (row != NULL || err->code != ERR_NONE)
        return row;
    if (!store_networks_insert(tx, ids_uuid(u->mem), org, default_network, u->mem, err))
        return NULL;
    row = store_networks_find_by_name(tx, org, default_network, u->mem, err);
    if (row == NULL && err->code == ERR_NONE)
        err_fault(err, ERR_INTERNAL_ERROR, "the default network is gone");
    return row;
}

static const struct network_row *
get_network(struct unit *u, struct db_tx *tx, const char *id, struct err *err)
{
    const struct network_row *row = NULL;
    struct uuid uuid;

    if (id == NULL)
        return get_default_network(u, tx, err);
    if (ids_uuid_read(id, &uuid))
        row = store_networks_find(tx, u->by->org_text, id, u->mem, err);
    if (row == NULL && err->code == ERR_NONE)
        err_set(err, ERR_VALIDATION_ERROR, "network_id",
                "There is no such network in this organization.");
    return row;
}

/* Fills in both ends and the network. */
static bool
put_ends(struct unit *u, struct db_tx *tx, const struct connection_draft *draft,
         struct connection *fresh, struct err *err)
{
    const struct agent *source = hold_end(u, tx, draft->source_agent_id, "source_agent_id", err);
    if (source == NULL)
        return false;
    const struct agent *target = hold_end(u, tx, draft->target_agent_id, "target_agent_id", err);
    if (target == NULL)
        return false;
    if (strcmp(source->id, target->id) == 0)
        return err_set(err, ERR_VALIDATION_ERROR, "target_agent_id",
                       "An agent cannot be connected to itself.");
    const struct network_row *network = get_network(u, tx, draft->network_id, err);
    if (network == NULL)
        return false;
    fresh->source_agent_id = source->id;
    fresh->target_agent_id = target->id;
    fresh->network_id = network->id;
    return true;
}

struct connection *
links_create(struct unit *u, const struct connection_draft *draft, struct err *err)
{
    struct connection fresh = { .id = ids_uuid(u->mem),
                                .org_id = u->by->org_text,
                                .group_name = draft->group_name,
                                .allow_paths = draft->allow_paths };
    struct db_tx *tx DB_SCOPED = db_begin(u->db, err);

    if (tx == NULL || !put_ends(u, tx, draft, &fresh, err))
        return NULL;

    struct connection_row *row = store_connections_insert(tx, &fresh, u->mem, err);

    return row != NULL && db_commit(tx, err) ? &row->connection : NULL;
}

struct connection *
links_get(struct unit *u, const char *id, struct err *err)
{
    struct connection_row *row = NULL;
    struct uuid uuid;

    if (ids_uuid_read(id, &uuid))
        row = store_connections_find(db_single(u->db), u->by->org_text, id, u->mem, err);
    if (row != NULL)
        return &row->connection;
    if (err->code == ERR_NONE)
        err_set(err, ERR_CONNECTION_NOT_FOUND, NULL, NULL);
    return NULL;
}

/* The agent that a list is about, as a UUID. One that is not there has no connections: NULL in
 * *id and true. */
static bool
resolve(struct unit *u, const char *ref, const char **id, struct err *err)
{
    struct agent_key key;

    *id = NULL;
    if (!agents_key_read(ref, &key))
        return err_set(err, ERR_VALIDATION_ERROR, "agent_id", "This is no id of an agent.");

    const struct agent_row *row =
        store_agents_find(db_single(u->db), u->by->org_text, key, u->mem, err);

    if (row != NULL)
        *id = row->agent.id;
    return err->code == ERR_NONE;
}

struct page *
links_list(struct unit *u, const struct connection_filter *filter, struct err *err)
{
    struct connection_filter more = *filter;
    struct cursor cursor;

    more.limit = filter->limit + 1;
    if (!cursor_read(filter->cursor, 'c', true, &cursor, u->mem, err))
        return NULL;
    if (filter->agent_id != NULL) {
        if (!resolve(u, filter->agent_id, &more.agent_id, err))
            return NULL;
        if (more.agent_id == NULL)
            return ARENA_NEW(u->mem, struct page);
    }

    const struct connection_after after = { cursor.number, cursor.id };
    const struct list *rows =
        store_connections_list(db_single(u->db), u->by->org_text, &more, &after, u->mem, err);
    if (rows == NULL)
        return NULL;

    struct page *page = cursor_page(rows, filter->limit, u->mem);
    if (page->has_more) {
        const struct connection_row *last = page->data.v[page->data.n - 1];

        cursor = (struct cursor){ last->created_us, last->connection.id };
        page->next = cursor_write('c', &cursor, u->mem);
    }
    return page;
}

bool
links_delete(struct unit *u, const char *id, struct err *err)
{
    struct uuid *uuid = ARENA_NEW(u->mem, struct uuid);
    if (!ids_uuid_read(id, uuid))
        return err_set(err, ERR_CONNECTION_NOT_FOUND, NULL, NULL);

    struct db_tx *tx DB_SCOPED = db_begin(u->db, err);
    if (tx == NULL)
        return false;

    long n = store_connections_delete(tx, u->by->org_text, id, u->mem, err);
    if (n == 0)
        return err_set(err, ERR_CONNECTION_NOT_FOUND, NULL, NULL);
    return n > 0 && hints_forget(u, tx, HINT_CONNECTION, uuid, 1, err) && db_commit(tx, err);
}

struct cached_connection *
links_load(struct unit *u, const struct uuid *id, struct err *err)
{
    unsigned long long ticket = cache_ticket(u->core->cache);
    const struct connection_lane *lane = store_connections_lane(db_single(u->db), id, u->mem, err);

    if (lane == NULL)
        return NULL;

    struct cached_connection *connection = must(calloc(1, sizeof *connection));
    connection->id = lane->id;
    connection->org = lane->org;
    connection->source = lane->source;
    connection->target = lane->target;
    connection->allow_paths = lane->allow_paths;
    connection->loaded_ms = clock_ms();
    return cache_put_connection(u->core->cache, connection, ticket);
}
