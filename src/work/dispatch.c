/* The life of a dispatch on the loop of its caller: an instance is chosen and the proof made on a
 * worker, then it goes down a socket here, to another node, or to a hosted agent. */
#include "work/dispatch.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "domain/fleet.h"
#include "domain/proof.h"
#include "work/dispatch_priv.h"
#include "work/frames.h"
#include "work/hub.h"
#include "work/pipeline.h"
#include "work/sockets_priv.h"
#include "work/writer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- on a worker: who, and with what proof ---- */

/* Of the best, all with as few sessions, the one with the fewest dispatches under way here. One
 * whose socket this node should hold and does not has lost it. */
static const struct fleet_target *
choose(struct service *service, const struct list *candidates)
{
    const struct fleet_target *best = NULL;
    size_t fewest = 0;

    for (size_t i = 0; i < candidates->n; i++) {
        const struct fleet_target *target = candidates->v[i];
        bool here = target->mode == MODE_CONNECTED &&
                    memcmp(&target->owner, &service->core.node.id, sizeof target->owner) == 0;
        size_t open = 0;

        if (best != NULL && target->sessions > best->sessions)
            break;
        if (here && hub_find(service->mesh.hub, &target->id, &open) == NULL)
            continue;
        if (best == NULL || open < fewest) {
            best = target;
            fewest = open;
        }
    }
    return best;
}

static bool
write_text(struct unit *u, struct flight *f, const struct request *rq, struct err *err)
{
    const struct dispatch_want *want = f->want;
    const struct fleet_target *target = f->target;
    const struct proof *proof = proof_make(u, target, f->id_text, err);
    struct dispatch_text text = {
        .id = f->id_text,
        .skill_id = want->skill_id,
        .args = want->args,
        .session_id = want->session_id,
        .tenant_id = rq->caller.org_text,
        .trace_id = rq->trace_id,
    };

    if (err->code != ERR_NONE)
        return false;
    if (proof != NULL) {
        text.scheme = proof->scheme;
        text.token = proof->token;
        text.expires_at = proof->expires_at;
    }
    if (target->mode == MODE_CONNECTED) {
        f->text = frame_dispatch(&text, u->mem);
        return true;
    }
    f->text = frame_call(&text, u->mem);
    f->url = proof_url(u, target, err);
    return f->url != NULL;
}

/* What is found lives as long as the flight, which may outlive its caller. */
static bool
prepare(struct request *rq, struct err *err)
{
    struct flight *f = flight_of(rq);
    struct service *service = service_of(rq);
    struct unit unit = *rq->unit;
    const struct fleet_want want = {
        .org = rq->caller.org,
        .agent = f->want->agent,
        .agent_type = f->want->agent_type,
        .instance_id = f->want->instance_id,
        .session_id = f->want->session_id,
    };

    unit.mem = f->mem;
    const struct list *candidates = fleet_candidates(&unit, &want, err);
    if (candidates == NULL)
        return false;
    f->target = choose(service, candidates);
    if (f->target == NULL) {
        err->retry_after = 5;
        return err_set(err, ERR_NO_AVAILABLE_INSTANCE, NULL, NULL);
    }
    if (!write_text(&unit, f, rq, err) || !fleet_bind(&unit, &want, f->target, err))
        return false;
    return f->target->mode == MODE_HOSTED ||
           memcmp(&f->target->owner, &service->core.node.id, sizeof f->target->owner) == 0 ||
           peers_address(&unit, &service->mesh.peers, f, err);
}

/* ---- the end ---- */

static void
record(const struct flight *f, enum err_code code)
{
    struct fleet_row row = { .org = f->target->org,
                             .instance_id = f->target->instance_id,
                             .status = -1,
                             .sessions = -1,
                             .max_sessions = -1,
                             .reported_failures = -1 };

    metrics_count(LABELLED_DISPATCHES, code == ERR_NONE ? "ok" : err_name(code), 0);
    if (!f->sent)
        return;
    row.succeeded = code == ERR_NONE;
    row.failed = code != ERR_NONE;
    row.error = code == ERR_NONE ? NULL : err_name(code);
    writer_fleet(loop_service(f->loop)->writer, &row);
}

static void
flight_free(struct flight *f)
{
    struct sockets *all = loop_sockets(f->loop);

    if (f->prev != NULL)
        f->prev->next = f->next;
    else
        all->flights = f->next;
    if (f->next != NULL)
        f->next->prev = f->prev;
    buf_done(&f->answer);
    free(f->delivery.frame);
    free(f->delivery.result);
    arena_free(f->mem);
    free(f);
}

