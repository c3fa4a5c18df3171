/* Access tokens as a proof of who calls. A token is verified once; what may change afterwards, the
 * life of its agent, its organization and its revocation, is heard of through the cache. */
#include "domain/access.h"

#include "base/clock.h"
#include "domain/agents.h"
#include "domain/callers.h"
#include "domain/keys.h"
#include "domain/signing.h"
#include "domain/tokens.h"
#include "store/org_credentials.h"
#include "store/orgs.h"
#include "store/revoked_tokens.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { AHEAD_S = 60 }; /* by which the clock of another node may be ahead */

const struct jwt_claim access_table[] = {
    { "iss", TEXT_AT(struct access_claims, iss) },
    { "sub", TEXT_AT(struct access_claims, sub) },
    { "aud", TEXT_AT(struct access_claims, aud) },
    { "client_id", TEXT_AT(struct access_claims, client_id) },
    { "scope", TEXT_AT(struct access_claims, scope) },
    { "jti", TEXT_AT(struct access_claims, jti) },
    { "iat", INT_AT(struct access_claims, iat) },
    { "nbf", INT_AT(struct access_claims, nbf) },
    { "exp", INT_AT(struct access_claims, exp) },
    { "organization_id", TEXT_AT(struct access_claims, organization_id) },
    { "token_use", TEXT_AT(struct access_claims, token_use) },
    JWT_CLAIM_LAST,
};

static bool
refuse(struct err *err, const char *why)
{
    err_set(err, ERR_UNAUTHORIZED, "Authorization", "This access token is not valid.");
    snprintf(err->note, sizeof err->note, "%s", why);
    return false;
}

bool
access_is_of_none(const struct access_claims *claims)
{
    return claims->token_use != NULL && (strcmp(claims->token_use, ACCESS_BOOTSTRAP) == 0 ||
                                         strcmp(claims->token_use, ACCESS_CREDENTIAL) == 0);
}

bool
access_is_ours(const struct unit *u, const char *address)
{
    size_t n = strlen(u->core->issuer);

    return strncmp(address, u->core->issuer, n) == 0 && (address[n] == '\0' || address[n] == '/');
}

static bool
check_claims(const struct unit *u, const struct access_claims *c, struct err *err)
{
    int64_t now = clock_wall_ms() / 1000;
    struct uuid id;

    if (c->iss == NULL || c->aud == NULL || c->sub == NULL || c->client_id == NULL ||
        c->scope == NULL || c->jti == NULL || c->organization_id == NULL || c->iat == 0 ||
        c->exp == 0)
        return refuse(err, "jwt: a claim is missing");
    if (strcmp(c->iss, u->core->issuer) != 0)
        return refuse(err, "jwt: another issuer");
    if (!access_is_ours(u, c->aud))
        return refuse(err, "jwt: for another audience");
    if (now >= c->exp)
        return refuse(err, "jwt: expired");
    if (c->iat > now + AHEAD_S || c->nbf > now + AHEAD_S)
        return refuse(err, "jwt: not yet");
    if (!ids_uuid_read(c->sub, &id) || !ids_uuid_read(c->jti, &id) ||
        !ids_uuid_read(c->organization_id, &id) || strcmp(c->sub, c->client_id) != 0)
        return refuse(err, "jwt: an id is not one of ours");
    return true;
}

struct access_claims *
access_read(struct unit *u, const char *token, struct err *err)
{
    struct access_claims *claims = ARENA_NEW(u->mem, struct access_claims);
    const char *text = signing_verify(u, token, ACCESS_TYPE, err);

    if (text == NULL || !jwt_claims_read(access_table, text, claims, u->mem, err) ||
        !check_claims(u, claims, err))
        return NULL;
    return claims;
}

static void
fill_caller(struct caller *caller, const struct access_claims *claims, unsigned scopes)
{
    *caller = (struct caller){ .kind = CALLER_TOKEN, .scopes = scopes };
    /* check_claims has read them. */
    if (!ids_uuid_read(claims->sub, &caller->id) ||
        !ids_uuid_read(claims->organization_id, &caller->org))
        abort();
    ids_uuid_text(&caller->id, caller->id_text);
    ids_uuid_text(&caller->org, caller->org_text);
}

