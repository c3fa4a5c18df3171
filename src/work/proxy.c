/* The life of a proxied call: who may call, who answers, and the bytes between them. */
#include "work/proxy.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "domain/agents.h"
#include "domain/links.h"
#include "work/loop.h"
#include "work/proxy_priv.h"
#include "work/writer.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    HIGH_WATER = 64 * 1024,
    LOW_WATER = 16 * 1024,
    PULL_LEAST = 64 * 1024,
    TOUCH_MS = 10 * 1000
};

const char *const proxy_protocols[] = { "mcp", "a2a", "openai", "anp", "acp", NULL };

static void find_out(struct request *rq);

/* ---- the answer, from the target's side ---- */

void
proxy_refuse(struct proxied *p, enum err_code code, const char *note)
{
    struct request *rq = p->rq;

    p->outcome = err_name(code);
    p->status = err_status(code);
    if (rq->err.code == ERR_NONE) {
        err_set(&rq->err, code, NULL, NULL);
        snprintf(rq->err.note, sizeof rq->err.note, "%s", note == NULL ? "" : note);
    }
    reply_header(rq, "Proxy-Status", arena_printf(rq->mem, "rosterd; error=%s", err_name(code)));
    p->answering = true;
    pipeline_finish(rq);
}

/* RFC 9209, 2.1.4. */
static const char *
received_status(struct arena *mem, int status)
{
    static const char text[] = "rosterd; received-status=000";
    char *made = arena_textn(mem, text, sizeof text - 1), *digits = made + sizeof text - 4;

    assert(status >= 100 && status <= 999);
    digits[0] = (char)('0' + status / 100);
    digits[1] = (char)('0' + status / 10 % 10);
    digits[2] = (char)('0' + status % 10);
    return made;
}

static void
head_came(void *arg, const struct call_head *head)
{
    struct proxied *p = arg;
    struct request *rq = p->rq;

    p->head_us = clock_us();
    p->expected = head->body_size;
    p->status = rq->reply.status = head->status;
    p->outcome = head->status >= 500 ? "received_5xx" : head->status >= 400 ? "received_4xx" : "ok";
    proxy_reply_headers(rq, head->headers);
    reply_header(rq, "Proxy-Status", received_status(rq->mem, head->status));
    if (p->answers != p->target)
        reply_header(rq, "x-tragentics-fallback", p->answers->id_text);
    p->answering = true;
    if (head->no_body) {
        rq->reply.bytes = "";
        http_answer(rq);
        return;
    }
    p->pulled = head->body_size >= PULL_LEAST;
    if (p->pulled)
        call_pull(p->call);
    http_answer_stream(rq, head->body_size);
}

static void
body_came(void *arg, const char *bytes, size_t n)
{
    struct proxied *p = arg;

    p->received += (int64_t)n;
    buf_put(&p->answer, bytes, n);
    /* Behind the last piece there is nothing to hold back, and the end must be heard. */
    if (buf_size(&p->answer) >= HIGH_WATER && p->received != p->expected && !p->paused) {
        p->paused = true;
        call_pause(p->call);
    }
    http_wake(p->rq);
}

static void
answer_ended(void *arg)
{
    struct proxied *p = arg;

    p->call = NULL;
    p->ended = true;
    /* A short answer is here before its head was sent: both leave together. */
    if (!http_answer_whole(p->rq, buf_bytes(&p->answer), buf_size(&p->answer)))
        http_wake(p->rq);
}

static void
call_failed(void *arg, enum err_code code, const char *note)
{
    struct proxied *p = arg;

    p->call = NULL;
    if (!p->answering) {
        proxy_refuse(p, code, note);
        return;
    }
    p->broken = true;
    p->outcome = err_name(code);
    http_wake(p->rq);
}

static void
may_go_on(void *arg)
{
    struct proxied *p = arg;

    http_wake(p->rq);
}

static const struct call_events events = {
    .head = head_came,
    .body = body_came,
    .end = answer_ended,
    .fail = call_failed,
    .room = may_go_on,
    .ready = may_go_on,
};

/* ---- the bytes, from the caller's side ---- */

static struct proxied *
proxied_of(struct request *rq)
{
    return (struct proxied *)rq->lane;
}

