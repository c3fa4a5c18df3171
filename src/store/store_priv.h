/* What the stores share. */
#ifndef STORE_STORE_PRIV_H
#define STORE_STORE_PRIV_H

#include "db/db.h"

/* db_all with the list in mem; NULL on failure. */
struct list *store_all(struct db_tx *tx, const struct stmt *stmt, struct db_args args,
                       struct arena *mem, struct err *err) MUST_CHECK;

/* The only column of a statement that counts; the number it gives, or -1 on failure. */
extern const struct db_shape store_number_row;
int64_t store_number(struct db_tx *tx, const struct stmt *stmt, struct db_args args,
                     struct arena *mem, struct err *err) MUST_CHECK;

/* What lies before a page (from 1) of a list that ends at most. */
int64_t store_offset(int64_t page, int64_t limit, int64_t most);

/* For ILIKE: finds part anywhere, whatever is in it; in mem. */
char *store_pattern(const char *part, struct arena *mem);
struct texts store_patterns(const struct texts *parts, struct arena *mem);

/* Columns of audit_events e as store_audit_event_row reads them, but for the hash, which ends it.
 */
#define STORE_AUDIT_COLUMNS                                                                        \
    "e.seq, e.id, e.org_id, e.agent_id, e.action, e.failed, ms(e.at), e.ip, e.user_agent,"         \
    " e.metadata"
extern const struct db_shape store_audit_event_row;

/* Agents of an organization that are not revoked, as an expression: exact in the snapshot of the
 * statement, without counting them. */
#define STORE_LIVING(org)                                                                          \
    "(coalesce((SELECT c.living FROM agent_counts c WHERE c.org_id = " org "), 0)"                 \
    " + coalesce((SELECT sum(d.living) FROM agent_deltas d WHERE d.org_id = " org "), 0))::bigint"

/* The events that tell of the agents inserted as a, of which the rows i have the id and the event:
 * i (id, event, action, ip, user_agent, event_metadata); and the arguments for the last five. */
#define STORE_EVENTS                                                                               \
    " e AS MATERIALIZED (SELECT a.id, audit_append(i.event::uuid, a.org_id, a.id,"                 \
    " i.action::smallint, false, i.ip, i.user_agent, i.event_metadata::json) AS event"             \
    " FROM a JOIN i ON i.id::uuid = a.id)"
#define STORE_EVENT_ARGS(new)                                                                      \
    DB_TEXT((new)->id), DB_INT((int)(new)->entry.action), DB_TEXT((new)->ip),                      \
        DB_TEXT((new)->user_agent), DB_TEXT((new)->entry.metadata)

#endif
