/* /api/v1/marketplace/agents. */
#include "api/idp/market.h"

#include "api/idp/agents.h"
#include "api/idp/dids.h"
#include "api/idp/lists.h"
#include "domain/dids.h"
#include "domain/identities.h"
#include "domain/market.h"
#include "json/formats.h"

#include <ctype.h>

enum { SEARCH_MIN = 3, SEARCH_MAX = 100, RUN = 3 };

/* The index of words is made of runs of three: without one, everything would have to be read. */
static bool
has_run(const char *text)
{
    int run = 0;

    for (; *text != '\0' && run < RUN; text++) {
        unsigned char c = (unsigned char)*text;

        if ((c & 0xC0) != 0x80) /* not inside a character */
            run = c >= 0x80 || isalnum(c) ? run + 1 : 0;
    }
    return run == RUN;
}

static const char *const good_searches[] = { "abc", "- 123", "\xc3\x96le", NULL };
static const char *const bad_searches[] = { "", "ab", "ab-c", "%%%", "___", "\xc3\x96l", NULL };

static const struct format format_search = {
    .name = "search",
    .check = has_run,
    .say = "must have three letters or digits in a row",
    .good = good_searches,
    .bad = bad_searches,
};

/* clang-format off */
#define CARD_FIELDS                                                                                \
    { "agentId", TEXT_AT(struct card, id), 0, .format = &format_uuid, .doc = "Its id." },          \
    { "agentType", ENUM_AT(struct card, type), 0, .names = identity_type_words,                    \
      .doc = "What sort of work it does." },                                                       \
    { "version", TEXT_AT(struct card, version), 0, .doc = "Of its software." },                    \
    { "capabilities", TEXTS_AT(struct card, capabilities), 0,                                      \
      .doc = "What it may do, as resource:action." },                                              \
    { "owner", TEXT_AT(struct card, owner), 0, .doc = "The team that owns it; may be empty." },    \
    { "deploymentEnv", ENUM_AT(struct card, env), 0, .names = identity_env_words,                  \
      .doc = "Where it runs." },                                                                   \
    { "publishedAt", TIME_AT(struct card, published_at), 0, .doc = "When it was registered." },    \
    { "did", TEXT_AT(struct card, did), F_NULLABLE, .doc = "Its DID (did:web)." }
/* clang-format on */

static const struct field card_fields[] = { CARD_FIELDS, FIELD_LAST };

static const struct spec card_spec = { "MarketplaceAgent", sizeof(struct card), card_fields };

_Static_assert(offsetof(struct card_detail, card) == 0, "a detail is drawn as a card, and more");

static const struct field detail_fields[] = {
    CARD_FIELDS,
    { "didDocument", OBJECT_AT(struct card_detail, document, struct did_document),
      .spec = &idp_did_spec, .doc = "As /agents/{agentId}/did has it." },
    FIELD_LAST,
};

static const struct spec detail_spec = { "MarketplaceAgentDetail", sizeof(struct card_detail),
                                         detail_fields };

static const struct field page_fields[] = { IDP_PAGE_FIELDS(&card_spec) };

static const struct spec page_spec = { "MarketplacePage", sizeof(struct numbered_page),
                                       page_fields };

static const struct field filter_fields[] = {
    { "search", TEXT_AT(struct card_filter, search), 0, .min = SEARCH_MIN, .max = SEARCH_MAX,
      .format = &format_search,
      .doc = "Part of the type, the owner or a capability, in any case." },
    IDP_PAGE_QUERY(struct card_filter, IDP_LIMIT_MAX, "20"),
    FIELD_LAST,
};

static const struct spec filter_spec = { "MarketplaceFilter", sizeof(struct card_filter),
                                         filter_fields };
static const struct card_filter filter_defaults = { .page = 1, .limit = 20 };

static bool
list_cards(struct request *rq, struct err *err)
{
    rq->out = market_list(rq->unit, rq->params, err);
    return rq->out != NULL;
}

static bool
get_card(struct request *rq, struct err *err)
{
    rq->out = dids_agent(rq->unit, rq->args[0], err);
    return rq->out != NULL;
}

#define PUBLIC .who = WHO_ANYONE, .limit = LIMIT_PUBLIC

const struct route idp_market_routes[] = {
    { "GET", "/api/v1/marketplace/agents", list_cards, "listMarketplace", "List public agents",
      PUBLIC, .query = &filter_spec, .query_defaults = &filter_defaults, .out = &page_spec,
      .ok = 200,
      .doc = "Active agents that their owners have made public, of active organizations. The "
             "newest 10,000 are listed and counted. Words that many of them have are searched "
             "for among the newest 1,000." },
    { "GET", "/api/v1/marketplace/agents/{agentId}", get_card, "getMarketplaceAgent",
      "Read one public agent", PUBLIC, .args = idp_agent_args, .out = &detail_spec, .ok = 200,
      .fails = { ERR_AGENT_NOT_FOUND } },
    ROUTE_LAST,
};