static size_t
upload(struct request *rq, const char *bytes, size_t n)
{
    struct proxied *p = proxied_of(rq);
    const struct service *service = service_of(rq);

    if (p->dispatching) {
        proxy_dispatch_upload(p, bytes, n);
        return n;
    }
    if (p->call == NULL)
        return n;
    if (service->upload_max > 0 && p->sent + (int64_t)n > service->upload_max) {
        call_cancel(p->call);
        p->call = NULL;
        proxy_refuse(p, ERR_PAYLOAD_TOO_LARGE, NULL);
        return n;
    }
    size_t taken = call_send(p->call, bytes, n);
    p->sent += (int64_t)taken;
    return taken;
}

static void
uploaded(struct request *rq)
{
    struct proxied *p = proxied_of(rq);

    if (p->dispatching)
        proxy_dispatch_uploaded(p);
    else if (p->call != NULL)
        call_send_end(p->call);
}

/* Straight from the target's socket. */
static size_t
pull_answer(struct proxied *p, char *to, size_t most)
{
    bool over;

    if (p->call == NULL)
        return 0;
    size_t n = call_read(p->call, to, most, &over);
    p->received += (int64_t)n;
    if (over) {
        p->call = NULL;
        p->ended = true;
    }
    return n;
}

static size_t
take_gathered(struct proxied *p, char *to, size_t most)
{
    size_t n = buf_size(&p->answer);

    if (n > most)
        n = most;
    if (n > 0) {
        memcpy(to, buf_bytes(&p->answer), n);
        buf_drop(&p->answer, n);
    }
    if (p->paused && p->call != NULL && buf_size(&p->answer) <= LOW_WATER) {
        p->paused = false;
        call_resume(p->call);
    }
    return n;
}

static ssize_t
read_answer(struct request *rq, char *to, size_t most)
{
    struct proxied *p = proxied_of(rq);
    size_t n = p->pulled ? pull_answer(p, to, most) : take_gathered(p, to, most);

    if (n > 0)
        return (ssize_t)n;
    return p->broken ? HTTP_READ_ABORT : p->ended ? HTTP_READ_END : 0;
}

static void
gone(struct request *rq)
{
    struct proxied *p = proxied_of(rq);

    p->left = true;
    if (p->in_dispatch)
        dispatch_cancel(rq);
    p->in_dispatch = false;
    if (p->call != NULL)
        call_cancel(p->call);
    p->call = NULL;
}

/* Draining has run out of time. */
static void
hurry(struct request *rq)
{
    struct proxied *p = proxied_of(rq);

    if (p->call == NULL)
        return;
    call_cancel(p->call);
    p->call = NULL;
    if (!p->answering) {
        proxy_refuse(p, ERR_DRAINING, NULL);
        return;
    }
    p->broken = true;
    p->outcome = "draining";
    http_wake(rq);
}

static void
done(struct request *rq)
{
    struct proxied *p = proxied_of(rq);

    if (p->call != NULL) {
        call_cancel(p->call);
        p->left = true;
    }
    if (p->in_dispatch) {
        dispatch_cancel(rq);
        p->left = true;
    }
    if (p->left)
        p->outcome = "client_gone";
    if (p->connection != NULL && p->target != NULL)
        proxy_record(p);
    if (p->connection != NULL)
        cache_done_connection(p->connection);
    if (p->answers != NULL && p->answers != p->target)
        cache_done_agent(p->answers);
    if (p->target != NULL)
        cache_done_agent(p->target);
    buf_done(&p->answer);
    buf_done(&p->upload);
}

/* ---- who may call whom ---- */

static bool
ask_connection(struct request *rq, struct err *err)
{
    struct proxied *p = proxied_of(rq);

    p->connection = links_load(rq->unit, &p->missing, err);
    if (p->connection == NULL && err->code == ERR_NONE)
        err_set(err, ERR_CONNECTION_NOT_FOUND, NULL, NULL);
    return err->code == ERR_NONE;
}

static bool
ask_target(struct request *rq, struct err *err)
{
    struct proxied *p = proxied_of(rq);

    p->target = agents_load(rq->unit, &p->missing, err);
    if (p->target == NULL && err->code == ERR_NONE)
        err_set(err, ERR_CONNECTION_NOT_FOUND, NULL, NULL);
    return err->code == ERR_NONE;
}

/* A fallback that is gone is as good as none. */
static bool
ask_fallback(struct request *rq, struct err *err)
{
    struct proxied *p = proxied_of(rq);

    p->answers = agents_load(rq->unit, &p->missing, err);
    if (p->answers == NULL)
        p->answers = p->target;
    return err->code == ERR_NONE;
}

