/* The way of one heartbeat, of an agent or of an instance: whose is it, into the writer's next
 * batch, back with the answer. */
#include "work/heartbeat.h"

#include "base/metrics.h"
#include "domain/agents.h"
#include "work/loop.h"
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
    http_hold(rq);
    if (!writer_beat(service_of(rq)->writer, beat)) {
        http_release(rq);
        return err_set(err, ERR_OVERLOADED, NULL, NULL);
    }
    rq->parked = true;
    return true;
}

/* ---- of an instance ---- */

/* A sign in the writer's queue, and who waits for it. */
struct instance_beat {
    struct sign sign;
    struct request *rq;
    const void *out;
};

static void
instance_written(struct request *rq)
{
    const struct instance_beat *beat = rq->task;

    if (rq->err.code == ERR_NONE && !beat->sign.row.applied) {
        err_set(&rq->err, ERR_INSTANCE_NOT_FOUND, NULL, NULL);
        err_fact_text(&rq->err, "instance_id", beat->sign.row.instance_id);
    }
    metrics_add(rq->err.code == ERR_NONE ? METRIC_HEARTBEATS_ACCEPTED : METRIC_HEARTBEATS_FAILED,
                1);
    rq->out = beat->out;
    pipeline_finish(rq);
}

/* On the writer's thread. */
static void
post_back(struct sign *sign, const struct err *err)
{
    struct instance_beat *beat =
        (struct instance_beat *)((char *)sign - offsetof(struct instance_beat, sign));

    beat->rq->err = *err;
    loop_post(beat->rq);
}

bool
heartbeat_of_instance(struct request *rq, const struct frame_heartbeat *said, const void *out,
                      struct err *err)
{
    struct instance_beat *beat = ARENA_NEW(rq->mem, struct instance_beat);

    beat->rq = rq;
    beat->out = out;
    beat->sign.then = post_back;
    beat->sign.row = (struct fleet_row){
        .org = rq->caller.org,
        .instance_id = said->instance_id,
        .seen = true,
        .status = said->status,
        .sessions = said->sessions,
        .max_sessions = said->max_sessions,
        .reported_failures = said->failures,
    };
    rq->then = instance_written;
    rq->task = beat;
    http_hold(rq);
    if (!writer_sign_of(service_of(rq)->writer, &beat->sign)) {
        http_release(rq);
        return err_set(err, ERR_OVERLOADED, NULL, NULL);
    }
    rq->parked = true;
    return true;
}
