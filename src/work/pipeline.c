/* Steps 4 to 10 in the life of a request (docs/architecture.md). */
#include "work/pipeline.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "domain/access.h"
#include "domain/agents.h"
#include "domain/callers.h"
#include "domain/clients.h"
#include "domain/replay.h"
#include "http/draw.h"
#include "http/form.h"
#include "work/limits.h"
#include "work/loop.h"
#include "work/workers.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

void
pipeline_work(struct request *rq, bool (*ask)(struct request *rq, struct err *err),
              void (*then)(struct request *rq))
{
    struct service *service = service_of(rq);

    rq->ask = ask;
    rq->then = then;
    rq->deadline_ms = clock_ms() + service->db.timeout_ms * 2;
    http_hold(rq);
    workers_post(service->workers, rq);
}

void
pipeline_ask(struct request *rq, bool (*ask)(struct request *rq, struct err *err),
             void (*then)(struct request *rq))
{
    metrics_add(METRIC_CACHE_MISSES, 1);
    pipeline_work(rq, ask, then);
}

void
pipeline_finish(struct request *rq)
{
    if (rq->err.code != ERR_NONE)
        draw_error(rq);
    else if (rq->reply.bytes == NULL)
        draw_out(rq);
    draw_standing(rq);
    http_answer(rq);
}

/* ---- who is calling ---- */

static bool
load_agent(struct request *rq, struct err *err)
{
    struct digest hash;

    if (!callers_read(request_header(rq, "Authorization"), &hash, err))
        return false;
    rq->agent = agents_load_by_token(rq->unit, &hash, err);
    return err->code == ERR_NONE && callers_from_agent(rq->agent, &rq->caller, err);
}

static bool
check_api_key(struct request *rq, const struct digest *hash, struct err *err)
{
    struct cached_key *key = cache_key(rq->unit->core->cache, hash);

    if (key == NULL)
        key = keys_load(rq->unit, hash, err);
    bool good = err->code == ERR_NONE && callers_from_key(key, rq->route->scope, &rq->caller, err);
    cache_done_key(key);
    return good;
}

/* A token is verified once; its agent is looked at each time. */
static bool
check_access(struct request *rq, const char *token, const struct digest *hash, struct err *err)
{
    struct cache *cache = rq->unit->core->cache;
    struct cached_access *access = cache_access(cache, hash);

    if (access == NULL && (access = access_load(rq->unit, token, hash, err)) == NULL)
        return false;
    if (!access->is_bootstrap && (rq->agent = cache_agent(cache, &access->caller.id)) == NULL)
        rq->agent = agents_load(rq->unit, &access->caller.id, err);
    bool good = err->code == ERR_NONE &&
                access_check(access, rq->agent, rq->route->scope, &rq->caller, err);
    cache_done_access(access);
    return good;
}

static bool
check_key(struct request *rq, struct err *err)
{
    struct digest hash;
    const char *token;

    if (!callers_read_scoped(request_header(rq, "Authorization"), &token, &hash, err))
        return false;
    return token == NULL ? check_api_key(rq, &hash, err) : check_access(rq, token, &hash, err);
}

static bool
check_agent(struct request *rq, struct err *err)
{
    struct digest hash;

    if (rq->agent != NULL)
        return callers_from_agent(rq->agent, &rq->caller, err);
    if (!callers_read(request_header(rq, "Authorization"), &hash, err))
        return false;
    rq->agent = cache_agent_by_token(rq->unit->core->cache, &hash);
    return rq->agent != NULL ? callers_from_agent(rq->agent, &rq->caller, err)
                             : load_agent(rq, err);
}

/* By its own secret, given in the header or in the body; else as check_key. */
static bool
check_client(struct request *rq, struct err *err)
{
    const struct client_proof proof = { rq->client.id, rq->client.secret };

    if (!rq->client.basic && proof.secret == NULL)
        return check_key(rq, err);
    return clients_call(rq->unit, &proof, rq->route->scope, &rq->caller, err);
}

