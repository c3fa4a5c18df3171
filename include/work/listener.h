/* The listener: one thread that watches the database, hears of changes made on other nodes, and
 * opens the gate once the schema and the master key are known to be right. */
#ifndef WORK_LISTENER_H
#define WORK_LISTENER_H

#include "work/service.h"

struct listener;

struct listener *listener_open(struct service *service, struct err *err) MUST_CHECK;
void listener_close(struct listener *listener);

/* Connects and checks schema and master key. Opens the gate when all is right. DATABASE_UNAVAILABLE
 * when it cannot be told yet; INTERNAL_ERROR, with a reason for the operator, when something is
 * wrong. */
bool listener_check(struct service *service, struct db *db, struct err *err) MUST_CHECK;

#endif