static void
tell(struct flight *f, const struct outcome *outcome)
{
    struct request *rq = f->rq;
    struct dispatch_done *done = ARENA_NEW(rq->mem, struct dispatch_done);

    *done = (struct dispatch_done){
        .dispatch_id = arena_text(rq->mem, f->id_text),
        .instance_id = f->sent ? arena_text(rq->mem, f->target->instance_id) : NULL,
        .agent_type = f->target == NULL ? NULL : arena_text(rq->mem, f->target->agent_type),
        .result = arena_text(rq->mem, outcome->result),
        .agent_code = arena_text(rq->mem, outcome->agent_code),
        .agent_message = arena_text(rq->mem, outcome->agent_message),
    };
    if (rq->err.code == ERR_NONE)
        rq->err = outcome->why;
    rq->task = done;
    f->rq = NULL;
    if (f->watch != NULL)
        f->watch->flight = NULL;
    f->then(rq);
}

void
flight_end(struct flight *f, const struct outcome *outcome)
{
    if (f->call != NULL)
        call_cancel(f->call);
    timers_stop(loop_timers(f->loop), &f->timer);
    if (f->target != NULL)
        record(f, outcome->why.code);
    if (f->rq != NULL)
        tell(f, outcome);
    flight_free(f);
}

void
flight_fail(struct flight *f, enum err_code code, const char *note)
{
    struct outcome outcome = { NULL };

    if (note == NULL)
        err_set(&outcome.why, code, NULL, NULL);
    else
        err_fault(&outcome.why, code, "%s", note);
    if (code == ERR_NO_AVAILABLE_INSTANCE || code == ERR_AGENT_BUSY)
        outcome.why.retry_after = code == ERR_AGENT_BUSY ? 1 : 5;
    flight_end(f, &outcome);
}

void
flight_refused(struct flight *f, const char *code, const char *message)
{
    struct outcome outcome = { .agent_code = code, .agent_message = message };

    err_set(&outcome.why, ERR_HANDLER_ERROR, NULL, NULL);
    flight_end(f, &outcome);
}

static void
flight_done(struct flight *f, const char *result)
{
    flight_end(f, &(struct outcome){ .result = result });
}

/* ---- down a socket of this node ---- */

static void
delivered(struct delivery *d)
{
    struct flight *f = (struct flight *)((char *)d - offsetof(struct flight, delivery));

    f->sent = d->sent;
    f->in_delivery = false;
    if (d->code == ERR_NONE)
        flight_done(f, d->result);
    else if (d->code == ERR_HANDLER_ERROR)
        flight_refused(f, d->agent_code, d->agent_message);
    else
        flight_fail(f, d->code, NULL);
}

static void
send_down(struct flight *f)
{
    struct delivery *d = &f->delivery;

    d->home = f->loop;
    d->instance = f->target->id;
    d->fence = f->target->fence;
    d->due_ms = f->due_ms;
    d->node.key = f->id;
    d->back = delivered;
    d->frame_size = strlen(f->text);
    d->frame = must(strdup(f->text));
    f->in_delivery = true;
    sockets_deliver(loop_service(f->loop), d);
}

/* ---- to a hosted agent, or to the node that holds the socket ---- */

static void
head_came(void *arg, const struct call_head *head)
{
    ((struct flight *)arg)->status = head->status;
}

static void
body_came(void *arg, const char *bytes, size_t n)
{
    struct flight *f = arg;

    f->too_large = !buf_put(&f->answer, bytes, n) || f->too_large;
}

static void
answer_ended(void *arg)
{
    struct flight *f = arg;

    f->call = NULL;
    f->sent = true;
    if (f->too_large)
        flight_fail(f, ERR_RESPONSE_INCOMPLETE, "the answer is larger than it may be");
    else if (f->target->mode == MODE_HOSTED)
        hosted_answered(f);
    else
        peers_answered(f);
}

/* What is known of the way there: whether the request can have been read. */
static void
call_failed(void *arg, enum err_code code, const char *note)
{
    struct flight *f = arg;
    bool may_have_acted = code == ERR_CONNECTION_TERMINATED || code == ERR_RESPONSE_INCOMPLETE ||
                          code == ERR_RESPONSE_TIMEOUT || code == ERR_HTTP_PROTOCOL_ERROR ||
                          code == ERR_RESPONSE_HEADERS_TOO_LARGE;

    f->call = NULL;
    if (f->target->mode == MODE_HOSTED) {
        f->sent = true;
        flight_fail(f, code, note);
    } else {
        f->sent = may_have_acted;
        flight_fail(f, may_have_acted ? ERR_AGENT_DISCONNECTED : ERR_NO_AVAILABLE_INSTANCE, note);
    }
}

static void
room_came(void *arg)
{
    struct flight *f = arg;
    size_t n = strlen(f->body) - f->given;

    f->given += call_send(f->call, f->body + f->given, n);
    if (f->body[f->given] == '\0')
        call_send_end(f->call);
}

static const struct call_events call_events = {
    .head = head_came,
    .body = body_came,
    .end = answer_ended,
    .fail = call_failed,
    .room = room_came,
};

