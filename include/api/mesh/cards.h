/* Agent cards: of this service with the skills of all public agent types, and of each type. */
#ifndef API_MESH_CARDS_H
#define API_MESH_CARDS_H

#include "http/route.h"

extern const struct route mesh_cards_routes[];

/* For other rows of this dialect: {agent_type}. */
extern const struct field mesh_type_args[];

#endif
