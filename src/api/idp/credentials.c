/* Client secrets of agents, for the token endpoint. */
#include "api/idp/credentials.h"

#include "api/idp/lists.h"
#include "domain/credentials.h"
#include "json/formats.h"
#include "model/scope.h"

static const char *const status_words[] = { "active", "revoked", NULL };

/* clang-format off */
#define CREDENTIAL_FIELDS                                                                          \
    { "credentialId", TEXT_AT(struct credential, id), 0, .format = &format_uuid,                   \
      .doc = "It stays when the secret is rotated." },                                             \
    { "clientId", TEXT_AT(struct credential, agent_id), 0, .format = &format_uuid,                 \
      .doc = "client_id at the token endpoint: the agent." }
#define STATE_FIELDS                                                                               \
    { "status", ENUM_AT(struct credential, status), 0, .names = status_words,                      \
      .doc = "Whether it was revoked; one past expiresAt is still called active." },               \
    { "createdAt", TIME_AT(struct credential, created_at), 0, .doc = "When it was generated." },   \
    { "expiresAt", TIME_AT(struct credential, expires_at), F_NULLABLE,                             \
      .doc = "From then on the secret is refused; null: never." },                                 \
    { "revokedAt", TIME_AT(struct credential, revoked_at), F_NULLABLE,                             \
      .doc = "When it was revoked." }
/* clang-format on */

static const struct field fields[] = { CREDENTIAL_FIELDS, STATE_FIELDS, FIELD_LAST };

static const struct spec spec = { "Credential", sizeof(struct credential), fields };

static const struct field issued_fields[] = {
    CREDENTIAL_FIELDS,
    { "clientSecret", TEXT_AT(struct credential, secret), F_SECRET | F_NULLABLE,
      .doc = "client_secret at the token endpoint; shown this once." },
    STATE_FIELDS,
    FIELD_LAST,
};

static const struct spec issued_spec = { "IssuedCredential", sizeof(struct credential),
                                         issued_fields };

static const struct field page_fields[] = { IDP_PAGE_FIELDS(&spec) };

static const struct spec page_spec = { "CredentialPage", sizeof(struct numbered_page),
                                       page_fields };

static const struct field terms_fields[] = {
    { "expiresAt", TIME_AT(struct credential_terms, expires_at), F_NULLABLE,
      .doc = "When the secret is to end; null: never. A rotation without it changes nothing." },
    FIELD_LAST,
};

static const struct spec terms_spec = { "CredentialTerms", sizeof(struct credential_terms),
                                        terms_fields };
static const struct credential_terms as_before = { -1 };

static const struct field filter_fields[] = {
    { "status", ENUM_AT(struct credential_filter, status), 0, .names = status_words,
      .doc = "Only those that are so." },
    IDP_PAGE_QUERY(struct credential_filter, IDP_LIMIT_MAX, "20"),
    FIELD_LAST,
};

static const struct spec filter_spec = { "CredentialFilter", sizeof(struct credential_filter),
                                         filter_fields };
static const struct credential_filter filter_defaults = { .status = -1, .page = 1, .limit = 20 };

static struct credential_ref
ref_of(const struct request *rq)
{
    return (struct credential_ref){ rq->args[0], rq->args[1] };
}

static bool
create(struct request *rq, struct err *err)
{
    const struct credential *made = credentials_create(rq->unit, rq->args[0], rq->in, err);

    if (made == NULL)
        return false;
    rq->out = made;
    reply_header(
        rq, "Location",
        arena_printf(rq->mem, "/api/v1/agents/%s/credentials/%s", made->agent_id, made->id));
    return true;
}

static bool
list(struct request *rq, struct err *err)
{
    return (rq->out = credentials_list(rq->unit, rq->args[0], rq->params, err)) != NULL;
}

static bool
rotate(struct request *rq, struct err *err)
{
    struct credential_ref ref = ref_of(rq);

    return (rq->out = credentials_rotate(rq->unit, &ref, rq->in, err)) != NULL;
}

static bool
revoke(struct request *rq, struct err *err)
{
    struct credential_ref ref = ref_of(rq);

    return credentials_revoke(rq->unit, &ref, err);
}

static const struct field args[] = {
    { "agentId", .kind = FIELD_TEXT, .format = &format_uuid, .doc = "UUID of the agent." },
    { "credentialId", .kind = FIELD_TEXT, .format = &format_uuid,
      .doc = "UUID of the credential." },
    FIELD_LAST,
};

#define ROW      .who = WHO_KEY, .scope = SCOPE_AGENTS_WRITE, .limit = LIMIT_OWNER, .args = args
#define OF_AGENT "/api/v1/agents/{agentId}/credentials"
#define OF_ONE   OF_AGENT "/{credentialId}"

const struct route idp_credentials_routes[] = {
    { "POST", OF_AGENT, create, "createCredential", "Give an agent a client secret", ROW,
      .in = &terms_spec, .out = &issued_spec, .ok = 201, .flags = ROUTE_CREATES | ROUTE_EMPTY_BODY,
      .fails = { ERR_AGENT_NOT_FOUND, ERR_FORBIDDEN, ERR_AGENT_NOT_ACTIVE, ERR_CREDENTIAL_LIMIT },
      .doc = "An agent may have ten that are in force. The secret is in the answer, this once." },
    { "GET", OF_AGENT, list, "listCredentials", "List an agent's client secrets", ROW,
      .query = &filter_spec, .query_defaults = &filter_defaults, .out = &page_spec, .ok = 200,
      .fails = { ERR_AGENT_NOT_FOUND, ERR_FORBIDDEN }, .doc = "Never the secrets themselves." },
    { "POST", OF_ONE "/rotate", rotate, "rotateCredential", "Replace a client secret", ROW,
      .in = &terms_spec, .defaults = &as_before, .out = &issued_spec, .ok = 200,
      .flags = ROUTE_EMPTY_BODY,
      .fails = { ERR_AGENT_NOT_FOUND, ERR_FORBIDDEN, ERR_AGENT_NOT_ACTIVE, ERR_CREDENTIAL_LIMIT,
                 ERR_CREDENTIAL_NOT_FOUND, ERR_CREDENTIAL_ALREADY_REVOKED },
      .doc = "The old secret is refused from then on. An expired one gets a new life." },
    { "DELETE", OF_ONE, revoke, "revokeCredential", "Revoke a client secret", ROW, .ok = 204,
      .fails = { ERR_AGENT_NOT_FOUND, ERR_FORBIDDEN, ERR_CREDENTIAL_NOT_FOUND,
                 ERR_CREDENTIAL_ALREADY_REVOKED },
      .doc = "For good. It stays in the list." },
    ROUTE_LAST,
};
