/* Credentials to callers; the words in the refusals are what existing clients look for. */
#include "domain/callers.h"

#include "domain/keys.h"

#include <string.h>
#include <strings.h>

static const char *
kind_name(enum token_kind kind)
{
    switch (kind) {
    case TOKEN_AGENT:
        return "an agent token (tk_…)";
    case TOKEN_KEY:
        return "an API key (rk_…)";
    case TOKEN_LIVE:
        return "a client secret (sk_live_…)";
    case TOKEN_JWT:
        return "an access token (JWT)";
    case TOKEN_NONE:
    case TOKEN_MALFORMED:
        break;
    }
    return "something else";
}

bool
callers_read(const char *authorization, enum token_kind want, struct digest *hash, struct err *err)
{
    if (authorization == NULL || *authorization == '\0')
        return err_setf(err, ERR_UNAUTHORIZED, "Authorization",
                        "Authorization: Bearer with %s is needed.", kind_name(want));
    if (strncasecmp(authorization, "Bearer ", 7) != 0)
        return err_setf(err, ERR_UNAUTHORIZED, "Authorization",
                        "The Authorization scheme must be Bearer, with %s.", kind_name(want));
    const char *text = authorization + 7;
    text += strspn(text, " ");
    enum token_kind kind = token_read(text, strlen(text), hash);
    if (kind == want)
        return true;
    if (kind == TOKEN_MALFORMED || kind == TOKEN_NONE)
        return err_setf(err, ERR_UNAUTHORIZED, "Authorization",
                        "The token is malformed: %s is its prefix and 64 lower-case hex digits.",
                        kind_name(want));
    return err_setf(err, ERR_WRONG_CREDENTIAL, "Authorization", "%s is expected here, not %s.",
                    want == TOKEN_AGENT ? "An agent token (tk_…)" : "An API key (rk_…)",
                    kind_name(kind));
}

bool
callers_from_agent(const struct cached_agent *agent, struct caller *caller, struct err *err)
{
    static const enum err_code refusals[] = {
        [LIFE_ACTIVE] = ERR_NONE,
        [LIFE_ARCHIVED] = ERR_AGENT_ARCHIVED,
        [LIFE_REVOKED] = ERR_AGENT_REVOKED,
        [LIFE_DISABLED] = ERR_AGENT_DISABLED,
    };

    if (agent == NULL)
        return err_set(err, ERR_UNAUTHORIZED, "Authorization", "This agent token is not known.");
    if (refusals[agent->life] != ERR_NONE)
        return err_set(err, refusals[agent->life], "Authorization", NULL);
    *caller = (struct caller){ .kind = CALLER_AGENT, .id = agent->id, .org = agent->org };
    memcpy(caller->id_text, agent->id_text, sizeof caller->id_text);
    memcpy(caller->org_text, agent->org_text, sizeof caller->org_text);
    memcpy(caller->permanent_id, agent->permanent_id, sizeof caller->permanent_id);
    return true;
}

bool
callers_from_key(const struct cached_key *key, unsigned need, struct caller *caller,
                 struct err *err)
{
    if (key == NULL)
        return err_set(err, ERR_UNAUTHORIZED, "Authorization", "This API key is not known.");
    for (int bit = 0; scope_names[bit] != NULL; bit++)
        if ((need & 1u << bit) != 0 && (key->caller.scopes & 1u << bit) == 0) {
            err_setf(err, ERR_INSUFFICIENT_SCOPE, "Authorization",
                     "This API key lacks the scope %s.", scope_names[bit]);
            err_fact_text(err, "scope", scope_names[bit]);
            return false;
        }
    *caller = key->caller;
    return true;
}
