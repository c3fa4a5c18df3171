/* The one scope list, for API keys and access tokens; stored as bits. */
#ifndef MODEL_SCOPE_H
#define MODEL_SCOPE_H

enum scope {
    SCOPE_NONE = 0,
    SCOPE_AGENTS_READ = 1 << 0,
    SCOPE_AGENTS_WRITE = 1 << 1,
    SCOPE_TOKENS_READ = 1 << 2,
    SCOPE_AUDIT_READ = 1 << 3,
    SCOPE_WEBHOOKS_READ = 1 << 4,
    SCOPE_WEBHOOKS_WRITE = 1 << 5,
    SCOPE_ADMIN_ORGS = 1 << 6,
    SCOPE_OPENID = 1 << 7,
};

enum { SCOPE_COUNT = 8 };

#endif
