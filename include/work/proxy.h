/* The synchronous proxy: a call from one agent to another over a connection, streamed both ways. */
#ifndef WORK_PROXY_H
#define WORK_PROXY_H

#include "base/must.h"
#include "http/request.h"

/* What X-Tragentics-Protocol may say; NULL-terminated. */
extern const char *const proxy_protocols[];

/* Handler of the streaming rows: rq->args[0] is the connection, rq->rest the further path. Parks;
 * fails with the codes of the row. */
bool proxy_begin(struct request *rq, struct err *err) MUST_CHECK;

#endif
