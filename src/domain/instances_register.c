/* How an instance registers. Rows are taken in one order, so that registrations, disallowed types
 * and signs of life do not wait for each other in a circle: the line of the list of types, the
 * instance, the organization (when an agent is made), the agent, the state of the instance. */
#include "instances_priv.h"
#include "store/identities.h"

#include <stdio.h>
#include <string.h>

enum { PERMANENT_TRIES = 5, INSERT_TRIES = 3 };

/* A registration under way. */
struct registering {
    struct unit *u;
    struct db_tx *tx;
    const struct instance_draft *draft;
    const char *dispatch_url;
    const struct type_row *type;      /* NULL: the type is new              */
    const char *type_name;            /* as the list of types has it        */
    bool flagged;                     /* admitted although it is not listed */
    const struct instance_held *held; /* NULL: the instance is new          */
    struct instance_row row;
};

/* ---- its URL ---- */

struct out_url *
instances_card_url(struct unit *u, const struct instance_draft *draft, struct err *err)
{
    static const char card_path[] = "/.well-known/agent-card.json";
    size_t n = strlen(draft->url);

    if (strchr(draft->url, '?') != NULL) {
        err_set(err, ERR_VALIDATION_ERROR, "url", "url: must not have a query.");
        return NULL;
    }
    if (out_url_read(u->core->guard, draft->url, "url", u->mem, err) == NULL)
        return NULL;
    while (n > 0 && draft->url[n - 1] == '/')
        n--;
    return out_url_read(u->core->guard,
                        arena_printf(u->mem, "%.*s%s", (int)n, draft->url, card_path), "url",
                        u->mem, err);
}

const char *
instances_dispatch_url(struct unit *u, const struct instance_draft *draft, const char *card_url)
{
    struct err refused = { 0 };
    const struct out_url *own = out_url_read(u->core->guard, draft->url, "url", u->mem, &refused);
    const struct out_url *said =
        own == NULL ? NULL : out_url_read(u->core->guard, card_url, "url", u->mem, &refused);

    return said != NULL && said->https == own->https && said->port == own->port &&
                   strcmp(said->host, own->host) == 0
               ? card_url
               : NULL;
}

static bool
seal_text(const struct registering *r, const char *column, const char *text, struct bytes *sealed,
          struct err *err)
{
    const struct seal_place place = { r->row.org_id, r->row.id, column };

    *sealed = (struct bytes){ NULL, 0 };
    if (text == NULL)
        return true;
    *sealed = seal(r->u->core->keys, &place, text, strlen(text), r->u->mem, err);
    return sealed->v != NULL;
}

/* ---- whether it may ---- */

static bool
find_type(struct registering *r, enum type_hold hold, struct err *err)
{
    bool is_id;
    const struct type_key key = types_key(r->draft->agent_type, &is_id);

    r->type = store_types_find(r->tx, r->u->by->org_text, &key, hold, r->u->mem, err);
    if (err->code != ERR_NONE)
        return false;
    if (r->type == NULL && is_id)
        return err_set(err, ERR_VALIDATION_ERROR, "agent_type",
                       "agent_type: there is no such agent in this organization.");
    if (r->type != NULL && r->type->life != LIFE_ACTIVE)
        return err_set(err, ERR_AGENT_NOT_ACTIVE, "agent_type", NULL);
    r->type_name = r->type == NULL ? r->draft->agent_type : r->type->name;
    return true;
}

/* The line of the list is held only when the list decides: nobody may disallow a type and count
 * its instances while one comes. */
static bool
check_policy(struct registering *r, bool change, struct err *err)
{
    struct unit *u = r->u;
    const char *org = u->by->org_text;
    bool allowed = true;
    int mode = store_types_policy(r->tx, org, u->mem, err);

    if (err->code != ERR_NONE)
        return false;
    if (mode == POLICY_OPEN)
        return !change || store_types_allow(r->tx, org, r->type_name, u->mem, err) >= 0;
    if (!store_types_is_allowed(r->tx, org, r->type_name, &allowed, u->mem, err))
        return false;
    if (mode == POLICY_ALLOW_LIST && !allowed)
        return err_set(err, ERR_AGENT_TYPE_NOT_ALLOWED, "agent_type", NULL);
    r->flagged = !allowed;
    return true;
}

