/* Agents as the data plane knows them: from the database into the cache. */
#include "domain/agents.h"

#include "base/clock.h"
#include "domain_priv.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { CREDENTIAL_MAX = 8192 };

static void
put_texts(struct cached_agent *agent, const struct agent_lane *lane)
{
    struct arena *mem = agent->mem;

    ids_uuid_text(&lane->id, agent->id_text);
    ids_uuid_text(&lane->org, agent->org_text);
    assert(strlen(lane->permanent_id) < sizeof agent->permanent_id);
    memcpy(agent->permanent_id, lane->permanent_id, strlen(lane->permanent_id) + 1);
    agent->key_header = arena_text(mem, lane->key_header);
    agent->key_scheme = arena_text(mem, lane->key_scheme);
    agent->version_header = arena_text(mem, lane->version_header);
    agent->version_value = arena_text(mem, lane->version_value);
    if (lane->endpoint_key_sealed.v != NULL) {
        unsigned char *copy = arena_alloc(mem, lane->endpoint_key_sealed.n);

        memcpy(copy, lane->endpoint_key_sealed.v, lane->endpoint_key_sealed.n);
        agent->key_sealed = (struct bytes){ copy, lane->endpoint_key_sealed.n };
    }
}

static bool
put_endpoint(const struct core *core, struct cached_agent *agent, struct bytes sealed,
             struct err *err)
{
    struct seal_place place = { agent->org_text, agent->id_text, SEAL_ENDPOINT_URL };
    struct err refused = { 0 };

    if (sealed.v == NULL)
        return true;

    const char *url = draft_open_text(core, &place, sealed, agent->mem, err);
    if (url == NULL)
        return false;
    agent->has_endpoint = true;
    agent->endpoint = out_url_read(core->guard, url, SEAL_ENDPOINT_URL, agent->mem, &refused);
    return true;
}

static struct cached_agent *
agent_of_lane(const struct core *core, const struct agent_lane *lane, struct err *err)
{
    static const struct uuid none;
    struct arena *mem = arena_new();
    struct cached_agent *agent = ARENA_NEW(mem, struct cached_agent);

    agent->mem = mem;
    agent->id = lane->id;
    agent->org = lane->org;
    agent->life = lane->life;
    agent->fallback = lane->fallback;
    agent->has_instances = lane->has_instances;
    agent->has_fallback = memcmp(&lane->fallback, &none, sizeof none) != 0;
    agent->loaded_ms = clock_ms();
    atomic_init(&agent->state, lane->state);
    atomic_init(&agent->never_seen, lane->never_seen);
    assert(lane->token_hash.n == sizeof agent->token_hash);
    memcpy(&agent->token_hash, lane->token_hash.v, sizeof agent->token_hash);
    put_texts(agent, lane);
    if (put_endpoint(core, agent, lane->endpoint_url_sealed, err))
        return agent;
    arena_free(mem);
    return NULL;
}

static struct cached_agent *
put(struct unit *u, const struct agent_lane *lane, unsigned long long ticket, struct err *err)
{
    if (lane == NULL)
        return NULL;

    struct cached_agent *agent = agent_of_lane(u->core, lane, err);

    return agent == NULL ? NULL : cache_put_agent(u->core->cache, agent, ticket);
}

struct cached_agent *
agents_load_by_token(struct unit *u, const struct digest *hash, struct err *err)
{
    unsigned long long ticket = cache_ticket(u->core->cache);

    return put(u, store_agents_lane_by_token(db_single(u->db), bytes_of_digest(hash), u->mem, err),
               ticket, err);
}

struct cached_agent *
agents_load(struct unit *u, const struct uuid *id, struct err *err)
{
    unsigned long long ticket = cache_ticket(u->core->cache);

    return put(u, store_agents_lane(db_single(u->db), id, u->mem, err), ticket, err);
}

static struct secret *
open_credential(const struct core *core, const struct cached_agent *agent, struct err *err)
{
    struct seal_place place = { agent->org_text, agent->id_text, SEAL_ENDPOINT_KEY };
    struct secret *key SECRET_SCOPED = seal_open(core->keys, &place, agent->key_sealed, err);
    struct secret *made = NULL;
    char line[CREDENTIAL_MAX];

    if (key == NULL)
        return NULL;
    int n = snprintf(line, sizeof line, "%s%s%s", agent->key_scheme,
                     agent->key_scheme[0] == '\0' ? "" : " ", secret_bytes(key));
    if (n > 0 && (size_t)n < sizeof line)
        made = secret_new(line, (size_t)n);
    else
        err_fault(err, ERR_INTERNAL_ERROR, "a stored endpoint key is too long");
    explicit_bzero(line, sizeof line);
    return made;
}

const struct secret *
agents_credential(const struct core *core, struct cached_agent *agent, struct err *err)
{
    struct secret *there = atomic_load(&agent->credential);

    if (there != NULL || agent->key_sealed.v == NULL)
        return there;
    struct secret *made = open_credential(core, agent, err);
    if (made == NULL || atomic_compare_exchange_strong(&agent->credential, &there, made))
        return made;
    /* Another thread was quicker. */
    secret_free(made);
    return there;
}
