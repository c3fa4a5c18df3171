/* The proof that a dispatch comes from us. */
#include "domain/proof.h"

#include "base/clock.h"
#include "crypto/jwt.h"
#include "domain/instances.h"
#include "domain/signing.h"
#include "domain_priv.h"
#include "out/url.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Names that agents check: they are those of the protocol. */
#define ISSUER "svantic-mesh"
#define TYPE   "JWT"

struct claims {
    const char *iss, *aud, *tenant_id, *agent_type, *instance_id, *dispatch_id, *jti;
    int64_t iat, exp;
};

static const struct jwt_claim claims_table[] = {
    { "iss", TEXT_AT(struct claims, iss) },
    { "aud", TEXT_AT(struct claims, aud) },
    { "tenant_id", TEXT_AT(struct claims, tenant_id) },
    { "agent_type", TEXT_AT(struct claims, agent_type) },
    { "instance_id", TEXT_AT(struct claims, instance_id) },
    { "dispatch_id", TEXT_AT(struct claims, dispatch_id) },
    { "jti", TEXT_AT(struct claims, jti) },
    { "iat", INT_AT(struct claims, iat) },
    { "exp", INT_AT(struct claims, exp) },
    JWT_CLAIM_LAST,
};

/* A sealed text of an instance, in mem (wiped with it); NULL when it cannot be opened. */
static char *
open_text(struct unit *u, const struct fleet_target *target, const char *column,
          struct bytes sealed, struct err *err)
{
    char org[UUID_TEXT_SIZE], id[UUID_TEXT_SIZE];
    struct seal_place place = { ids_uuid_text(&target->org, org), ids_uuid_text(&target->id, id),
                                column };

    return draft_open_text(u->core, &place, sealed, u->mem, err);
}

static const char *
sign(struct unit *u, const struct fleet_target *target, const char *dispatch_id, int64_t now,
     struct err *err)
{
    char org[UUID_TEXT_SIZE];
    const struct claims claims = {
        .iss = ISSUER,
        .aud = arena_printf(u->mem, "agent:%s", target->instance_id),
        .tenant_id = ids_uuid_text(&target->org, org),
        .agent_type = target->agent_type,
        .instance_id = target->instance_id,
        .dispatch_id = dispatch_id,
        .jti = dispatch_id,
        .iat = now,
        .exp = now + PROOF_LIFE_S,
    };
    const char *text = jwt_claims_write(claims_table, &claims, u->mem);

    if (target->secret_sealed.v == NULL)
        return signing_sign(u, JWT_ES256, TYPE, text, err);

    const char *secret = open_text(u, target, SEAL_DISPATCH_SECRET, target->secret_sealed, err);
    return secret == NULL ? NULL : jwt_sign_shared(secret, strlen(secret), TYPE, text, u->mem, err);
}

struct proof *
proof_make(struct unit *u, const struct fleet_target *target, const char *dispatch_id,
           struct err *err)
{
    struct proof *proof = ARENA_NEW(u->mem, struct proof);
    int64_t now = clock_wall_ms() / 1000;
    struct err why = { 0 };

    if (!u->core->dispatch.proof)
        return NULL;
    proof->scheme = dispatch_scheme_words[target->scheme];
    proof->expires_at = now + PROOF_LIFE_S;
    proof->token = target->scheme == SCHEME_JWT
                       ? sign(u, target, dispatch_id, now, &why)
                       : open_text(u, target, SEAL_DISPATCH_SECRET, target->secret_sealed, &why);
    if (proof->token != NULL)
        return proof;
    if (why.code == ERR_DATABASE_UNAVAILABLE)
        *err = why;
    else
        err_fault(err, ERR_DISPATCH_AUTH_UNAVAILABLE, "%s", why.note);
    return NULL;
}

struct out_url *
proof_url(struct unit *u, const struct fleet_target *target, struct err *err)
{
    bool own = target->dispatch_url_sealed.v != NULL;
    struct err why = { 0 };
    const char *text = open_text(u, target, own ? SEAL_DISPATCH_URL : SEAL_INSTANCE_URL,
                                 own ? target->dispatch_url_sealed : target->url_sealed, &why);

    if (text == NULL) {
        err_fault(err, ERR_NO_ENDPOINT, "%s", why.note);
        return NULL;
    }
    size_t n = strlen(text);
    if (!own)
        text = arena_printf(u->mem, "%s%ssend", text, n > 0 && text[n - 1] == '/' ? "" : "/");
    struct out_url *url = out_url_read(u->core->guard, text, "url", u->mem, &why);
    if (url == NULL)
        err_set(err, ERR_IP_PROHIBITED, NULL, NULL);
    return url;
}

/* ---- among nodes ---- */

static struct seal_place
place_of_node(const struct uuid *node, char id[UUID_TEXT_SIZE])
{
    return (struct seal_place){ "roster", ids_uuid_text(node, id), "dispatch" };
}

static const char *
signed_text(int64_t at, const char *body, struct arena *mem)
{
    return arena_printf(mem, "%" PRId64 "\n%s", at, body);
}

char *
proof_of_node(const struct core *core, const struct uuid *to, const char *body, struct arena *mem)
{
    char id[UUID_TEXT_SIZE], hex[2 * SEAL_MAC_SIZE + 1];
    const struct seal_place place = place_of_node(to, id);
    int64_t now = clock_wall_ms();
    const char *text = signed_text(now, body, mem);
    struct bytes mac = seal_mac(core->keys, &place, text, strlen(text), mem);

    return arena_printf(mem, "%" PRId64 ".%s", now, ids_hex(mac.v, mac.n, hex));
}

bool
proof_is_of_node(const struct core *core, const char *given, const char *body, struct arena *mem)
{
    unsigned char mac[SEAL_MAC_SIZE];
    char id[UUID_TEXT_SIZE], *end = NULL;
    const struct seal_place place = place_of_node(&core->node.id, id);
    int64_t at = given == NULL ? 0 : strtoll(given, &end, 10), now = clock_wall_ms();

    if (given == NULL || *end != '.' || !ids_unhex(end + 1, mac, sizeof mac) ||
        at < now - PROOF_SKEW_MS || at > now + PROOF_SKEW_MS)
        return false;
    const char *text = signed_text(at, body, mem);
    return seal_mac_holds(core->keys, &place, text, strlen(text),
                          (struct bytes){ mac, sizeof mac });
}
