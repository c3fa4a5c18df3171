/* The public catalogue. Whoever asks: there is no caller. */
#ifndef DOMAIN_MARKET_H
#define DOMAIN_MARKET_H

#include "domain/core.h"
#include "model/market.h"

/* A page of struct card, newest first; total and pages end at MARKET_MAX. */
struct numbered_page *market_list(struct unit *u, const struct card_filter *filter,
                                  struct err *err) MUST_CHECK;

/* VALIDATION_ERROR on agentId unless it is a UUID; AGENT_NOT_FOUND also when it is not public. */
struct card *market_get(struct unit *u, const char *id, struct err *err) MUST_CHECK;

#endif
