/* DID documents (did:web) of this service and of public agents. The keys are those that sign our
 * tokens: this service speaks for its agents. Whoever asks: there is no caller. */
#ifndef DOMAIN_DIDS_H
#define DOMAIN_DIDS_H

#include "domain/core.h"
#include "model/did.h"

/* The DID of an agent, or with id NULL of this service (did:web, a port's colon as %3A); NULL when
 * the service has no address of its own. In mem. */
char *dids_name(const struct core *core, const char *id, struct arena *mem);

/* Of this service. The service must have an address of its own. */
struct did_document *dids_service(struct unit *u, struct err *err) MUST_CHECK;

/* Of an agent: VALIDATION_ERROR on agentId unless id is a UUID; AGENT_NOT_FOUND also when the agent
 * is not public, or its organization is not active. The service must have an address. */
struct card_detail *dids_agent(struct unit *u, const char *id, struct err *err) MUST_CHECK;

/* As dids_agent: its AGNTCY card. */
struct did_card *dids_card(struct unit *u, const char *id, struct err *err) MUST_CHECK;

#endif