bool
pipeline_check_caller(struct request *rq, struct err *err)
{
    struct service *service = service_of(rq);
    bool good = true;

    switch (rq->route->who) {
    case WHO_ANYONE:
        break;
    case WHO_AGENT:
        good = check_agent(rq, err);
        break;
    case WHO_KEY:
        good = check_key(rq, err);
        break;
    case WHO_CLIENT:
        good = check_client(rq, err);
        break;
    }
    if (!good)
        limits_take_refusal(service, rq, err);
    return good && limits_take(service, rq, err);
}

/* ---- is the request right ---- */

static bool
is_type(const char *type, const char *want)
{
    size_t n = strlen(want);

    return strncasecmp(type, want, n) == 0 && (type[n] == '\0' || type[n] == ';' || type[n] == ' ');
}

static bool
is_json(const char *type)
{
    return type == NULL || is_type(type, "application/json");
}

/* The body of a ROUTE_FORM row, and what the client says it is. */
static bool
read_form(struct request *rq, struct err *err)
{
    const char *type = request_header(rq, "Content-Type");

    if (type == NULL || is_type(type, "application/x-www-form-urlencoded"))
        rq->json = form_read(rq->body, rq->body_size, rq->mem, err);
    else if (is_json(type))
        rq->json = json_read(rq->body, rq->body_size, rq->mem, err);
    else
        err_set(err, ERR_VALIDATION_ERROR, "Content-Type",
                "The body must be a form (application/x-www-form-urlencoded) or JSON.");
    struct err claim = { 0 };
    bool good =
        client_read(request_header(rq, "Authorization"), rq->json, rq->mem, &rq->client, &claim);
    if (!good && err->code == ERR_NONE)
        *err = claim;
    return err->code == ERR_NONE;
}

static void *
begin_struct(struct request *rq, const struct spec *spec, const void *defaults)
{
    void *thing = arena_alloc(rq->mem, spec->size);

    if (defaults != NULL)
        memcpy(thing, defaults, spec->size);
    return thing;
}

/* A heartbeat's body may be missing or broken: it then says nothing. */
static bool
read_lax(struct request *rq, void *in, struct err *err)
{
    struct err ignored = { 0 };
    json_t *body =
        rq->body_size == 0 ? NULL : json_read(rq->body, rq->body_size, rq->mem, &ignored);

    if (body == NULL || !json_is_object(body))
        return true;
    return spec_read(rq->route->in, body, in, rq->route->mode, rq->mem, err);
}

static bool
read_body(struct request *rq, struct err *err)
{
    const struct route *route = rq->route;
    void *in;

    if (route->in == NULL)
        return true;
    rq->in = in = begin_struct(rq, route->in, route->defaults);
    if ((route->flags & ROUTE_LAX_BODY) != 0)
        return read_lax(rq, in, err);
    if ((route->flags & ROUTE_FORM) != 0)
        return spec_read(route->in, rq->json, in, route->mode, rq->mem, err);
    if ((route->flags & ROUTE_EMPTY_BODY) != 0 && rq->body_size == 0)
        return true;
    if (!is_json(request_header(rq, "Content-Type")))
        return err_set(err, ERR_UNSUPPORTED_MEDIA_TYPE, "Content-Type", NULL);
    json_t *body = json_read(rq->body, rq->body_size, rq->mem, err);
    if (body == NULL)
        return false;
    /* A patch is laid over the row as it stands, by its handler. */
    if (route->mode == SPEC_PATCH) {
        rq->in = body;
        return true;
    }
    return spec_read(route->in, body, in, route->mode, rq->mem, err);
}

static bool
read_params(struct request *rq, struct err *err)
{
    const struct route *route = rq->route;

    if (route->query == NULL) {
        if (rq->query.n == 0)
            return true;
        return err_setf(err, ERR_VALIDATION_ERROR, rq->query.v[0].name,
                        "This address takes no query parameters.");
    }
    void *params = begin_struct(rq, route->query, route->query_defaults);
    rq->params = params;
    return spec_read_query(route->query, &rq->query, params, rq->mem, err);
}

