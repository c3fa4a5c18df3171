/* Access tokens: issued to clients, checked on every request, told about, revoked. */
#ifndef DOMAIN_TOKENS_H
#define DOMAIN_TOKENS_H

#include "domain/clients.h"
#include "domain/core.h"
#include "model/identity.h"

enum { TOKEN_LIFE_S = 3600 };

/* The typ of an id token; that of an access token is ACCESS_TYPE (domain/access.h). */
#define TOKEN_TYPE_ID "JWT"

/* What a client asks for; texts as it sent them, NULL when not given. */
struct token_request {
    const char *grant_type, *scope, *resource, *nonce;
    struct client_proof proof;
    bool (*admit)(void *arg, struct err *err); /* asked once the client is proved; NULL: nobody */
    void *arg;
};

struct token_grant {
    const char *access_token, *id_token; /* id_token NULL: scope openid was not asked for */
    const char *scope;                   /* what was granted                              */
    int64_t expires_in;                  /* seconds                                       */
};

/* The client credentials grant (RFC 6749, section 4.4). In this order: VALIDATION_ERROR (a
 * parameter is missing), UNSUPPORTED_GRANT_TYPE, INVALID_SCOPE (no scope of ours), INVALID_TARGET
 * (RFC 8707: no address of ours), then as clients_prove, what admit says, INVALID_SCOPE (not for
 * this client), TIER_LIMIT_EXCEEDED with the facts limit and current. A token is counted, signed
 * and in the audit log together, or not at all. */
struct token_grant *tokens_issue(struct unit *u, const struct token_request *want,
                                 struct err *err) MUST_CHECK;

/* What the caller may know of a token (RFC 7662); of one that is not active, nothing else. */
struct token_facts {
    bool active;
    const char *sub, *client_id, *scope, *token_type, *iss, *aud, *jti, *organization_id;
    int64_t iat, exp;
};

/* A token of another organization is not active, unless the caller is an operator. */
struct token_facts *tokens_introspect(struct unit *u, const char *token,
                                      struct err *err) MUST_CHECK;

/* Ends a token before its time (RFC 7009): here at once, on other nodes within seconds. One's own,
 * or with SCOPE_TOKENS_READ any of one's organization. A text that is no token in force, or one of
 * another organization, changes nothing and is no error. INSUFFICIENT_SCOPE with the fact scope. */
bool tokens_revoke(struct unit *u, const char *token, struct err *err) MUST_CHECK;

/* The agent that calls with an access token; FORBIDDEN for any other credential. */
struct identity *tokens_self(struct unit *u, struct err *err) MUST_CHECK;

#endif