static bool
check_owner(const struct registering *r, struct err *err)
{
    return r->held == NULL || strcmp(r->held->org_id, r->u->by->org_text) == 0 ||
           err_set(err, ERR_TENANT_MISMATCH, "instance_id", NULL);
}

static bool
find_held(struct registering *r, bool lock, struct err *err)
{
    r->held = store_instances_hold(r->tx, r->draft->instance_id, lock, r->u->mem, err);
    return err->code == ERR_NONE && check_owner(r, err);
}

/* A new secret needs a new name for it: else a half-done rotation would not be noticed. */
static bool
check_secret(struct registering *r, bool *same, struct err *err)
{
    const struct instance_held *held = r->held;
    const struct instance_draft *d = r->draft;
    const struct seal_place place = { held->org_id, held->id, SEAL_DISPATCH_SECRET };

    *same = false;
    if (d->scheme != SCHEME_SECRET || held->scheme != SCHEME_SECRET ||
        held->secret_sealed.v == NULL)
        return true;

    struct secret *before SECRET_SCOPED =
        seal_open(r->u->core->keys, &place, held->secret_sealed, err);
    if (before == NULL)
        return false;
    const struct digest old = hash_sha256(secret_bytes(before), secret_size(before));
    const struct digest new = hash_sha256(d->secret, strlen(d->secret));
    const char *was = held->credentials_ref == NULL ? "" : held->credentials_ref;

    *same = hash_equal(&old, &new);
    return *same || strcmp(was, d->credentials_ref == NULL ? "" : d->credentials_ref) != 0 ||
           err_set(err, ERR_CREDENTIALS_REF_REUSED, "dispatch_auth.credentials_ref", NULL);
}

static bool
check_held(struct registering *r, bool *same_secret, struct err *err)
{
    const struct instance_held *held = r->held;

    *same_secret = false;
    if (held == NULL)
        return true;

    bool same_agent = r->type != NULL && strcmp(held->agent_id, r->type->id) == 0;

    if (!same_agent && held->life == LIFE_REVOKED)
        return true;
    if (held->mode != r->draft->mode) {
        err_set(err, ERR_DEPLOYMENT_MODE_MISMATCH, NULL, NULL);
        err_fact_text(err, "deployment_mode", instance_mode_words[held->mode]);
        return false;
    }
    if (!same_agent)
        return err_set(err, ERR_VALIDATION_ERROR, "agent_type",
                       "agent_type: this instance is registered as one of another type; "
                       "deregister it first.");
    return check_secret(r, same_secret, err);
}

static bool
check_url(struct unit *u, const struct instance_draft *draft, struct err *err)
{
    return draft->mode != MODE_HOSTED || instances_card_url(u, draft, err) != NULL;
}

bool
instances_check(struct unit *u, const struct instance_draft *draft, struct err *err)
{
    struct registering r = { .u = u, .tx = db_single(u->db), .draft = draft };
    bool same;

    return check_url(u, draft, err) && find_held(&r, false, err) && find_type(&r, TYPE_READ, err) &&
           check_policy(&r, false, err) && check_held(&r, &same, err);
}

/* ---- its agent ---- */

static bool
is_full(struct registering *r, int64_t most, struct err *err)
{
    int64_t current = store_identities_count_living(r->tx, r->u->by->org_text, r->u->mem, err);

    if (current < most)
        return false;
    err_setf(err, ERR_TIER_LIMIT_EXCEEDED, NULL,
             "This organization has its %lld agents: no new type can be made.", (long long)most);
    err_fact_number(err, "limit", most);
    err_fact_number(err, "current", current);
    return true;
}

