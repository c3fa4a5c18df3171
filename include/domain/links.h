/* The rules of connections, and reading the records of calls. */
#ifndef DOMAIN_LINKS_H
#define DOMAIN_LINKS_H

#include "base/buf.h"
#include "domain/core.h"
#include "model/link.h"

/* Connects two agents of the caller's organization; a network that is not named is the "Default
 * Network", made when first needed. VALIDATION_ERROR on source_agent_id, target_agent_id (no such
 * agent, the same agent) or network_id; AGENT_STATE when one of them is revoked. */
struct connection *links_create(struct unit *u, const struct connection_draft *draft,
                                struct err *err) MUST_CHECK;
struct connection *links_get(struct unit *u, const char *id, struct err *err) MUST_CHECK;
struct page *links_list(struct unit *u, const struct connection_filter *filter,
                        struct err *err) MUST_CHECK;
/* Calls over it get 404 from then on. */
bool links_delete(struct unit *u, const char *id, struct err *err) MUST_CHECK;

/* Records of calls, newest first: a page of struct call_record. */
struct page *calls_list(struct unit *u, const struct call_filter *filter,
                        struct err *err) MUST_CHECK;

/* Appends the record of a call (its id is given by the database) to rows for calls_record. */
void calls_row(const struct call_record *record, struct buf *rows);

/* Keeps the records, whether or not their agents still exist. All or nothing. */
bool calls_record(struct unit *u, const struct buf *rows, struct err *err) MUST_CHECK;

/* For the cache; NULL with err unset when there is none. */
struct cached_connection *links_load(struct unit *u, const struct uuid *id,
                                     struct err *err) MUST_CHECK;

#endif
