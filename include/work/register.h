/* Registering an instance of the mesh: a hosted one is asked for its card on the way. */
#ifndef WORK_REGISTER_H
#define WORK_REGISTER_H

#include "http/request.h"
#include "model/instance.h"

struct instance_registered;

/* How the dialect draws what was registered: sets rq->out. */
typedef void register_drawn_fn(struct request *rq, const struct instance_registered *done);

/* On a worker, as a handler does: registers a connected instance, or checks a hosted one, fetches
 * its card on the loop, and registers it then; draft is in rq->mem. Fails as instances_register,
 * and with AGENT_CARD_PROBE_FAILED. */
bool register_begin(struct request *rq, struct instance_draft *draft, register_drawn_fn *drawn,
                    struct err *err);

#endif
