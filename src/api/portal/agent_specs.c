/* The members of an agent: one table for what goes in and what comes out. */
#include "api/portal/agent_specs.h"

#include "api/portal/lists.h"
#include "json/formats.h"
#include "model/agent.h"

enum { URL_MAX = 2048, METADATA_MAX = 8192, RPM_MAX = 1000000, ITEMS_MAX = 64, ITEM_MAX = 100 };

const char *const portal_state_words[] = { "online", "idle", "offline", NULL };
const char *const portal_reason_words[] = { "never_seen",   "heartbeat", "told_offline",
                                            "traffic",      "silence",   "probe_succeeded",
                                            "probe_failed", "archived",  "revoked",
                                            "disconnected", NULL };
const char *const portal_life_words[] = { "active", "archived", "revoked", "disabled", NULL };

static const struct field capability_fields[] = {
    { "task_categories", TEXTS_AT(struct capabilities, task_categories), F_NULLABLE,
      .max = ITEMS_MAX, .item_max = ITEM_MAX, .format = &format_plain,
      .doc = "What sort of work it does.", .example = "[\"translation\"]" },
    { "input_formats", TEXTS_AT(struct capabilities, input_formats), F_NULLABLE, .max = ITEMS_MAX,
      .item_max = ITEM_MAX, .format = &format_plain, .doc = "What it takes; never enforced.",
      .example = "[\"application/json\"]" },
    { "output_formats", TEXTS_AT(struct capabilities, output_formats), F_NULLABLE, .max = ITEMS_MAX,
      .item_max = ITEM_MAX, .format = &format_plain, .doc = "What it gives; never enforced.",
      .example = "[\"text/plain\"]" },
    { "models", TEXTS_AT(struct capabilities, models), F_NULLABLE, .max = ITEMS_MAX,
      .item_max = ITEM_MAX, .format = &format_plain, .doc = "Models that it works with." },
    { "requests_per_minute", INT_AT(struct capabilities, requests_per_minute), F_NULLABLE, .min = 1,
      .max = RPM_MAX, .doc = "How much it can take, as declared; never enforced." },
    FIELD_LAST,
};

static const struct spec capabilities_spec = { "Capabilities", sizeof(struct capabilities),
                                               capability_fields };