/* ---- on a worker ---- */

static void
put_replay(struct request *rq, const struct replay_answer *answer)
{
    rq->reply.status = (int)answer->status;
    rq->reply.type = "application/json";
    rq->reply.bytes = answer->body;
    rq->reply.size = strlen(answer->body);
    if (answer->location != NULL)
        reply_header(rq, "Location", answer->location);
    reply_header(rq, "Idempotent-Replayed", "true");
}

static const char *
location_of(const struct request *rq)
{
    for (size_t i = 0; i < rq->reply.nheaders; i++)
        if (strcmp(rq->reply.headers[i].name, "Location") == 0)
            return rq->reply.headers[i].value;
    return NULL;
}

/* The same body for another resource is another request. */
static const char *
operation_of(const struct request *rq)
{
    return rq->args[0] == NULL ? rq->route->name
                               : arena_printf(rq->mem, "%s %s", rq->route->name, rq->path);
}

/* The creation and the memory of its answer are one transaction: a repeat finds both or neither. */
static bool
run_once(struct request *rq, const char *key_text, struct err *err)
{
    struct unit *u = rq->unit;
    struct replay_key key = { operation_of(rq), key_text, rq->body, rq->body_size };
    struct replay_answer *answer;
    struct db_tx *tx DB_SCOPED = db_begin(u->db, err);

    if (tx == NULL || !replay_find(u, tx, &key, &answer, err))
        return false;
    if (answer != NULL) {
        put_replay(rq, answer);
        return true;
    }
    if (!rq->route->handler(rq, err))
        return false;
    draw_out(rq);
    struct replay_given given = { rq->reply.status, location_of(rq), rq->reply.bytes,
                                  draw_kept(rq) };
    return replay_keep(u, tx, &key, &given, err) && db_commit(tx, err);
}

static bool
work(struct request *rq, struct err *err)
{
    const char *key = request_header(rq, "Idempotency-Key");
    struct err fault = { 0 };
    /* The limit counts the client that the request names, so its claim is read first; what is wrong
     * with it is said afterwards. */
    bool readable = (rq->route->flags & ROUTE_FORM) == 0 || read_form(rq, &fault);

    if (!pipeline_check_caller(rq, err))
        return false;
    if (!readable) {
        *err = fault;
        return false;
    }
    if (!read_params(rq, err) || !read_body(rq, err))
        return false;
    if ((rq->route->flags & ROUTE_CREATES) != 0 && key != NULL)
        return run_once(rq, key, err);
    if (!rq->route->handler(rq, err))
        return false;
    if (rq->reply.bytes == NULL)
        draw_out(rq);
    return true;
}

/* ---- on the loop ---- */

/* Streaming handlers draw errors like all others, but answer by themselves otherwise. */
static void
run_on_loop(struct request *rq)
{
    struct service *service = service_of(rq);

    if (rq->err.code == ERR_NONE && rq->route->who == WHO_AGENT)
        if (!callers_from_agent(rq->agent, &rq->caller, &rq->err) ||
            !limits_take(service, rq, &rq->err))
            assert(rq->err.code != ERR_NONE);
    if (rq->err.code == ERR_NONE && read_params(rq, &rq->err) &&
        ((rq->route->flags & ROUTE_STREAM) != 0 || read_body(rq, &rq->err)) &&
        rq->route->handler(rq, &rq->err) && rq->parked)
        return;
    pipeline_finish(rq);
}

static void
agent_loaded(struct request *rq)
{
    if (rq->err.code != ERR_NONE)
        limits_take_refusal(service_of(rq), rq, &rq->err);
    run_on_loop(rq);
}

/* Revocations elsewhere must be heard of: a cache that could not ask for too long is not used. */
static bool
cache_is_fresh(struct service *service)
{
    return clock_ms() - cache_fresh(service->core.cache) <= service->cache_stale_ms;
}

