/* The way of one heartbeat: whose is it, into the writer's next batch, back with the answer. */
#include "work/heartbeat.h"

#include "base/metrics.h"
#include "domain/agents.h"
#include "work/pipeline.h"
#include "work/writer.h"

#include <assert.h>
#include <string.h>

static bool
answer_of(struct request *rq, const struct beat *beat, struct err *err)
{
    struct heartbeat_answer *answer = ARENA_NEW(rq->mem, struct heartbeat_answer);
    const struct service *service = service_of(rq);

    if (!beat->row.applied)
        return err_set(err, ERR_AGENT_UNAVAILABLE, NULL, NULL);
    answer->heartbeat = "accepted";
    answer->agent.id = rq->caller.id_text;
    answer->agent.status = beat->row.state;
    answer->agent.last_heartbeat = beat->row.last_heartbeat;
    if (beat->row.state == PRESENCE_ONLINE)
        answer->next_due_in = service->core.presence.window_ms / 1000;
    rq->out = answer;
    return true;
}

static void
committed(struct request *rq)
{
    if (rq->err.code == ERR_NONE && answer_of(rq, rq->task, &rq->err))
        metrics_add(METRIC_HEARTBEATS_ACCEPTED, 1);
    else
        metrics_add(METRIC_HEARTBEATS_FAILED, 1);
    pipeline_finish(rq);
}

/* The path names another agent: 403 when it is one of the same organization, else 404. */
static bool
find_other(struct request *rq, struct err *err)
{
    if (agents_get(rq->unit, rq->args[0], err) == NULL)
        return false;
    return err_set(err, ERR_TOKEN_MISMATCH, NULL, NULL);
}

bool
heartbeat_accept(struct request *rq, bool online, struct err *err)
{
    const struct caller *caller = &rq->caller;

    if (strcasecmp(rq->args[0], caller->id_text) != 0 &&
        strcmp(rq->args[0], caller->permanent_id) != 0) {
        rq->parked = true;
        pipeline_ask(rq, find_other, pipeline_finish);
        return true;
    }
    struct beat *beat = ARENA_NEW(rq->mem, struct beat);
    beat->row.agent = caller->id;
    beat->row.kind = online ? BEAT_ONLINE : BEAT_OFFLINE;
    beat->row.latency_ms = -1;
    beat->rq = rq;
    rq->then = committed;
    rq->task = beat;
    if (!writer_beat(service_of(rq)->writer, beat))
        return err_set(err, ERR_OVERLOADED, NULL, NULL);
    rq->parked = true;
    return true;
}
