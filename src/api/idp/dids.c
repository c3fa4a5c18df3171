/* DID documents of this service and of public agents. */
#include "api/idp/dids.h"

#include "api/idp/agents.h"
#include "domain/dids.h"
#include "domain/identities.h"
#include "domain/signing.h"

static const struct field method_fields[] = {
    { "id", TEXT_AT(struct did_method, id), .min = 1,
      .doc = "The DID and #key-N; the number is never given to another key." },
    { "type", TEXT_AT(struct did_method, type), .min = 1, .doc = "JsonWebKey2020." },
    { "controller", TEXT_AT(struct did_method, controller), .min = 1,
      .doc = "The DID of this service, which holds the key." },
    { "publicKeyJwk", JSON_AT(struct did_method, jwk), .doc = "As in the key set, with its kid." },
    FIELD_LAST,
};

static const struct spec method_spec = { "DidVerificationMethod", sizeof(struct did_method),
                                         method_fields };

static const struct field service_fields[] = {
    { "id", TEXT_AT(struct did_service, id), .min = 1, .doc = "The DID and a name." },
    { "type", TEXT_AT(struct did_service, type), .min = 1, .doc = "What sort of service it is." },
    { "serviceEndpoint", TEXT_AT(struct did_service, endpoint), .min = 1, .doc = "Its address." },
    FIELD_LAST,
};

static const struct spec service_spec = { "DidService", sizeof(struct did_service),
                                          service_fields };

static const struct field document_fields[] = {
    { "@context", TEXTS_AT(struct did_document, context), .doc = "What defines the members." },
    { "id", TEXT_AT(struct did_document, id), .min = 1, .doc = "The DID that this is about." },
    { "controller", TEXT_AT(struct did_document, controller), .min = 1,
      .doc = "The DID of this service." },
    { "verificationMethod", LIST_AT(struct did_document, methods), .spec = &method_spec,
      .doc = "The keys that tokens are verified with." },
    { "authentication", TEXTS_AT(struct did_document, authentication),
      .doc = "Ids of the keys that prove who it is." },
    { "assertionMethod", TEXTS_AT(struct did_document, asserts),
      .doc = "Ids of the keys that sign claims about it." },
    { "service", LIST_AT(struct did_document, services), .spec = &service_spec,
      .doc = "Where to go on." },
    FIELD_LAST,
};

const struct spec idp_did_spec = { "DidDocument", sizeof(struct did_document), document_fields };

static const struct field card_fields[] = {
    { "did", TEXT_AT(struct did_card, card.did), .min = 1, .doc = "Its DID (did:web)." },
    { "name", TEXT_AT(struct did_card, card.email), .min = 1, .doc = "Its e-mail address." },
    { "agentType", ENUM_AT(struct did_card, card.type), 0, .names = identity_type_words,
      .doc = "What sort of work it does." },
    { "capabilities", TEXTS_AT(struct did_card, card.capabilities),
      .doc = "What it may do, as resource:action." },
    { "owner", TEXT_AT(struct did_card, card.owner),
      .doc = "The team that owns it; may be empty." },
    { "version", TEXT_AT(struct did_card, card.version), .doc = "Of its software." },
    { "deploymentEnv", ENUM_AT(struct did_card, card.env), 0, .names = identity_env_words,
      .doc = "Where it runs." },
    { "identityProvider", TEXT_AT(struct did_card, identity_provider), .min = 1,
      .doc = "The address of this service; the iss of its tokens." },
    { "issuedAt", TIME_AT(struct did_card, card.published_at), .doc = "When it was registered." },
    FIELD_LAST,
};

static const struct spec card_spec = { "DidCard", sizeof(struct did_card), card_fields };

static bool
get_service(struct request *rq, struct err *err)
{
    rq->out = dids_service(rq->unit, err);
    if (rq->out != NULL)
        reply_header(rq, "Cache-Control",
                     arena_printf(rq->mem, "public, max-age=%d", SIGNING_JWKS_LIFE_S));
    return rq->out != NULL;
}

static bool
get_agent(struct request *rq, struct err *err)
{
    struct card_detail *detail = dids_agent(rq->unit, rq->args[0], err);

    rq->out = detail == NULL ? NULL : &detail->document;
    return rq->out != NULL;
}

static bool
get_card(struct request *rq, struct err *err)
{
    rq->out = dids_card(rq->unit, rq->args[0], err);
    return rq->out != NULL;
}

#define PUBLIC                                                                                     \
    .who = WHO_ANYONE, .limit = LIMIT_PUBLIC, .args = idp_agent_args, .ok = 200,                   \
    .fails = { ERR_AGENT_NOT_FOUND }

const struct route idp_dids_routes[] = {
    { "GET", "/.well-known/did.json", get_service, "serviceDid", "The DID document of this service",
      .ok = 200, .out = &idp_did_spec,
      .doc = "A W3C DID document with the keys that sign access tokens. It may be kept for ten "
             "minutes, as the key set may." },
    { "GET", "/agents/{agentId}/did", get_agent, "agentDid", "The DID document of a public agent",
      PUBLIC, .out = &idp_did_spec,
      .doc = "Of agents that the marketplace shows. Agents have no keys of their own here: the "
             "keys are those of this service, which signs their tokens." },
    { "GET", "/agents/{agentId}/did.json", get_agent, "agentDidJson",
      "The same, where resolvers of did:web look for it", PUBLIC, .out = &idp_did_spec },
    { "GET", "/agents/{agentId}/did/card", get_card, "agentDidCard",
      "The AGNTCY card of a public agent", PUBLIC, .out = &card_spec },
    ROUTE_LAST,
};
