/* Whether this node lives, whether it can serve, and what it counts. */
#include "api/system/health.h"

#include "base/buf.h"
#include "base/metrics.h"
#include "work/service.h"

#include <string.h>

struct readiness {
    bool ready;
};

static const struct field ready_fields[] = {
    { "ready", BOOL_AT(struct readiness, ready), 0,
      .doc = "Always true: otherwise it is an error." },
    FIELD_LAST,
};

static const struct spec ready_spec = { "Ready", sizeof(struct readiness), ready_fields };

static bool
answer_text(struct request *rq, const char *text)
{
    rq->reply.status = rq->route->ok;
    rq->reply.type = rq->route->out_type;
    rq->reply.bytes = text;
    rq->reply.size = strlen(text);
    return true;
}

static bool
say_alive(struct request *rq, struct err *err)
{
    (void)err;
    reply_header(rq, "Cache-Control", "no-store");
    return answer_text(rq, "ok\n");
}

static bool
say_ready(struct request *rq, struct err *err)
{
    static const struct readiness ready = { true };
    const char *why = service_unready(service_of(rq));

    if (why != NULL && strcmp(why, "draining") == 0)
        return err_set(err, ERR_DRAINING, NULL, NULL);
    if (why != NULL)
        return err_setf(err, ERR_DATABASE_UNAVAILABLE, NULL,
                        "This node cannot serve yet; it waits for: %s.", why);
    reply_header(rq, "Cache-Control", "no-store");
    rq->out = &ready;
    return true;
}

static bool
print_metrics(struct request *rq, struct err *err)
{
    struct buf out;

    (void)err;
    buf_init(&out, 0);
    metrics_print(&out);
    answer_text(rq, arena_textn(rq->mem, buf_bytes(&out), buf_size(&out)));
    buf_done(&out);
    return true;
}

#define QUIET .flags = ROUTE_LOOP | ROUTE_QUIET, .ok = 200

const struct route system_health_routes[] = {
    { "GET", "/healthz", say_alive, "health", "Whether the process lives", QUIET,
      .out_type = "text/plain; charset=utf-8" },
    { "GET", "/readyz", say_ready, "ready", "Whether this node can serve", QUIET,
      .out = &ready_spec, .fails = { ERR_DATABASE_UNAVAILABLE, ERR_DRAINING },
      .doc = "The sentence of the error names what is missing." },
    { "GET", "/metrics", print_metrics, "metrics", "Counters and gauges for Prometheus", QUIET,
      .out_type = "text/plain; version=0.0.4; charset=utf-8" },
    ROUTE_LAST,
};
