/* A registration: a worker checks it, the loop fetches the card of a hosted instance, a worker
 * stores both. A connected instance needs the first worker only. */
#include "work/register.h"

#include "base/buf.h"
#include "base/clock.h"
#include "domain/instances.h"
#include "json/read.h"
#include "work/loop.h"
#include "work/pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CARD_MAX = 256 * 1024, PROBE_MS = 5000 };

/* A card being fetched; in rq->lane, so that it ends with the request. */
struct probe {
    struct lane lane;
    struct request *rq;
    struct instance_draft *draft;
    register_drawn_fn *drawn;
    const struct out_url *url;
    struct call *call;
    struct timer timer;
    struct buf card;
    const char *why; /* what came is no good; NULL: nothing is wrong so far */
};

static bool
finish(struct request *rq, const struct instance_draft *draft, const char *dispatch_url,
       register_drawn_fn *drawn, struct err *err)
{
    const struct instance_registered *done = instances_register(rq->unit, draft, dispatch_url, err);

    if (done != NULL)
        drawn(rq, done);
    return done != NULL;
}

/* ---- the card, on the second worker ---- */

static bool
refuse(struct err *err, const char *why)
{
    if (err->code == ERR_NONE)
        err_set(err, ERR_AGENT_CARD_PROBE_FAILED, "url", NULL);
    err_fact_text(err, "why", why);
    return false;
}

static bool
store(struct request *rq, struct err *err)
{
    struct probe *p = (struct probe *)rq->lane;
    const char *bytes = buf_bytes(&p->card);
    size_t n = buf_size(&p->card);
    struct err broken = { 0 };
    json_t *card = json_read(bytes, n, rq->mem, &broken);
    const char *url = json_string_value(json_object_get(card, "url"));

    if (json_string_value(json_object_get(card, "name")) == NULL)
        return refuse(err, "the answer is no agent card");
    if (p->draft->card == NULL)
        p->draft->card = arena_textn(rq->mem, bytes, n);
    if (url != NULL)
        url = instances_dispatch_url(rq->unit, p->draft, arena_text(rq->mem, url));
    return finish(rq, p->draft, url, p->drawn, err);
}

/* ---- the call, on the loop ---- */

static struct probe *
probe_of(struct request *rq)
{
    return (struct probe *)rq->lane;
}

static struct timers *
timers_of(const struct probe *p)
{
    return loop_timers(http_owner(p->rq));
}

/* Never from inside a callback of the call. */
static void
fail(struct probe *p, enum err_code code, const char *note)
{
    struct err *err = &p->rq->err;

    if (p->call != NULL)
        call_cancel(p->call);
    p->call = NULL;
    timers_stop(timers_of(p), &p->timer);
    if (code == ERR_AGENT_CARD_PROBE_FAILED)
        refuse(err, p->why);
    else
        err_set(err, code, NULL, NULL);
    if (note != NULL)
        snprintf(err->note, sizeof err->note, "%s", note);
    pipeline_finish(p->rq);
}

/* The time is over, or what came is no good. */
static void
fire(struct timer *timer)
{
    struct probe *p = (struct probe *)((char *)timer - offsetof(struct probe, timer));

    if (p->why == NULL)
        p->why = "there was no answer in time";
    fail(p, ERR_AGENT_CARD_PROBE_FAILED, NULL);
}

static void
give_up(struct probe *p, const char *why)
{
    p->why = why;
    timers_set(timers_of(p), &p->timer, clock_ms());
}

static void
head_came(void *arg, const struct call_head *head)
{
    struct probe *p = arg;

    if (head->status != 200)
        give_up(p, "the status is not 200");
    else if (head->body_size > CARD_MAX)
        give_up(p, "the answer is too large");
}

static void
body_came(void *arg, const char *bytes, size_t n)
{
    struct probe *p = arg;

    if (p->why == NULL && !buf_put(&p->card, bytes, n))
        give_up(p, "the answer is too large");
}

static void
answer_ended(void *arg)
{
    struct probe *p = arg;

    p->call = NULL;
    if (p->why != NULL)
        return; /* the timer says so */
    timers_stop(timers_of(p), &p->timer);
    pipeline_work(p->rq, store, pipeline_finish);
}

/* What the network said stays in the log: it would tell a stranger what stands where. */
static void
call_failed(void *arg, enum err_code code, const char *note)
{
    struct probe *p = arg;

    (void)code;
    p->call = NULL;
    if (p->why == NULL)
        p->why = "there was no answer";
    fail(p, ERR_AGENT_CARD_PROBE_FAILED, note);
}

static void
nothing(void *arg)
{
    (void)arg;
}

static const struct call_events events = {
    .head = head_came,
    .body = body_came,
    .end = answer_ended,
    .fail = call_failed,
    .room = nothing,
};

static void
fetch(struct request *rq)
{
    static const struct param accept[] = { { "Accept", "application/json" } };
    static const struct params headers = { accept, COUNT(accept) };
    struct probe *p = probe_of(rq);

    if (rq->err.code != ERR_NONE) {
        pipeline_finish(rq);
        return;
    }

    const struct call_request request = {
        .url = p->url,
        .method = "GET",
        .headers = &headers,
        .pool_key = &rq->caller.org,
        .pool_key_size = sizeof rq->caller.org,
    };

    p->timer.fire = fire;
    timers_set(timers_of(p), &p->timer, clock_ms() + PROBE_MS);
    p->call = call_begin(loop_out(http_owner(rq)), &request, &events, p);
    call_send_end(p->call);
}

/* ---- the lane, for what may end a call ---- */

/* Draining has run out of time. */
static void
hurry(struct request *rq)
{
    struct probe *p = probe_of(rq);

    if (p->call != NULL)
        fail(p, ERR_DRAINING, NULL);
}

static void
done(struct request *rq)
{
    struct probe *p = probe_of(rq);

    if (p->call != NULL)
        call_cancel(p->call);
    timers_stop(timers_of(p), &p->timer);
    buf_done(&p->card);
    free(p);
}

bool
register_begin(struct request *rq, struct instance_draft *draft, register_drawn_fn *drawn,
               struct err *err)
{
    if (draft->mode == MODE_CONNECTED)
        return finish(rq, draft, NULL, drawn, err);

    const struct out_url *url = instances_card_url(rq->unit, draft, err);
    if (url == NULL || !instances_check(rq->unit, draft, err))
        return false;

    struct probe *p = must(calloc(1, sizeof *p));

    *p = (struct probe){ .rq = rq, .draft = draft, .drawn = drawn, .url = url };
    p->lane.hurry = hurry;
    p->lane.done = done;
    buf_init(&p->card, CARD_MAX);
    rq->lane = &p->lane;
    pipeline_go_on(rq, fetch);
    return true;
}