/* clang-format off */
/* What an owner may set. The second argument is where the draft is inside the struct. */
#define DRAFT_FIELDS(type, in)                                                                     \
    { "name", TEXT_AT(type, in name), F_REQUIRED, .min = 1, .max = 100, .format = &format_plain,   \
      .doc = "What people call it.", .example = "\"Screener\"" },                                  \
    { "endpoint_url", TEXT_AT(type, in endpoint_url), F_NULLABLE, .min = 1, .max = URL_MAX,        \
      .doc = "Where calls to it go; https, unless the operator allows more. Kept sealed." },       \
    { "webhook_url", TEXT_AT(type, in webhook_url), F_NULLABLE, .min = 1, .max = URL_MAX,          \
      .doc = "Where events about it are to go; the same rules. Kept sealed." },                    \
    { "endpoint_api_key", TEXT_AT(type, in endpoint_api_key), F_NULLABLE | F_IN_ONLY, .min = 1,    \
      .max = 4096, .format = &format_header_value,                                                 \
      .doc = "Shown to its endpoint with every call. Kept sealed; never shown again." },           \
    { "endpoint_key_header", TEXT_AT(type, in endpoint_key_header), 0, .min = 1, .max = 100,       \
      .format = &format_header_name,                                                               \
      .doc = "The header that carries the key; Authorization when not given." },                   \
    { "endpoint_key_scheme", TEXT_AT(type, in endpoint_key_scheme), 0, .max = 32,                  \
      .format = &format_scheme,                                                                    \
      .doc = "The word in front of the key; Bearer when not given; empty: the key alone." },       \
    { "version_header", TEXT_AT(type, in version_header), F_NULLABLE, .min = 1, .max = 100,        \
      .format = &format_header_name, .doc = "A header to be sent with every call." },              \
    { "version_value", TEXT_AT(type, in version_value), F_NULLABLE, .min = 1, .max = 200,          \
      .format = &format_header_value, .doc = "The value of version_header." },                     \
    { "version", TEXT_AT(type, in version), F_NULLABLE, .min = 1, .max = 64,                       \
      .format = &format_plain, .doc = "Of its software.", .example = "\"1.2.0\"" },                \
    { "license", TEXT_AT(type, in license), F_NULLABLE, .min = 1, .max = 200,                      \
      .format = &format_spdx, .doc = "SPDX expression.", .example = "\"Apache-2.0\"" },            \
    { "programming_language", TEXT_AT(type, in programming_language), F_NULLABLE, .min = 1,        \
      .max = 64, .format = &format_plain, .doc = "What it is written in." },                       \
    { "framework", TEXT_AT(type, in framework), F_NULLABLE, .min = 1, .max = 64,                   \
      .format = &format_plain, .doc = "What it is built with." },                                  \
    { "languages", TEXTS_AT(type, in languages), F_NULLABLE, .max = 50, .item_max = 35,            \
      .format = &format_language, .doc = "Human languages that it speaks (BCP 47).",               \
      .example = "[\"en\", \"pt-BR\"]" },                                                          \
    { "capabilities", OBJECT_AT(type, in capabilities, struct capabilities), F_NULLABLE,           \
      .spec = &capabilities_spec, .doc = "What it says it can do." },                              \
    { "metadata", JSON_AT(type, in metadata), F_NULLABLE, .max = METADATA_MAX,                     \
      .doc = "The owner's own data, kept as it came.", .example = "{\"team\": \"hiring\"}" },      \
    { "fallback_agent_id", TEXT_AT(type, in fallback_agent_id), F_NULLABLE,                        \
      .format = &format_agent_ref,                                                                 \
      .doc = "The agent that answers when this one is offline; of the same organization." },       \
    { "is_public", BOOL_AT(type, in is_public), 0, .doc = "Whether others may see it." }
/* clang-format on */

static bool
is_scheme(const char *text)
{
    for (; *text != '\0'; text++)
        if (*text <= ' ' || *text > '~')
            return false;
    return true;
}

static const char *const good_schemes[] = { "", "Bearer", "Token", "ApiKey", NULL };
static const char *const bad_schemes[] = { "Bearer ", "two words", "B\xc3\xa4r", "a\n", NULL };

/* It goes into a header in front of a space and the key. */
static const struct format format_scheme = {
    .name = "auth-scheme",
    .pattern = "^[!-~]*$",
    .check = is_scheme,
    .say = "must be one word of visible ASCII, or empty",
    .good = good_schemes,
    .bad = bad_schemes,
};

static const struct field draft_fields[] = { DRAFT_FIELDS(struct agent_draft, ), FIELD_LAST };

const struct spec portal_agent_draft_spec = { "Agent", sizeof(struct agent_draft), draft_fields };

static const struct field presence_fields[] = {
    { "status", ENUM_AT(struct presence, state), 0, .names = portal_state_words,
      .doc = "Whether it is there." },
    { "reason", ENUM_AT(struct presence, reason), 0, .names = portal_reason_words,
      .doc = "Why we think so." },
    { "since", TIME_AT(struct presence, since), F_NULLABLE, .doc = "Since when." },
    { "last_seen", TIME_AT(struct presence, last_activity), F_NULLABLE,
      .doc = "Last sign of life of any kind; null: never seen." },
    { "last_heartbeat", TIME_AT(struct presence, last_heartbeat), F_NULLABLE,
      .doc = "Last heartbeat." },
    { "last_probe", TIME_AT(struct presence, last_probe), F_NULLABLE,
      .doc = "Last check of its endpoint." },
    { "next_due", TIME_AT(struct presence, next_due), F_NULLABLE,
      .doc = "When it changes if nothing is heard; null: it does not." },
    { "becomes", ENUM_AT(struct presence, becomes), 0, .names = portal_state_words,
      .doc = "What it is then." },
    FIELD_LAST,
};

