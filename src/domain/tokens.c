/* Access tokens: issued, told about, revoked. How they are checked on requests: access.c. */
#include "domain/tokens.h"

#include "base/clock.h"
#include "domain/access.h"
#include "domain/audit.h"
#include "domain/identities.h"
#include "domain/keys.h"
#include "domain/signing.h"
#include "domain_priv.h"
#include "model/scope.h"
#include "store/identities.h"
#include "store/orgs.h"
#include "store/revoked_tokens.h"
#include "store/token_counts.h"

#include <string.h>

/* ---- what is asked for ---- */

static unsigned
scope_of_word(const char *text, size_t n)
{
    for (unsigned i = 0; i < SCOPE_COUNT; i++)
        if (strlen(scope_names[i]) == n && memcmp(scope_names[i], text, n) == 0)
            return 1u << i;
    return 0;
}

/* Words with one space between (RFC 6749, section 3.3). */
static bool
read_scope(const char *text, unsigned *scopes, struct err *err)
{
    *scopes = 0;
    for (const char *at = text;; at++) {
        size_t n = strcspn(at, " ");
        unsigned scope = scope_of_word(at, n);

        if (scope == 0)
            return err_set(err, ERR_INVALID_SCOPE, "scope", "There is a word that is no scope.");
        *scopes |= scope;
        at += n;
        if (*at == '\0')
            return true;
    }
}

static bool
check_request(const struct unit *u, const struct token_request *want, unsigned *scopes,
              struct err *err)
{
    if (want->grant_type == NULL)
        return err_set(err, ERR_VALIDATION_ERROR, "grant_type", "grant_type is required.");
    if (want->proof.id == NULL)
        return err_set(err, ERR_VALIDATION_ERROR, "client_id",
                       "The client must authenticate: by Basic, or by client_id and "
                       "client_secret in the body.");
    if (want->proof.secret == NULL)
        return err_set(err, ERR_VALIDATION_ERROR, "client_secret", "client_secret is required.");
    if (strcmp(want->grant_type, "client_credentials") != 0)
        return err_set(err, ERR_UNSUPPORTED_GRANT_TYPE, "grant_type", NULL);
    /* Leaving it out never makes an operator of anyone (contract decision 3). */
    *scopes = 0;
    if (want->scope != NULL && !read_scope(want->scope, scopes, err))
        return false;
    return want->resource == NULL || access_is_ours(u, want->resource) ||
           err_set(err, ERR_INVALID_TARGET, "resource", NULL);
}

static bool
choose_scopes(const struct client_row *client, unsigned *scopes, struct err *err)
{
    unsigned may = clients_scopes(client);

    if (*scopes == 0)
        *scopes = may & ~(unsigned)(SCOPE_ADMIN_ORGS | SCOPE_OPENID);
    return (*scopes & ~may) == 0 ||
           err_set(err, ERR_INVALID_SCOPE, "scope",
                   "Only an admin of its organization may have admin:orgs.");
}

/* ---- what is given ---- */

static bool
count(struct unit *u, struct db_tx *tx, const struct client_row *client, struct err *err)
{
    int64_t issued = store_token_counts_add(tx, client->id, client->tokens_most, u->mem, err);

    if (issued != 0)
        return issued > 0;

    int64_t current = store_token_counts_get(tx, client->id, u->mem, err);

    if (current < 0)
        return false;
    err_setf(err, ERR_TIER_LIMIT_EXCEEDED, NULL,
             "This client has had its %lld tokens of this month.", (long long)client->tokens_most);
    err_fact_number(err, "limit", client->tokens_most);
    err_fact_number(err, "current", current);
    return false;
}

struct id_claims {
    const char *iss, *sub, *aud, *agent_id, *agent_type, *organization_id, *deployment_env, *owner;
    const char *nonce;
    struct texts capabilities;
    int64_t iat, exp;
};

static const struct jwt_claim id_table[] = {
    { "iss", TEXT_AT(struct id_claims, iss) },
    { "sub", TEXT_AT(struct id_claims, sub) },
    { "aud", TEXT_AT(struct id_claims, aud) },
    { "iat", INT_AT(struct id_claims, iat) },
    { "exp", INT_AT(struct id_claims, exp) },
    { "nonce", TEXT_AT(struct id_claims, nonce) },
    { "agent_id", TEXT_AT(struct id_claims, agent_id) },
    { "agent_type", TEXT_AT(struct id_claims, agent_type) },
    { "organization_id", TEXT_AT(struct id_claims, organization_id) },
    { "capabilities", TEXTS_AT(struct id_claims, capabilities) },
    { "deployment_env", TEXT_AT(struct id_claims, deployment_env) },
    { "owner", TEXT_AT(struct id_claims, owner) },
    JWT_CLAIM_LAST,
};

