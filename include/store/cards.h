/* What agent cards are drawn from: public agent types, and the cards that their instances gave. */
#ifndef STORE_CARDS_H
#define STORE_CARDS_H

#include "db/db.h"

extern const struct stmt store_cards_stmts[];

struct card_type {
    const char *agent_type, *name;
    int64_t instances; /* that can be called now; more than 1000 are not counted         */
    const char *card;  /* JSON, of the instance that registered last; NULL: none, too large */
};

/* The public agent types of all organizations, in order of their names, at most limit; cards only
 * until they have most bytes together: a list of struct card_type. */
struct list *store_cards_public(struct db_tx *tx, int64_t limit, int64_t most, struct arena *mem,
                                struct err *err) MUST_CHECK;

/* NULL with err unset when there is no such public type. */
struct card_type *store_cards_find(struct db_tx *tx, const char *agent_type, struct arena *mem,
                                   struct err *err) MUST_CHECK;

/* The card of a type (or permanent id) of org, public or not; NULL with err unset when there is no
 * such agent in service. */
struct card_type *store_cards_of_org(struct db_tx *tx, const char *org, const char *agent_type,
                                     struct arena *mem, struct err *err) MUST_CHECK;

#endif
