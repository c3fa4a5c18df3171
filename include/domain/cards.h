/* Agent cards: what is said of agent types to whoever asks, and which skill a call means. */
#ifndef DOMAIN_CARDS_H
#define DOMAIN_CARDS_H

#include "domain/core.h"
#include "store/cards.h"

enum { CARD_TYPES_MAX = 1000, CARD_BYTES_MAX = 1024 * 1024 };

/* The public agent types of all organizations, at most CARD_TYPES_MAX of struct card_type, with
 * cards of at most CARD_BYTES_MAX bytes together. */
struct list *cards_public(struct unit *u, struct err *err) MUST_CHECK;

/* AGENT_NOT_FOUND: there is no such public type. */
struct card_type *cards_type(struct unit *u, const char *agent_type, struct err *err) MUST_CHECK;

/* What an agent type of the caller's organization says of itself; AGENT_NOT_FOUND. */
struct card_type *cards_own(struct unit *u, const char *agent_type, struct err *err) MUST_CHECK;

#endif