/* Says who the agent is, to the client that asked (OpenID Connect Core, section 2). */
static char *
sign_id(struct unit *u, struct db_tx *tx, const struct access_claims *access, const char *nonce,
        struct err *err)
{
    const struct identity *who = store_identities_find(tx, access->sub, u->mem, err);

    if (who == NULL) {
        if (err->code == ERR_NONE)
            err_set(err, ERR_INVALID_CLIENT, NULL, NULL); /* deleted just now */
        return NULL;
    }

    const struct id_claims claims = {
        .iss = access->iss,
        .sub = access->sub,
        .aud = access->client_id,
        .agent_id = who->id,
        .agent_type = identity_type_words[who->type],
        .organization_id = who->org_id,
        .deployment_env = identity_env_words[who->env],
        .owner = who->owner,
        .nonce = nonce,
        .capabilities = who->capabilities,
        .iat = access->iat,
        .exp = access->exp,
    };

    return signing_sign(u, JWT_RS256, TOKEN_TYPE_ID, jwt_claims_write(id_table, &claims, u->mem),
                        err);
}

static bool
write_event(struct unit *u, struct db_tx *tx, enum audit_action action,
            const struct access_claims *claims, struct err *err)
{
    const struct audit_entry entry = {
        .action = action,
        .org_id = claims->organization_id,
        .agent_id = claims->sub,
        .metadata =
            arena_printf(u->mem, "{\"jti\":\"%s\",\"scope\":\"%s\"}", claims->jti, claims->scope),
    };

    return audit_write(u, tx, &entry, err);
}

struct token_grant *
tokens_issue(struct unit *u, const struct token_request *want, struct err *err)
{
    unsigned scopes = 0;
    const struct client_row *client = NULL;

    if (!check_request(u, want, &scopes, err) ||
        (client = clients_prove(u, &want->proof, err)) == NULL ||
        (want->admit != NULL && !want->admit(want->arg, err)) ||
        !choose_scopes(client, &scopes, err))
        return NULL;

    int64_t now = clock_wall_ms() / 1000;
    const struct access_claims claims = {
        .iss = u->core->issuer,
        .aud = want->resource == NULL ? u->core->issuer : want->resource,
        .sub = client->id,
        .client_id = client->id,
        .scope = scopes_text(scopes, u->mem),
        .jti = ids_uuid(u->mem),
        .organization_id = client->org_id,
        .iat = now,
        .exp = now + TOKEN_LIFE_S,
    };
    struct token_grant *grant = ARENA_NEW(u->mem, struct token_grant);
    struct db_tx *tx DB_SCOPED = db_begin(u->db, err);
    if (tx == NULL || !count(u, tx, client, err))
        return NULL;

    *grant = (struct token_grant){ .scope = claims.scope, .expires_in = TOKEN_LIFE_S };
    grant->access_token = signing_sign(u, JWT_RS256, ACCESS_TYPE,
                                       jwt_claims_write(access_table, &claims, u->mem), err);
    if (grant->access_token == NULL)
        return NULL;
    if ((scopes & SCOPE_OPENID) != 0 &&
        (grant->id_token = sign_id(u, tx, &claims, want->nonce, err)) == NULL)
        return NULL;
    return write_event(u, tx, AUDIT_TOKEN_ISSUED, &claims, err) && db_commit(tx, err) ? grant
                                                                                      : NULL;
}

/* ---- what is told ---- */

/* A token in force that the caller may know of; *claims NULL: it is not. */
static bool
look_up(struct unit *u, const char *token, const struct access_claims **claims, struct err *err)
{
    struct err why = { 0 };
    const struct access_claims *read = access_read(u, token, &why);

    *claims = NULL;
    if (why.code != ERR_NONE && why.code != ERR_UNAUTHORIZED) {
        *err = why;
        return false;
    }
    if (read != NULL && (strcmp(read->organization_id, u->by->org_text) == 0 ||
                         (u->by->scopes & SCOPE_ADMIN_ORGS) != 0))
        *claims = read;
    return true;
}

/* Neither revoked nor of an agent or an organization that is out of service; the operator's first
 * token is of none. */
