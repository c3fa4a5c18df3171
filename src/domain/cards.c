/* Agent cards: which of them are public. */
#include "domain/cards.h"

static struct card_type *
found(struct card_type *type, struct err *err)
{
    if (type == NULL && err->code == ERR_NONE)
        err_set(err, ERR_AGENT_NOT_FOUND, "agent_type", NULL);
    return type;
}

struct list *
cards_public(struct unit *u, struct err *err)
{
    return store_cards_public(db_single(u->db), CARD_TYPES_MAX, CARD_BYTES_MAX, u->mem, err);
}

struct card_type *
cards_type(struct unit *u, const char *agent_type, struct err *err)
{
    return found(store_cards_find(db_single(u->db), agent_type, u->mem, err), err);
}

struct card_type *
cards_own(struct unit *u, const char *agent_type, struct err *err)
{
    return found(store_cards_of_org(db_single(u->db), u->by->org_text, agent_type, u->mem, err),
                 err);
}