static bool
check_connection(struct proxied *p, struct err *err)
{
    const struct request *rq = p->rq;
    const struct cached_connection *connection = p->connection;

    if (memcmp(&connection->org, &rq->caller.org, sizeof connection->org) != 0)
        return err_set(err, ERR_CONNECTION_NOT_FOUND, NULL, NULL);
    if (memcmp(&connection->source, &rq->caller.id, sizeof connection->source) != 0)
        return err_set(err, ERR_FORBIDDEN, NULL,
                       "This agent is not the caller of this connection.");
    if ((rq->raw_query != NULL || (rq->rest != NULL && rq->rest[0] != '\0')) &&
        !connection->allow_paths)
        return err_set(err, ERR_FORBIDDEN, NULL,
                       "This connection does not allow a path or a query behind its id.");
    return true;
}

static bool
is_there(const struct cached_agent *agent)
{
    /* Never seen is not the same as lost: such an agent is tried. */
    return agent->life == LIFE_ACTIVE && (agent->never_seen || agent->state != PRESENCE_OFFLINE);
}

/* Whether a fallback may stand in. Nobody tries one that has never been seen. */
static bool
can_stand_in(const struct cached_agent *agent)
{
    return agent->life == LIFE_ACTIVE && agent->state != PRESENCE_OFFLINE &&
           (agent->endpoint != NULL || (!agent->has_endpoint && agent->has_instances));
}

static bool
refuse_offline(struct proxied *p, struct err *err)
{
    err->retry_after = 30;
    proxy_refuse(p, ERR_TARGET_OFFLINE, NULL);
    return false;
}

/* The path and the query behind the id are added to the endpoint's own; NULL: there are none. */
static const char *
target_path(const struct proxied *p)
{
    const struct request *rq = p->rq;
    const struct out_url *url = p->answers->endpoint;
    const char *own = strchr(url->target, '?'), *rest = rq->rest == NULL ? "" : rq->rest;
    size_t n = strlen(url->path);

    if (rest[0] == '\0' && rq->raw_query == NULL)
        return NULL;
    return arena_printf(rq->mem, "%s%s%s%s%s%s", url->path,
                        rest[0] == '\0' || url->path[n - 1] == '/' ? "" : "/", rest,
                        own == NULL ? "" : own,
                        rq->raw_query == NULL ? ""
                        : own == NULL         ? "?"
                                              : "&",
                        rq->raw_query == NULL ? "" : rq->raw_query);
}

static bool
call_target(struct proxied *p, struct err *err)
{
    struct request *rq = p->rq;
    struct loop *loop = http_owner(rq);

    if (!proxy_headers(p, err))
        return false;
    struct params headers = { p->headers, p->nheaders };
    struct call_request request = {
        .url = p->answers->endpoint,
        .target = target_path(p),
        .method = rq->method,
        .headers = &headers,
        .body_size = rq->upload_size,
        .pool_key = &p->answers->id,
        .pool_key_size = sizeof p->answers->id,
    };
    p->call = call_begin(loop_out(loop), &request, &events, p);
    http_accept(rq);
    http_expect(rq);
    return true;
}

/* Goes on from wherever the caches are complete; asks a worker for what is missing. */
static bool
advance(struct proxied *p, struct err *err)
{
    struct request *rq = p->rq;
    struct cache *cache = service_of(rq)->core.cache;

    if (p->connection == NULL && (p->connection = cache_connection(cache, &p->missing)) == NULL) {
        pipeline_ask(rq, ask_connection, find_out);
        return true;
    }
    if (!check_connection(p, err))
        return false;
    p->missing = p->connection->target;
    if (p->target == NULL && (p->target = cache_agent(cache, &p->missing)) == NULL) {
        pipeline_ask(rq, ask_target, find_out);
        return true;
    }
    if (is_there(p->target) || p->answers != NULL || !p->target->has_fallback) {
        p->answers = p->answers != NULL ? p->answers : p->target;
    } else {
        p->missing = p->target->fallback;
        if ((p->answers = cache_agent(cache, &p->missing)) == NULL) {
            pipeline_ask(rq, ask_fallback, find_out);
            return true;
        }
    }
    if (p->answers == p->target ? !is_there(p->target) : !can_stand_in(p->answers))
        return refuse_offline(p, &rq->err);
    if (!p->answers->has_endpoint && p->answers->has_instances) {
        proxy_dispatch_begin(p);
        return true;
    }
    if (p->answers->endpoint == NULL) {
        proxy_refuse(p, p->answers->has_endpoint ? ERR_IP_PROHIBITED : ERR_NO_ENDPOINT, NULL);
        return false;
    }
    return call_target(p, err);
}

