/* What an owner says about an agent: checked, and its secrets sealed. */
#include "domain_priv.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

const char agent_keep_key[] = "(unchanged)";

const struct agent_draft agents_draft_defaults = {
    .endpoint_key_header = "Authorization",
    .endpoint_key_scheme = "Bearer",
};

enum { KEY_MAX = 4096, NAME_MAX_BYTES = 1024, HEADER_MAX = 128, VALUE_MAX = 1024 };

static bool
bad(struct err *err, const char *field, const char *reason)
{
    return err_set(err, ERR_VALIDATION_ERROR, field, reason);
}

static bool
is_printable(const char *text, size_t most)
{
    size_t n = strlen(text);

    for (size_t i = 0; i < n; i++)
        if (text[i] < ' ' || text[i] > '~')
            return false;
    return n <= most && (n == 0 || (text[0] != ' ' && text[n - 1] != ' '));
}

/* RFC 9110, section 5.6.2. */
static bool
is_token(const char *text)
{
    for (const char *c = text; *c != '\0'; c++)
        if (!isalnum((unsigned char)*c) && strchr("!#$%&'*+-.^_`|~", *c) == NULL)
            return false;
    return text[0] != '\0' && strlen(text) <= HEADER_MAX;
}

/* A header that an owner may set in calls to the endpoint: none of those that frame the message. */
static bool
check_header(const char *name, const char *field, struct err *err)
{
    static const char *const ours[] = { "Connection", "Content-Length",    "Expect",
                                        "Host",       "Keep-Alive",        "TE",
                                        "Trailer",    "Transfer-Encoding", "Upgrade" };

    if (!is_token(name))
        return bad(err, field, "This must be the name of a header.");
    for (size_t i = 0; i < COUNT(ours); i++)
        if (strcasecmp(name, ours[i]) == 0)
            return bad(err, field, "This header is set by the service itself.");
    return true;
}

static bool
check_key(const char *key, struct err *err)
{
    if (key[0] == '\0' || !is_printable(key, KEY_MAX))
        return bad(
            err, "endpoint_api_key",
            "The key must be 1 to 4096 printable ASCII characters, without a space at either "
            "end.");
    return true;
}

static bool
check_words(const struct agent_draft *draft, struct err *err)
{
    if (draft->name == NULL || draft->name[0] == '\0' || strlen(draft->name) > NAME_MAX_BYTES)
        return bad(err, "name", "An agent needs a name.");
    if (!check_header(draft->endpoint_key_header, "endpoint_key_header", err))
        return false;
    if (!is_printable(draft->endpoint_key_scheme, HEADER_MAX))
        return bad(err, "endpoint_key_scheme", "The scheme must be one printable ASCII word.");
    if (draft->version_header != NULL &&
        !check_header(draft->version_header, "version_header", err))
        return false;
    if (draft->version_value != NULL && !is_printable(draft->version_value, VALUE_MAX))
        return bad(err, "version_value", "The value must be printable ASCII.");
    return true;
}

static struct seal_place
place_of(const struct agent *agent, const char *column)
{
    return (struct seal_place){ agent->org_id, agent->id, column };
}

/* A URL of a draft: where it is sealed, what it was and what it is to be. */
struct url_change {
    const char *column, *was, *url;
    struct bytes *sealed;
};

/* A URL that did not change keeps its envelope, and is not judged by rules that came later. */
static bool
put_url(struct unit *u, const struct agent *agent, const struct url_change *change, struct err *err)
{
    struct seal_place place = place_of(agent, change->column);
    const char *url = change->url;

    if (url == NULL)
        *change->sealed = (struct bytes){ NULL, 0 };
    if (url == NULL || (change->was != NULL && strcmp(change->was, url) == 0))
        return true;
    if (out_url_read(u->core->guard, url, change->column, u->mem, err) == NULL)
        return false;
    *change->sealed = seal(u->core->keys, &place, url, strlen(url), u->mem, err);
    return change->sealed->v != NULL;
}

static bool
put_key(struct unit *u, struct agent *agent, const char *key, struct err *err)
{
    struct seal_place place = place_of(agent, SEAL_ENDPOINT_KEY);

    if (key == agent_keep_key)
        return true;
    agent->endpoint_key_sealed = (struct bytes){ NULL, 0 };
    if (key == NULL)
        return true;
    if (!check_key(key, err))
        return false;
    agent->endpoint_key_sealed = seal(u->core->keys, &place, key, strlen(key), u->mem, err);
    return agent->endpoint_key_sealed.v != NULL;
}

bool
draft_put(struct unit *u, struct agent *agent, const struct agent_draft *draft, struct err *err)
{
    const struct url_change endpoint = { SEAL_ENDPOINT_URL, agent->draft.endpoint_url,
                                         draft->endpoint_url, &agent->endpoint_url_sealed };
    const struct url_change webhook = { SEAL_WEBHOOK_URL, agent->draft.webhook_url,
                                        draft->webhook_url, &agent->webhook_url_sealed };

    agent->draft = *draft;
    if (draft->endpoint_key_header == NULL)
        agent->draft.endpoint_key_header = agents_draft_defaults.endpoint_key_header;
    if (draft->endpoint_key_scheme == NULL)
        agent->draft.endpoint_key_scheme = agents_draft_defaults.endpoint_key_scheme;
    agent->draft.endpoint_api_key = NULL;
    return check_words(&agent->draft, err) && put_url(u, agent, &endpoint, err) &&
           put_url(u, agent, &webhook, err) && put_key(u, agent, draft->endpoint_api_key, err);
}

static void
wipe_text(void *text)
{
    explicit_bzero(text, strlen(text));
}

char *
draft_open_text(const struct core *core, const struct seal_place *place, struct bytes sealed,
                struct arena *mem, struct err *err)
{
    struct secret *plain SECRET_SCOPED = seal_open(core->keys, place, sealed, err);

    if (plain == NULL)
        return NULL;
    return arena_own(mem, arena_textn(mem, secret_bytes(plain), secret_size(plain)), wipe_text);
}

bool
draft_open(struct unit *u, const struct agent *agent, const char *column, struct bytes sealed,
           const char **url, struct err *err)
{
    struct seal_place place = place_of(agent, column);

    *url = sealed.v == NULL ? NULL : draft_open_text(u->core, &place, sealed, u->mem, err);
    return sealed.v == NULL || *url != NULL;
}