bool
access_credential_holds(struct unit *u, struct db_tx *tx, const struct access_claims *claims,
                        bool *revoked, struct err *err)
{
    bool holds = true;

    if (claims->token_use != NULL && strcmp(claims->token_use, ACCESS_CREDENTIAL) == 0 &&
        !store_org_credentials_holds(tx, claims->sub, claims->organization_id, &holds, u->mem, err))
        return false;
    *revoked = !holds;
    return true;
}

/* What the token itself cannot say: whether it was revoked, and how its organization stands. */
static bool
check_standing(struct unit *u, const struct access_claims *claims, const struct org **org,
               struct err *err)
{
    bool revoked = false;

    if (!store_revoked_tokens_has(db_single(u->db), claims->jti, &revoked, u->mem, err))
        return false;
    if (!revoked && !access_credential_holds(u, db_single(u->db), claims, &revoked, err))
        return false;
    if (revoked)
        return refuse(err, "jwt: revoked");
    *org = store_orgs_get(db_single(u->db), claims->organization_id, ORG_READ, u->mem, err);
    if (*org == NULL && err->code == ERR_NONE)
        refuse(err, "jwt: its organization is gone");
    return *org != NULL;
}

struct cached_access *
access_load(struct unit *u, const char *token, const struct digest *hash, struct err *err)
{
    unsigned long long ticket = cache_ticket(u->core->cache);
    const struct access_claims *claims = access_read(u, token, err);
    unsigned scopes = 0;
    const struct org *org;
    struct err none = { 0 };

    if (claims == NULL || !check_standing(u, claims, &org, err))
        return NULL;
    /* A token without any scope proves who calls, and no more. */
    if (claims->scope[0] != '\0' && !scopes_read(claims->scope, &scopes, &none)) {
        refuse(err, "jwt: a scope that is not one of ours");
        return NULL;
    }

    struct cached_access *access = must(calloc(1, sizeof *access));

    access->hash = *hash;
    access->expires_ms = claims->exp * 1000;
    access->suspended = org->draft.state == ORG_SUSPENDED;
    access->is_bootstrap = access_is_of_none(claims);
    fill_caller(&access->caller, claims, scopes);
    if (!ids_uuid_read(claims->jti, &access->jti))
        abort();
    return cache_put_access(u->core->cache, access, ticket);
}

bool
access_check(const struct cached_access *access, const struct cached_agent *agent, unsigned need,
             struct caller *caller, struct err *err)
{
    if (clock_wall_ms() >= access->expires_ms)
        return refuse(err, "jwt: expired");
    if (!access->is_bootstrap && (agent == NULL || agent->life != LIFE_ACTIVE))
        return refuse(err, "jwt: its agent is not active");
    if (access->suspended)
        return err_set(err, ERR_FORBIDDEN, "Authorization", "This organization is suspended.");
    if (!callers_have(access->caller.scopes, need, "access token", err))
        return false;
    *caller = access->caller;
    if (agent != NULL)
        memcpy(caller->permanent_id, agent->permanent_id, sizeof caller->permanent_id);
    return true;
}

char *
access_bootstrap(struct unit *u, const char *org, unsigned scopes, struct err *err)
{
    struct uuid uuid;
    const struct org_row *owner =
        store_orgs_find(db_single(u->db), ids_uuid_read(org, &uuid) ? org : NULL, org, u->mem, err);
    const char *subject = ids_uuid(u->mem);
    int64_t now = clock_wall_ms() / 1000;

    if (owner == NULL) {
        if (err->code == ERR_NONE)
            err_set(err, ERR_NOT_FOUND, "org", "There is no such organization.");
        return NULL;
    }
    const struct access_claims claims = { .iss = u->core->issuer,
                                          .aud = u->core->issuer,
                                          .sub = subject,
                                          .client_id = subject,
                                          .scope = scopes_text(scopes, u->mem),
                                          .jti = ids_uuid(u->mem),
                                          .organization_id = owner->id,
                                          .token_use = ACCESS_BOOTSTRAP,
                                          .iat = now,
                                          .exp = now + TOKEN_LIFE_S };
    return signing_sign(u, JWT_RS256, ACCESS_TYPE, jwt_claims_write(access_table, &claims, u->mem),
                        err);
}