static void
begin_on_loop(struct request *rq)
{
    struct service *service = service_of(rq);
    struct digest hash;

    if (rq->route->who == WHO_AGENT) {
        if (!callers_read(request_header(rq, "Authorization"), &hash, &rq->err)) {
            limits_take_refusal(service, rq, &rq->err);
        } else if (!cache_is_fresh(service)) {
            err_fault(&rq->err, ERR_DATABASE_UNAVAILABLE, "the cache is stale");
        } else if ((rq->agent = cache_agent_by_token(service->core.cache, &hash)) == NULL) {
            pipeline_ask(rq, load_agent, agent_loaded);
            return;
        }
    } else if (rq->route->who != WHO_ANYONE && (rq->route->flags & ROUTE_LATE_CALLER) == 0) {
        /* Keys and tokens are judged where they can be looked up and verified. */
        pipeline_work(rq, pipeline_check_caller, run_on_loop);
        return;
    }
    run_on_loop(rq);
}

static const struct dialect *
dialect_for(struct request *rq)
{
    const struct dialect *const *dialects = router_dialects(service_of(rq)->router);

    return rq->dialect != NULL ? rq->dialect : dialects[0];
}

static void
start(struct request *rq)
{
    struct service *service = service_of(rq);

    rq->dialect = dialect_for(rq);
    rq->issuer = service->core.issuer;
    if (rq->err.code == ERR_NONE && atomic_load(&service->draining) && rq->route->who != WHO_ANYONE)
        err_set(&rq->err, ERR_DRAINING, NULL, NULL);
    if (rq->err.code != ERR_NONE) {
        pipeline_finish(rq);
    } else if ((rq->route->flags & ROUTE_LOOP) != 0) {
        begin_on_loop(rq);
    } else {
        rq->ask = work;
        rq->then = pipeline_finish;
        workers_post(service->workers, rq);
    }
}

static bool
is_quiet(const struct request *rq)
{
    return rq->route != NULL && (rq->route->flags & ROUTE_QUIET) != 0 && rq->reply.status < 400;
}

static void
log_access(struct request *rq)
{
    const char *who = rq->caller.kind == CALLER_AGENT    ? rq->caller.permanent_id
                      : rq->caller.kind != CALLER_NOBODY ? rq->caller.id_text
                                                         : "-";

    log_event(rq->reply.status >= 500 ? LOG_WARN : LOG_INFO, "request", LOG_T("id", rq->id),
              LOG_T("method", rq->method), LOG_T("path", rq->path),
              LOG_N("status", rq->reply.status),
              LOG_T("code", rq->err.code == ERR_NONE ? "-" : err_name(rq->err.code)),
              LOG_T("caller", who), LOG_T("from", rq->client_ip),
              LOG_N("us", clock_us() - rq->started_us), LOG_T("trace", rq->trace_id),
              LOG_T("note", rq->err.note[0] == '\0' ? "-" : rq->err.note));
}

static void
done(struct request *rq)
{
    if (rq->lane != NULL)
        rq->lane->done(rq);
    if (rq->agent != NULL)
        cache_done_agent(rq->agent);
    metrics_count(LABELLED_HTTP_REQUESTS, rq->route == NULL ? "none" : rq->route->name,
                  rq->reply.status);
    if (service_of(rq)->access_log && (!is_quiet(rq) || log_wants(LOG_DEBUG)))
        log_access(rq);
}

static size_t
upload(struct request *rq, const char *bytes, size_t n)
{
    return rq->lane->upload(rq, bytes, n);
}

static void
uploaded(struct request *rq)
{
    rq->lane->uploaded(rq);
}

static ssize_t
read_answer(struct request *rq, char *to, size_t most)
{
    return rq->lane->read(rq, to, most);
}

static void
gone(struct request *rq)
{
    if (rq->lane != NULL)
        rq->lane->gone(rq);
}

void
pipeline_hurry(struct request *rq)
{
    if (rq->lane != NULL)
        rq->lane->hurry(rq);
}

const struct http_hooks pipeline_hooks = {
    .start = start,
    .done = done,
    .upload = upload,
    .uploaded = uploaded,
    .read = read_answer,
    .gone = gone,
};
