/* Agent cards that clients of A2A 0.3 and of 1.0 both read: the members of the two beside each
 * other. */
#include "api/mesh/cards.h"

#include "base/must.h"
#include "domain/cards.h"
#include "http/draw.h"
#include "work/service.h"

#include <string.h>

enum { MAX_AGE_S = 60, SKILLS_MAX = 2000, SKILL_BYTES_MAX = 64 * 1024 };

/* ---- what all cards say ---- */

static json_t *
modes(void)
{
    return must(json_pack("[s, s]", "application/json", "text/plain"));
}

/* url: where JSON-RPC is taken. */
static json_t *
card_at(struct request *rq, const char *name, const char *description, const char *url)
{
    const char *issuer = service_of(rq)->core.issuer;

    return must(json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:[{s:s, s:s, s:s}, {s:s, s:s, s:s}], s:[{s:s, s:s}],"
        " s:{s:b, s:b, s:b}, s:o, s:o, s:{s:s, s:s}, s:{s:{s:s, s:s, s:{s:s}}}, s:[{s:[]}],"
        " s:b, s:s}",
        "name", name, "description", description, "url", url, "version", ROSTERD_VERSION,
        "protocolVersion", "0.2.3", "preferredTransport", "JSONRPC", "supportedInterfaces", "url",
        url, "protocolBinding", "JSONRPC", "protocolVersion", "1.0", "url", url, "protocolBinding",
        "JSONRPC", "protocolVersion", "0.3", "additionalInterfaces", "url", url, "transport",
        "JSONRPC", "capabilities", "streaming", 1, "pushNotifications", 0, "stateTransitionHistory",
        0, "defaultInputModes", modes(), "defaultOutputModes", modes(), "provider", "organization",
        "Roster", "url", issuer, "securitySchemes", "bearer", "type", "http", "scheme", "bearer",
        "httpAuthSecurityScheme", "scheme", "Bearer", "security", "bearer",
        "supportsAuthenticatedExtendedCard", 0, "documentationUrl",
        arena_printf(rq->mem, "%s/docs", issuer)));
}

static void
answer(struct request *rq, json_t *card)
{
    rq->reply.bytes = draw_json(rq->mem, card, &rq->reply.size);
    rq->reply.type = rq->route->out_type;
    rq->etag = 1;
    reply_header(rq, "Cache-Control", arena_printf(rq->mem, "public, max-age=%d", MAX_AGE_S));
    draw_out(rq);
}

/* ---- the skills that agents gave ---- */

/* What an instance registered; NULL when nothing can be read from it. */
static json_t *
read_card(struct request *rq, const struct card_type *type)
{
    struct err ignored = { 0 };
    json_t *card =
        type->card == NULL ? NULL : json_read(type->card, strlen(type->card), rq->mem, &ignored);

    return json_is_object(card) ? card : NULL;
}

static const char *
text_of(json_t *object, const char *key, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text == NULL || text[0] == '\0' ? otherwise : text;
}

/* Copies members of those that clients read, where their kind is right. */
static void
copy_members(json_t *from, json_t *to)
{
    static const char *const lists[] = { "tags", "examples", "inputModes", "outputModes", NULL };
    json_t *parameters = json_object_get(from, "parameters");

    for (size_t i = 0; lists[i] != NULL; i++) {
        json_t *list = json_object_get(from, lists[i]), *item;
        size_t n;

        if (!json_is_array(list) || json_array_size(list) == 0)
            continue;
        json_t *copy = must(json_array());
        json_array_foreach(list, n, item) if (json_is_string(item)) json_array_append(copy, item);
        json_object_set_new(to, lists[i], copy);
    }
    if (json_is_object(parameters))
        json_object_set(to, "parameters", parameters);
}

