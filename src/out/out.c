/* What a loop has of this room: its dials, its pool, its calls and their turns. */
#include "out/out_priv.h"

#include "base/ids.h"
#include "base/must.h"

#include <stdlib.h>

static void
run_call(struct call *call)
{
    call_enter(call);
    if (call->code != ERR_NONE)
        call_fail(call, call->code, call->note);
    else if (call->conn != NULL && call->conn->state == CONN_OPEN)
        exchange_run(call);
    call_leave(call);
}

/* What asks for a turn while these have theirs waits for the next one. */
static void
run_due(struct timer *timer)
{
    struct out *out = RING_OF(struct out, due_timer, timer);
    struct ring now;

    ring_put(&out->due, &now);
    ring_take(&out->due);
    while (!ring_is_alone(&now)) {
        struct call *call = RING_OF(struct call, due, now.prev);

        ring_take(&call->due);
        run_call(call);
    }
}

struct out *
out_new(struct poll *poll, struct timers *timers, const struct guard *guard,
        const struct out_limits *limits, const struct trust *trust)
{
    struct out *out = must(calloc(1, sizeof *out));

    out->poll = poll;
    out->timers = timers;
    out->guard = guard;
    out->limits = limits;
    out->tls = trust == NULL ? NULL : trust->tls;
    ring_init(&out->conns);
    ring_init(&out->calls);
    ring_init(&out->age);
    ring_init(&out->due);
    out->age_timer.fire = pool_age;
    out->due_timer.fire = run_due;
    ids_random(&out->seed, sizeof out->seed);
    return must(multi_init(&out->multi, poll, timers, dial_finish) ? out : NULL);
}

void
out_free(struct out *out)
{
    if (out == NULL)
        return;
    while (!ring_is_alone(&out->calls))
        call_cancel(RING_OF(struct call, all, out->calls.next));
    while (!ring_is_alone(&out->conns))
        conn_close(RING_OF(struct conn, all, out->conns.next));
    multi_done(&out->multi);
    timers_stop(out->timers, &out->age_timer);
    timers_stop(out->timers, &out->due_timer);
    free(out);
}

struct out_stats
out_stats(const struct out *out)
{
    return out->stats;
}
