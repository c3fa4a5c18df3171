/* How an instance can tell that a dispatch comes from us: the envelope "svantic_auth". */
#ifndef DOMAIN_PROOF_H
#define DOMAIN_PROOF_H

#include "domain/core.h"

/* For so long is a proof good; agents read it when the dispatch comes. */
enum { PROOF_LIFE_S = 60 };

struct proof {
    const char *scheme, *token; /* in mem, the token wiped with it */
    int64_t expires_at;         /* Unix seconds                    */
};

/* The proof for one dispatch to one instance, by its scheme: its shared secret; or a JWT for it
 * alone, signed with its HS256 secret when it has one, else with our ES256 key. NULL when proofs
 * are turned off (core->dispatch.proof), with err unset; DISPATCH_AUTH_UNAVAILABLE. */
struct proof *proof_make(struct unit *u, const struct fleet_target *target, const char *dispatch_id,
                         struct err *err) MUST_CHECK;

/* Where dispatches to a hosted instance go, read and judged as any endpoint; NO_ENDPOINT,
 * IP_PROHIBITED. */
struct out_url *proof_url(struct unit *u, const struct fleet_target *target,
                          struct err *err) MUST_CHECK;

/* What a node shows to another node with a request of this body: a MAC under the master key, which
 * all nodes have, good for PROOF_SKEW_MS and at that node alone. In mem. */
enum { PROOF_SKEW_MS = 30 * 1000 };
char *proof_of_node(const struct core *core, const struct uuid *to, const char *body,
                    struct arena *mem);

/* Whether what was given (NULL: nothing) is that, for this node. */
bool proof_is_of_node(const struct core *core, const char *given, const char *body,
                      struct arena *mem);

#endif