static void
time_is_up(struct timer *timer)
{
    struct flight *f = (struct flight *)((char *)timer - offsetof(struct flight, timer));

    f->sent = true;
    flight_fail(f, ERR_DISPATCH_TIMEOUT, NULL);
}

void
flight_call(struct flight *f, struct out *out, const struct params *headers)
{
    const struct call_request request = {
        .url = f->url,
        .method = "POST",
        .headers = headers,
        .body_size = (int64_t)strlen(f->body),
        .pool_key = &f->target->id,
        .pool_key_size = f->target->mode == MODE_HOSTED ? sizeof f->target->id : 0,
    };

    buf_init(&f->answer, FLIGHT_ANSWER_MAX);
    f->timer.fire = time_is_up;
    timers_set(loop_timers(f->loop), &f->timer, f->due_ms);
    f->call = call_begin(out, &request, &call_events, f);
    room_came(f);
}

static void
call_hosted(struct flight *f)
{
    static const struct param headers[] = {
        { "Content-Type", "application/json" },
        { "Accept", "application/json" },
    };
    const struct params list = { headers, COUNT(headers) };

    f->body = f->text;
    flight_call(f, loop_hosted(f->loop), &list);
}

void
hosted_answered(struct flight *f)
{
    struct arena *mem = arena_new();
    struct frame_error error;
    const char *result =
        frame_call_result(buf_bytes(&f->answer), buf_size(&f->answer), &error, mem);

    f->sent = true;
    if (result != NULL && f->status < 400)
        flight_done(f, result);
    else if (result != NULL)
        flight_refused(f, "HTTP_ERROR", "The agent answered with an HTTP error.");
    else
        flight_refused(f, error.code, error.message);
    arena_free(mem);
}

/* ---- a caller that leaves ---- */

static void
watch_nothing(struct request *rq)
{
    (void)rq;
}

struct lane
dispatch_lane(void (*done)(struct request *rq))
{
    return (struct lane){ .gone = watch_nothing, .hurry = watch_nothing, .done = done };
}

/* The request ends, perhaps before its dispatch: libmicrohttpd closes a connection that was reset
 * when it looks at it again. */
static void
watch_done(struct request *rq)
{
    const struct dispatch_watch *watch = (const struct dispatch_watch *)rq->lane;

    if (watch->flight != NULL)
        dispatch_cancel(rq);
}

/* Rows with a lane of their own see to it themselves. */
static void
watch_caller(struct flight *f)
{
    struct request *rq = f->rq;

    if (rq->lane != NULL)
        return;
    f->watch = ARENA_NEW(rq->mem, struct dispatch_watch);
    *f->watch = (struct dispatch_watch){ dispatch_lane(watch_done), f };
    rq->lane = &f->watch->lane;
}

/* ---- the beginning ---- */

static void
prepared(struct request *rq)
{
    struct flight *f = flight_of(rq);

    f->asking = false;
    if (rq->err.code != ERR_NONE) {
        flight_end(f, &(struct outcome){ .why = rq->err });
        return;
    }
    if (f->target->mode == MODE_HOSTED)
        call_hosted(f);
    else if (f->url != NULL)
        peers_call(f);
    else
        send_down(f);
}

void
dispatch_begin(struct request *rq, const struct dispatch_want *want,
               void (*then)(struct request *rq))
{
    struct flight *f = must(calloc(1, sizeof *f));
    struct loop *loop = http_owner(rq);
    struct sockets *all = loop_sockets(loop);
    int64_t ms = want->timeout_ms > 0 ? want->timeout_ms : loop_service(loop)->mesh.dispatch_ms;

    f->next = all->flights;
    if (f->next != NULL)
        f->next->prev = f;
    all->flights = f;
    f->rq = rq;
    f->loop = loop;
    f->mem = arena_new();
    f->asking = true;
    f->want = want;
    f->then = then;
    f->due_ms = clock_ms() + ms;
    f->id = ids_uuid_new();
    ids_uuid_text(&f->id, f->id_text);
    buf_init(&f->answer, 0);
    watch_caller(f);
    rq->parked = true;
    rq->task = f;
    pipeline_work(rq, prepare, prepared);
}

void
dispatch_cancel(struct request *rq)
{
    struct flight *f = flight_of(rq);

    /* While a worker has the request it does not end. */
    assert(!f->asking);
    rq->task = NULL;
    f->rq = NULL;
    if (!f->in_delivery) /* else what comes back frees it */
        flight_end(f, &(struct outcome){ .why = { .code = ERR_CONNECTION_TERMINATED } });
}

void
dispatch_hurry(struct loop *loop)
{
    for (struct flight *f = loop_sockets(loop)->flights, *next; f != NULL; f = next) {
        next = f->next;
        if (f->call != NULL)
            flight_fail(f, ERR_DRAINING, NULL);
    }
}