static const struct spec presence_spec = { "Presence", sizeof(struct presence), presence_fields };

/* clang-format off */
#define IDENTITY                                                                                   \
    { "id", TEXT_AT(struct agent, id), F_OUT_ONLY, .format = &format_uuid,                         \
      .doc = "UUID; never changes." },                                                             \
    { "permanent_id", TEXT_AT(struct agent, permanent_id), F_OUT_ONLY,                             \
      .doc = "agt- and 8 hex digits; never changes and is never given again." }
#define STANDING                                                                                   \
    { "status", ENUM_AT(struct agent, presence.state), F_OUT_ONLY, .names = portal_state_words,    \
      .doc = "Whether it is there." },                                                             \
    { "is_revoked", BOOL_AT(struct agent, is_revoked), F_OUT_ONLY,                                 \
      .doc = "Ended for good; its token is refused." },                                            \
    { "is_archived", BOOL_AT(struct agent, is_archived), F_OUT_ONLY,                               \
      .doc = "Out of service; it can be restored." },                                              \
    { "last_heartbeat", TIME_AT(struct agent, presence.last_heartbeat), F_OUT_ONLY | F_NULLABLE,   \
      .doc = "Last heartbeat; null: none yet." },                                                  \
    { "presence", OBJECT_AT(struct agent, presence, struct presence), F_OUT_ONLY,                  \
      .spec = &presence_spec, .doc = "Whether it is there, why, and what comes next." },           \
    { "created_at", TIME_AT(struct agent, created_at), F_OUT_ONLY, .doc = "When it registered." }
/* clang-format on */

static const struct field agent_fields[] = {
    IDENTITY,
    { "organization_id", TEXT_AT(struct agent, org_id), F_OUT_ONLY, .format = &format_uuid,
      .doc = "Whose it is." },
    { "slug", TEXT_AT(struct agent, slug), F_OUT_ONLY, .doc = "The name as it fits a URL." },
    DRAFT_FIELDS(struct agent, draft.),
    { "endpoint_key_set", BOOL_AT(struct agent, endpoint_key_set), F_OUT_ONLY,
      .doc = "Whether a key for its endpoint is kept." },
    { "token", TEXT_AT(struct agent, token), F_OUT_ONLY | F_SECRET | F_OMIT_NULL,
      .doc = "tk_ and 64 hex digits: what it proves itself by. Only in the answer that issues it; "
             "null in a late repeat: rotate the token to get one." },
    { "token_hint", TEXT_AT(struct agent, token_hint), F_OUT_ONLY,
      .doc = "The token's beginning and end, to tell it from others." },
    { "token_issued_at", TIME_AT(struct agent, token_issued_at), F_OUT_ONLY,
      .doc = "When its token was issued." },
    { "life", ENUM_AT(struct agent, life), F_OUT_ONLY, .names = portal_life_words,
      .doc = "Where it is in its life." },
    STANDING,
    { "updated_at", TIME_AT(struct agent, updated_at), F_OUT_ONLY,
      .doc = "When its owner last changed it." },
    FIELD_LAST,
};

const struct spec portal_agent_spec = { "Agent", sizeof(struct agent), agent_fields };

static const struct field me_fields[] = {
    IDENTITY,
    { "name", TEXT_AT(struct agent, draft.name), F_OUT_ONLY, .doc = "What people call it." },
    { "slug", TEXT_AT(struct agent, slug), F_OUT_ONLY, .doc = "The name as it fits a URL." },
    { "is_public", BOOL_AT(struct agent, draft.is_public), F_OUT_ONLY,
      .doc = "Whether others may see it." },
    STANDING,
    FIELD_LAST,
};

const struct spec portal_me_spec = { "Me", sizeof(struct agent), me_fields };

static const struct field page_fields[] = { PORTAL_PAGE_FIELDS(&portal_agent_spec) };

const struct spec portal_agent_page_spec = { "AgentPage", sizeof(struct page), page_fields };
