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

/* What is behind "Bearer "; NULL, said, when that is not there. */
static const char *
bearer_of(const char *authorization, const char *want, struct err *err)
{
    if (authorization == NULL || *authorization == '\0') {
        err_setf(err, ERR_UNAUTHORIZED, "Authorization", "Authorization: Bearer with %s is needed.",
                 want);
        return NULL;
    }
    if (strncasecmp(authorization, "Bearer ", 7) != 0) {
        err_setf(err, ERR_UNAUTHORIZED, "Authorization",
                 "The Authorization scheme must be Bearer, with %s.", want);
        return NULL;
    }
    return authorization + 7 + strspn(authorization + 7, " ");
}

static bool
refuse_kind(enum token_kind kind, const char *want, struct err *err)
{
    if (kind == TOKEN_MALFORMED || kind == TOKEN_NONE)
        return err_setf(err, ERR_UNAUTHORIZED, "Authorization",
                        "The token is malformed: it must be %s, with 64 lower-case hex digits "
                        "behind a prefix.",
                        want);
    return err_setf(err, ERR_WRONG_CREDENTIAL, "Authorization", "This address expects %s, not %s.",
                    want, kind_name(kind));
}

bool
callers_read(const char *authorization, struct digest *hash, struct err *err)
{
    const char *want = kind_name(TOKEN_AGENT), *text = bearer_of(authorization, want, err);
    if (text == NULL)
        return false;

    enum token_kind kind = token_read(text, strlen(text), hash);
    return kind == TOKEN_AGENT || refuse_kind(kind, want, err);
}

bool
callers_read_scoped(const char *authorization, const char **token, struct digest *hash,
                    struct err *err)
{
    static const char want[] = "an API key (rk_…) or an access token (JWT)";
    const char *text = bearer_of(authorization, want, err);

    *token = NULL;
    if (text == NULL)
        return false;
    size_t n = strlen(text);
    enum token_kind kind = token_read(text, n, hash);
    if (kind == TOKEN_JWT) {
        *token = text;
        *hash = hash_sha256(text, n);
    }
    return kind == TOKEN_JWT || kind == TOKEN_KEY || refuse_kind(kind, want, err);
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
callers_have(unsigned scopes, unsigned need, const char *what, struct err *err)
{
    for (int bit = 0; scope_names[bit] != NULL; bit++)
        if ((need & 1u << bit) != 0 && (scopes & 1u << bit) == 0) {
            err_setf(err, ERR_INSUFFICIENT_SCOPE, "Authorization", "This %s lacks the scope %s.",
                     what, scope_names[bit]);
            err_fact_text(err, "scope", scope_names[bit]);
            return false;
        }
    return true;
}

bool
callers_from_key(const struct cached_key *key, unsigned need, struct caller *caller,
                 struct err *err)
{
    if (key == NULL)
        return err_set(err, ERR_UNAUTHORIZED, "Authorization", "This API key is not known.");
    if (key->suspended)
        return err_set(err, ERR_FORBIDDEN, "Authorization", "This organization is suspended.");
    if (!callers_have(key->caller.scopes, need, "API key", err))
        return false;
    *caller = key->caller;
    return true;
}