static bool
insert_agent(struct registering *r, int64_t most, struct err *err)
{
    struct unit *u = r->u;
    /* Its agent token is nobody's until the owner asks for one. */
    struct token token = token_new(TOKEN_AGENT, u->mem);
    struct type_new fresh = { .id = ids_uuid(u->mem),
                              .org_id = u->by->org_text,
                              .type = r->draft->agent_type,
                              .token_hint = token.hint,
                              .token_hash = bytes_of_digest(&token.hash),
                              .max_agents = most };
    const struct audit_entry entry = { .org_id = fresh.org_id,
                                       .agent_id = fresh.id,
                                       .metadata = "{\"origin\":\"mesh\"}" };

    for (int i = 0; i < PERMANENT_TRIES && r->type == NULL; i++) {
        fresh.permanent_id = ids_permanent(u->mem);
        r->type = store_types_insert(r->tx, &fresh, u->mem, err);
        if (r->type == NULL && (err->code != ERR_NONE || is_full(r, most, err)))
            return false;
    }
    if (r->type == NULL)
        return err->code == ERR_NONE &&
               err_fault(err, ERR_INTERNAL_ERROR, "no free permanent id in %d tries",
                         PERMANENT_TRIES);
    return instances_tell(u, r->tx, AUDIT_AGENT_CREATED, &entry, err);
}

/* Held, so that it stays active meanwhile; made when it is new, by one registration at a time. */
static bool
hold_agent(struct registering *r, struct err *err)
{
    enum type_hold hold = r->draft->mcp_servers == NULL ? TYPE_SHARE : TYPE_LOCK;

    if (r->type != NULL)
        return find_type(r, hold, err);

    const struct org_caps *caps = store_identities_caps(r->tx, r->u->by->org_text, r->u->mem, err);
    if (caps == NULL)
        return err->code == ERR_NONE && err_set(err, ERR_UNAUTHORIZED, "Authorization", NULL);
    return find_type(r, hold, err) && (r->type != NULL || insert_agent(r, caps->max_agents, err));
}

/* ---- storing ---- */

/* An HS256 key that was stored for the instance stays while it is checked by JWT. */
static bool
put_secrets(struct registering *r, bool same_secret, struct err *err)
{
    const struct instance_draft *d = r->draft;
    bool keeps =
        r->held != NULL && r->held->scheme == d->scheme && (d->scheme == SCHEME_JWT || same_secret);

    if (!seal_text(r, SEAL_INSTANCE_URL, d->mode == MODE_HOSTED ? d->url : NULL, &r->row.url_sealed,
                   err) ||
        !seal_text(r, SEAL_DISPATCH_URL, r->dispatch_url, &r->row.dispatch_url_sealed, err))
        return false;
    if (keeps) {
        r->row.secret_sealed = r->held->secret_sealed;
        return true;
    }
    return seal_text(r, SEAL_DISPATCH_SECRET, d->secret, &r->row.secret_sealed, err);
}

/* *taken: someone else has registered it meanwhile. */
static bool
insert(struct registering *r, bool *taken, struct err *err)
{
    struct unit *u = r->u;
    struct uuid *agent = ARENA_NEW(u->mem, struct uuid);

    r->row.id = ids_uuid(u->mem);
    if (!put_secrets(r, false, err))
        return false;

    const struct instance_made *made = store_instances_insert(r->tx, &r->row, u->mem, err);

    *taken = made == NULL && err->code == ERR_NONE;
    if (made == NULL || !ids_uuid_read(r->row.agent_id, agent))
        return *taken;
    return !made->first || hints_forget(u, r->tx, HINT_AGENT, agent, 1, err);
}

/* What is registered as one of a revoked agent is as good as gone. */
static bool
drop_orphan(struct registering *r, struct err *err)
{
    const struct instance_gone *gone =
        store_instances_delete(r->tx, r->held->org_id, r->draft->instance_id, NULL, r->u->mem, err);
    struct uuid *id = ARENA_NEW(r->u->mem, struct uuid);

    r->held = NULL;
    if (gone == NULL)
        return err->code == ERR_NONE;
    *id = gone->id;
    return hints_forget(r->u, r->tx, HINT_INSTANCE, id, 1, err);
}