/* A worker has answered, or nothing had to be asked. */
static void
find_out(struct request *rq)
{
    struct proxied *p = proxied_of(rq);

    if (rq->err.code == ERR_NONE && advance(p, &rq->err))
        return;
    if (!p->answering) {
        p->outcome = err_name(rq->err.code);
        p->status = err_status(rq->err.code);
        p->answering = true;
        pipeline_finish(rq);
    }
}

static bool
read_protocol(struct proxied *p, struct err *err)
{
    const char *given = request_header(p->rq, "X-Tragentics-Protocol");

    if (given == NULL)
        return true;
    for (size_t i = 0; proxy_protocols[i] != NULL; i++)
        if (strcasecmp(given, proxy_protocols[i]) == 0) {
            p->protocol = proxy_protocols[i];
            return true;
        }
    return err_set(err, ERR_VALIDATION_ERROR, "X-Tragentics-Protocol",
                   "X-Tragentics-Protocol must be mcp, a2a, openai, anp or acp.");
}

bool
proxy_begin(struct request *rq, struct err *err)
{
    struct proxied *p = ARENA_NEW(rq->mem, struct proxied);

    p->lane = (struct lane){ upload, uploaded, read_answer, gone, hurry, done };
    p->rq = rq;
    p->outcome = "refused";
    buf_init(&p->answer, 0);
    rq->lane = &p->lane;
    if (!ids_uuid_read(rq->args[0], &p->missing))
        return err_set(err, ERR_CONNECTION_NOT_FOUND, NULL, NULL);
    if (!read_protocol(p, err))
        return false;
    int64_t most = service_of(rq)->upload_max;
    if (most > 0 && rq->upload_size > most)
        return err_set(err, ERR_PAYLOAD_TOO_LARGE, NULL, NULL);
    rq->parked = true;
    find_out(rq);
    return true;
}

/* ---- afterwards ---- */

static void
sign_of_life(struct proxied *p)
{
    struct service *service = service_of(p->rq);
    struct cached_agent *agent = p->answers;
    int64_t now = clock_ms(), last = atomic_load(&agent->touched_ms);
    int64_t often = service->core.presence.window_ms / 4;

    /* One sign in a while is enough for an agent that is online anyway. */
    if (agent->state == PRESENCE_ONLINE && last != 0 &&
        now - last < (often < TOUCH_MS ? often : TOUCH_MS))
        return;
    atomic_store(&agent->touched_ms, now);
    struct beat_row row = { .agent = agent->id, .kind = BEAT_TRAFFIC, .latency_ms = -1 };
    writer_sign(service->writer, &row);
}

void
proxy_record(struct proxied *p)
{
    struct request *rq = p->rq;
    int64_t now = clock_us();
    struct call_record record = {
        .org_id = rq->caller.org_text,
        .at = clock_wall_ms() - (now - rq->started_us) / 1000,
        .trace_id = rq->trace_id,
        .request_id = rq->id,
        .connection_id = ids_uuid_text(&p->connection->id, arena_alloc(rq->mem, UUID_TEXT_SIZE)),
        .source_agent_id = rq->caller.id_text,
        .source_permanent_id = rq->caller.permanent_id,
        .target_agent_id = p->target->id_text,
        .target_permanent_id = p->target->permanent_id,
        .protocol = p->protocol,
        .status = p->status,
        .outcome = p->outcome,
        .request_bytes = p->sent,
        .response_bytes = p->received,
        .latency_us = now - rq->started_us,
        .first_byte_us = p->head_us == 0 ? -1 : p->head_us - rq->started_us,
    };

    if (p->answers != NULL && p->answers != p->target)
        record.fallback_permanent_id = p->answers->permanent_id;
    writer_call(service_of(rq)->writer, &record);
    metrics_count(LABELLED_PROXY_REQUESTS, p->outcome, 0);
    if (p->head_us != 0 && p->status < 500 && !p->broken)
        sign_of_life(p);
}
