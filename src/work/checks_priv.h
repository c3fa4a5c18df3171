/* The health check of this node: which endpoints are asked when, and what becomes of the answers.
 */
#ifndef WORK_CHECKS_PRIV_H
#define WORK_CHECKS_PRIV_H

#include "work/service.h"

struct checks;

/* On the thread that calls the others. */
struct checks *checks_new(struct service *service);

/* Drops what is queued and under way. */
void checks_free(struct checks *checks);

/* To be called all the time: queues the endpoints whose moment has come since the last call, so
 * that all have theirs once in an interval; after a long pause goes on from now. One whose check
 * before has not ended is left out. */
bool checks_due(struct checks *checks, const struct unit *u, struct err *err) MUST_CHECK;

/* Asks them, and hands the answers to the writer; for at most wait_ms, or until it is woken. */
void checks_run(struct checks *checks, int wait_ms);

/* Ends a checks_run that is waiting, from any thread. */
void checks_wake(struct checks *checks);

#endif