static bool
is_in_force(struct unit *u, struct db_tx *tx, const struct access_claims *claims, bool *in_force,
            struct err *err)
{
    bool revoked = false;

    *in_force = false;
    if (!store_revoked_tokens_has(tx, claims->jti, &revoked, u->mem, err))
        return false;

    const struct org *org = store_orgs_get(tx, claims->organization_id, ORG_READ, u->mem, err);

    if (org == NULL || org->draft.state != ORG_ACTIVE)
        return err->code == ERR_NONE;
    if (claims->token_use != NULL && strcmp(claims->token_use, ACCESS_BOOTSTRAP) == 0) {
        *in_force = !revoked;
        return true;
    }

    const struct identity *agent = store_identities_find(tx, claims->sub, u->mem, err);

    *in_force = !revoked && agent != NULL && agent->status == IDENTITY_ACTIVE;
    return err->code == ERR_NONE;
}

static struct token_facts *
facts_of(struct unit *u, const struct access_claims *claims)
{
    struct token_facts *facts = ARENA_NEW(u->mem, struct token_facts);

    if (claims != NULL)
        *facts = (struct token_facts){ .active = true,
                                       .sub = claims->sub,
                                       .client_id = claims->client_id,
                                       .scope = claims->scope,
                                       .token_type = "Bearer",
                                       .iss = claims->iss,
                                       .aud = claims->aud,
                                       .jti = claims->jti,
                                       .organization_id = claims->organization_id,
                                       .iat = claims->iat,
                                       .exp = claims->exp };
    return facts;
}

struct token_facts *
tokens_introspect(struct unit *u, const char *token, struct err *err)
{
    const struct access_claims *claims;
    bool in_force = false;

    if (!look_up(u, token, &claims, err))
        return NULL;

    struct db_tx *tx DB_SCOPED = db_begin(u->db, err);
    if (tx == NULL || (claims != NULL && !is_in_force(u, tx, claims, &in_force, err)))
        return NULL;

    const struct audit_entry entry = {
        .action = AUDIT_TOKEN_INTROSPECTED,
        .org_id = u->by->org_text,
        .agent_id = claims == NULL ? NULL : claims->sub,
        .metadata = in_force ? arena_printf(u->mem, "{\"active\":true,\"jti\":\"%s\"}", claims->jti)
                             : "{\"active\":false}",
    };
    return audit_write(u, tx, &entry, err) && db_commit(tx, err)
               ? facts_of(u, in_force ? claims : NULL)
               : NULL;
}

/* ---- what is ended ---- */

static bool
check_revoker(const struct unit *u, const struct access_claims *claims, struct err *err)
{
    bool own =
        claims != NULL && u->by->kind == CALLER_TOKEN && strcmp(claims->sub, u->by->id_text) == 0;

    if (own || (u->by->scopes & SCOPE_TOKENS_READ) != 0 ||
        (claims == NULL && u->by->kind == CALLER_TOKEN))
        return true;
    err_set(err, ERR_INSUFFICIENT_SCOPE, NULL, "Tokens of others need the scope tokens:read.");
    err_fact_text(err, "scope", "tokens:read");
    return false;
}

bool
tokens_revoke(struct unit *u, const char *token, struct err *err)
{
    const struct access_claims *claims;
    struct uuid *jti = ARENA_NEW(u->mem, struct uuid);

    if (!look_up(u, token, &claims, err) || !check_revoker(u, claims, err))
        return false;
    if (claims == NULL || !ids_uuid_read(claims->jti, jti))
        return true;

    struct db_tx *tx DB_SCOPED = db_begin(u->db, err);
    if (tx == NULL)
        return false;

    long fresh = store_revoked_tokens_insert(tx, claims->jti, claims->exp * 1000, u->mem, err);

    if (fresh <= 0)
        return fresh == 0;
    return hints_forget(u, tx, HINT_TOKEN, jti, 1, err) &&
           write_event(u, tx, AUDIT_TOKEN_REVOKED, claims, err) && db_commit(tx, err);
}

/* ---- who calls ---- */

struct identity *
tokens_self(struct unit *u, struct err *err)
{
    struct identity *self = NULL;

    if (u->by->kind == CALLER_TOKEN)
        self = store_identities_find(db_single(u->db), u->by->id_text, u->mem, err);
    if (self == NULL && err->code == ERR_NONE)
        err_set(err, ERR_FORBIDDEN, NULL, "Only the access token of an agent says who calls.");
    return self;
}