static bool
store(struct registering *r, bool *taken, struct err *err)
{
    bool same_secret = false;

    *taken = false;
    /* Who was faster may have made the type as well. */
    if (!find_held(r, true, err) ||
        (r->held != NULL && r->type == NULL && !find_type(r, TYPE_READ, err)) ||
        !check_held(r, &same_secret, err) || !hold_agent(r, err))
        return false;
    r->row.org_id = r->u->by->org_text;
    r->row.agent_id = r->type->id;
    r->row.draft = r->draft;
    if (r->held != NULL && strcmp(r->held->agent_id, r->type->id) != 0 && !drop_orphan(r, err))
        return false;
    if (r->held == NULL)
        return insert(r, taken, err);
    r->row.id = r->held->id;
    return put_secrets(r, same_secret, err) &&
           store_instances_update(r->tx, &r->row, r->u->mem, err);
}

static bool
tell(struct registering *r, struct err *err)
{
    struct unit *u = r->u;
    const char *names = arena_printf(u->mem, "\"instanceId\":\"%s\",\"agentType\":\"%s\"",
                                     r->draft->instance_id, r->type_name);
    struct audit_entry entry = {
        .org_id = u->by->org_text,
        .agent_id = r->type->id,
        .metadata =
            arena_printf(u->mem, "{%s,\"again\":%s}", names, r->held == NULL ? "false" : "true"),
    };

    if (!instances_tell(u, r->tx, AUDIT_INSTANCE_REGISTERED, &entry, err))
        return false;
    entry.metadata = arena_printf(u->mem, "{%s}", names);
    return !r->flagged || instances_tell(u, r->tx, AUDIT_REGISTRATION_FLAGGED, &entry, err);
}

/* ---- the answer ---- */

/* The socket is at the address that tokens name as their issuer, by ws instead of http. */
static const char *
connect_url(struct unit *u, const char *instance_id)
{
    char *id = arena_alloc(u->mem, 3 * strlen(instance_id) + 1), *to = id;

    for (const char *c = instance_id; *c != '\0'; c++)
        if (strchr("._-", *c) != NULL || (*c != ':' && strchr("%/?#", *c) == NULL))
            *to++ = *c;
        else
            to += snprintf(to, 4, "%%%02X", (unsigned char)*c);
    /* "http" in front becomes "ws". */
    return arena_printf(u->mem, "ws%s/agents/connect?instance_id=%s", u->core->issuer + 4, id);
}

static struct instance_registered *
answer(const struct registering *r)
{
    struct unit *u = r->u;
    const struct instance_draft *d = r->draft;
    struct instance_registered *done = ARENA_NEW(u->mem, struct instance_registered);

    *done = (struct instance_registered){
        .org_id = u->by->org_text,
        .instance_id = d->instance_id,
        .mode = d->mode,
        .connect_url = d->mode == MODE_HOSTED ? NULL : connect_url(u, d->instance_id),
        .jwks_url = d->scheme != SCHEME_JWT
                        ? NULL
                        : arena_printf(u->mem, "%s/.well-known/jwks.json", u->core->issuer),
        .scheme = d->scheme,
        .auth_required = d->auth_required,
        .credentials_ref = d->credentials_ref,
    };
    return done;
}

struct instance_registered *
instances_register(struct unit *u, const struct instance_draft *draft, const char *dispatch_url,
                   struct err *err)
{
    struct registering r = { .u = u, .draft = draft, .dispatch_url = dispatch_url };
    bool taken = true;
    struct db_tx *tx DB_SCOPED = db_begin(u->db, err);
    if (tx == NULL || !check_url(u, draft, err))
        return NULL;

    r.tx = tx;
    if (!find_held(&r, false, err) || !find_type(&r, TYPE_READ, err) ||
        !check_policy(&r, true, err))
        return NULL;
    for (int i = 0; i < INSERT_TRIES && taken; i++)
        if (!store(&r, &taken, err))
            return NULL;
    if (taken) {
        err_fault(err, ERR_INTERNAL_ERROR, "an instance comes and goes");
        return NULL;
    }
    if (draft->mcp_servers != NULL &&
        !store_types_set_mcp(tx, r.type->id, draft->mcp_servers, u->mem, err))
        return NULL;
    return tell(&r, err) && db_commit(tx, err) ? answer(&r) : NULL;
}