/* prefix NULL: under its own id. NULL when it has none. */
static json_t *
draw_skill(struct request *rq, json_t *skill, const char *prefix, int64_t instances)
{
    const char *id = text_of(skill, "id", NULL);

    if (id == NULL)
        return NULL;
    const char *name = text_of(skill, "name", id);
    json_t *drawn =
        must(json_pack("{s:s, s:s, s:s, s:[]}", "id",
                       prefix == NULL ? id : arena_printf(rq->mem, "%s:%s", prefix, id), "name",
                       name, "description", text_of(skill, "description", name), "tags"));

    copy_members(skill, drawn);
    if (prefix == NULL)
        return drawn;
    json_t *tags = json_object_get(drawn, "tags");
    json_array_append_new(tags, json_string(arena_printf(rq->mem, "remote:%s", prefix)));
    json_array_append_new(
        tags, json_string(arena_printf(rq->mem, "instances:%lld", (long long)instances)));
    return drawn;
}

/* Adds the skills of a card while there is room; *room counts down bytes. */
static void
add_skills(struct request *rq, const struct card_type *type, const char *prefix, json_t *skills,
           size_t *room)
{
    json_t *given = json_object_get(read_card(rq, type), "skills"), *skill;
    size_t n;

    json_array_foreach(given, n, skill)
    {
        json_t *drawn = draw_skill(rq, skill, prefix, type->instances);
        const char *text = drawn == NULL ? NULL : json_text(drawn, SKILL_BYTES_MAX, rq->mem);

        if (text == NULL || strlen(text) > *room || json_array_size(skills) >= SKILLS_MAX) {
            json_decref(drawn);
            continue;
        }
        *room -= strlen(text);
        json_array_append_new(skills, drawn);
    }
}

/* ---- handlers ---- */

static bool
get_aggregate(struct request *rq, struct err *err)
{
    const struct list *types = cards_public(rq->unit, err);
    const char *issuer = service_of(rq)->core.issuer;
    size_t room = CARD_BYTES_MAX;

    if (types == NULL)
        return false;

    json_t *skills = must(json_array()), *instances = must(json_object());
    for (size_t i = 0; i < types->n; i++) {
        const struct card_type *type = types->v[i];

        add_skills(rq, type, type->agent_type, skills, &room);
        json_object_set_new(instances, type->agent_type, json_integer(type->instances));
    }
    json_t *card = card_at(rq, "Roster", "An agent registry: calls go on to the agents behind it.",
                           arena_printf(rq->mem, "%s/send", issuer));
    json_object_set_new(card, "skills", skills);
    json_object_set_new(card, "instances", instances);
    answer(rq, card);
    return true;
}

static bool
get_type(struct request *rq, struct err *err)
{
    const struct card_type *type = cards_type(rq->unit, rq->args[0], err);
    const char *issuer = service_of(rq)->core.issuer;
    size_t room = CARD_BYTES_MAX;

    if (type == NULL)
        return false;

    json_t *own = read_card(rq, type), *skills = must(json_array());
    const char *name = text_of(own, "name", type->name);
    json_t *card = card_at(rq, name, text_of(own, "description", name),
                           arena_printf(rq->mem, "%s/agents/%s/send", issuer, type->agent_type));
    add_skills(rq, type, NULL, skills, &room);
    json_object_set_new(card, "version", json_string(text_of(own, "version", "0.0.0")));
    json_object_set_new(card, "skills", skills);
    json_object_set_new(card, "instances",
                        json_pack("{s:I}", type->agent_type, (json_int_t)type->instances));
    answer(rq, card);
    return true;
}

/* ---- the rows ---- */

const struct field mesh_type_args[] = {
    { "agent_type", .kind = FIELD_TEXT, .doc = "The type, or a permanent id." },
    FIELD_LAST,
};

const struct route mesh_cards_routes[] = {
    { "GET", "/.well-known/agent-card.json", get_aggregate, "meshCard",
      "The agent card of this service", .limit = LIMIT_PUBLIC, .ok = 200,
      .out_type = "application/json", .flags = ROUTE_ETAG,
      .doc =
          "With the skills of all public agent types, as agent_type:skill_id. It may be kept for "
          "a minute." },
    { "GET", "/agents/{agent_type}/.well-known/agent-card.json", get_type, "meshTypeCard",
      "The agent card of a public agent type", .args = mesh_type_args, .limit = LIMIT_PUBLIC,
      .ok = 200, .out_type = "application/json", .flags = ROUTE_ETAG,
      .fails = { ERR_AGENT_NOT_FOUND },
      .doc = "A call goes to the agent of that type of the caller's own organization." },
    ROUTE_LAST,
};
