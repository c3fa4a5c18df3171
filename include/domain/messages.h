/* Messages of the mesh: the durable record of each call that came by /send. */
#ifndef DOMAIN_MESSAGES_H
#define DOMAIN_MESSAGES_H

#include "domain/core.h"
#include "model/session.h"
#include "store/messages.h"

/* Records a message that is under way from now on. session_id need not be a UUID. AGENT_NOT_FOUND,
 * SESSION_NOT_FOUND, SESSION_CLOSED: nothing is recorded. fresh->id is given here. */
struct message *messages_begin(struct unit *u, const struct message_new *fresh,
                               struct err *err) MUST_CHECK;

/* How it ended. *late: it had ended before, by a cancellation, and nothing has changed. */
bool messages_end(struct unit *u, const char *id, const struct message_end *end, bool *late,
                  struct err *err) MUST_CHECK;

/* One page, newest first, without request and result. A session of another organization has none.
 */
struct mesh_page *messages_list(struct unit *u, const struct message_filter *filter,
                                struct err *err) MUST_CHECK;

/* MESSAGE_NOT_FOUND. */
struct message *messages_get(struct unit *u, const char *id, struct err *err) MUST_CHECK;

/* Cancels one that has not ended; what its agent answers from then on is dropped.
 * MESSAGE_NOT_FOUND, MESSAGE_ENDED. */
struct message *messages_cancel(struct unit *u, const char *id, struct err *err) MUST_CHECK;

/* Deletes messages, and sessions that have ended, older than keep_ms, and fails messages that are
 * under way for lost_ms: longer than a dispatch may take. In steps of bounded size. *more: again at
 * once. */
bool messages_clean(struct unit *u, int64_t keep_ms, int64_t lost_ms, bool *more,
                    struct err *err) MUST_CHECK;

#endif
