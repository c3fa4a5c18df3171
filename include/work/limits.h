/* The rate limits of the rows, and how many agents each organization has in service. */
#ifndef WORK_LIMITS_H
#define WORK_LIMITS_H

#include "domain/presence.h"
#include "work/service.h"

/* Counts a request against the limits of its row, and notes in rq->rate how far a limit of one
 * credential or client is used up. RATE_LIMITED with the seconds to wait and the fact limit. */
bool limits_take(struct service *service, struct request *rq, struct err *err) MUST_CHECK;

/* Counts a request of a client that has proved itself, with all others of this client. The row's
 * own limit (LIMIT_CLIENT) was counted before by client and address. */
bool limits_take_proved(struct service *service, struct request *rq, struct err *err) MUST_CHECK;

/* Counts a refused credential against the client's address; false with RATE_LIMITED in place of
 * the refusal when there were too many. */
bool limits_take_refusal(struct service *service, const struct request *rq, struct err *err);

struct org_counts *org_counts_new(void);
void org_counts_free(struct org_counts *counts);

/* Replaces all counts: a list of struct org_agents in order of the organizations' bytes. */
void org_counts_set(struct org_counts *counts, const struct list *orgs);
/* Agents in service, as of the last minute; 0 when not known. */
int64_t org_counts_get(struct org_counts *counts, const struct uuid *org);

#endif
