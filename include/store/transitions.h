/* The status_transitions table: read and cleaned here, written with presence. */
#ifndef STORE_TRANSITIONS_H
#define STORE_TRANSITIONS_H

#include "db/db.h"
#include "model/link.h"
#include "model/presence.h"

extern const struct stmt store_transitions_stmts[];

/* At most filter->limit rows with an id below before (0: from the newest): a list of struct
 * transition. Transitions of deleted agents are found by their permanent id as well. */
struct list *store_transitions_list(struct db_tx *tx, const char *org,
                                    const struct transition_filter *filter, int64_t before,
                                    struct arena *mem, struct err *err) MUST_CHECK;

/* Deletes at most limit of the oldest rows that are older than keep_ms; how many, or -1. */
long store_transitions_clean(struct db_tx *tx, int64_t keep_ms, int64_t limit, struct arena *mem,
                             struct err *err) MUST_CHECK;

#endif
