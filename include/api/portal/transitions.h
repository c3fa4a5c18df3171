/* /api/status-transitions: changes of presence, as JSON and as CSV. */
#ifndef API_PORTAL_TRANSITIONS_H
#define API_PORTAL_TRANSITIONS_H

#include "base/arena.h"
#include "http/route.h"
#include "model/presence.h"

extern const struct route portal_transitions_routes[];

/* A transition as it is drawn. */
struct portal_transition {
    struct transition t;
    int trigger; /* index in its words: what set it off */
};

extern const struct spec portal_transition_spec;

/* Derives what is not stored. In mem. */
struct portal_transition *portal_transition_of(const struct transition *t, struct arena *mem);

#endif
