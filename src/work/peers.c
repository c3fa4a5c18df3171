/* Dispatches among the daemons of one database: who holds the socket is asked over HTTP. That it is
 * one of us that asks is shown by a MAC under the master key, which all nodes have. */
#include "base/buf.h"
#include "base/clock.h"
#include "domain/proof.h"
#include "json/spec.h"
#include "work/dispatch_priv.h"
#include "work/peers.h"
#include "work/pipeline.h"
#include "work/sockets.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { GRACE_MS = 1000 /* for the node with the socket to answer by itself */ };

_Static_assert(2 * PROOF_SKEW_MS <= LIMIT_WINDOW_MS, "a proof ends before it is forgotten");

#define PROOF_HEADER "Roster-Node"
#define PEERS_PATH   "/internal/dispatch"

/* ---- what is asked ---- */

static const struct field visit_fields[] = {
    { "dispatch_id", TEXT_AT(struct peers_visit, dispatch_id), F_REQUIRED },
    { "instance", TEXT_AT(struct peers_visit, instance), F_REQUIRED },
    { "fence", INT_AT(struct peers_visit, fence), F_REQUIRED },
    { "timeout_ms", INT_AT(struct peers_visit, timeout_ms), F_REQUIRED, .max = 3600 * 1000 },
    { "frame", JSON_AT(struct peers_visit, frame), F_REQUIRED },
    FIELD_LAST,
};

const struct spec peers_visit_spec = { "PeerDispatch", sizeof(struct peers_visit), visit_fields };

static const struct field answer_fields[] = {
    { "sent", BOOL_AT(struct peers_answer, sent), 0, .doc = "Whether the agent may have got it." },
    { "code", TEXT_AT(struct peers_answer, code), 0, .doc = "How it ended; ok." },
    { "result", JSON_AT(struct peers_answer, result), F_NULLABLE | F_ANY,
      .doc = "What the agent said." },
    { "agent_code", TEXT_AT(struct peers_answer, agent_code), F_NULLABLE, .doc = "Its fault." },
    { "agent_message", TEXT_AT(struct peers_answer, agent_message), F_NULLABLE,
      .doc = "The same in words." },
    FIELD_LAST,
};

const struct spec peers_answer_spec = { "PeerDispatchEnd", sizeof(struct peers_answer),
                                        answer_fields };

bool
peers_address(struct unit *u, const struct guard *guard, struct flight *f, struct err *err)
{
    char instance[UUID_TEXT_SIZE];
    const char *base = f->target->owner_url == NULL ? "" : f->target->owner_url;
    struct err why = { 0 };
    int64_t left = f->due_ms - clock_ms();

    f->url =
        out_url_read(guard, arena_printf(u->mem, "%s" PEERS_PATH, base), "node_url", u->mem, &why);
    if (f->url == NULL)
        return err_fault(err, ERR_NO_AVAILABLE_INSTANCE, "mesh.node_url of the owner: %s",
                         why.reason);
    f->body = arena_printf(u->mem,
                           "{\"dispatch_id\":\"%s\",\"instance\":\"%s\",\"fence\":%" PRId64
                           ",\"timeout_ms\":%" PRId64 ",\"frame\":%s}",
                           f->id_text, ids_uuid_text(&f->target->id, instance), f->target->fence,
                           left > 0 ? left : 0, f->text);
    f->proof = proof_of_node(u->core, &f->target->owner, f->body, u->mem);
    return true;
}

void
peers_call(struct flight *f)
{
    const struct param headers[] = {
        { "Content-Type", "application/json" },
        { PROOF_HEADER, f->proof },
    };
    const struct params list = { headers, COUNT(headers) };

    f->due_ms += GRACE_MS;
    flight_call(f, loop_peers(f->loop), &list);
}

static enum err_code
code_of(const char *word)
{
    for (int code = ERR_NONE + 1; code < ERR_COUNT; code++)
        if (strcmp(err_name((enum err_code)code), word) == 0)
            return (enum err_code)code;
    return ERR_AGENT_DISCONNECTED;
}

void
peers_answered(struct flight *f)
{
    struct arena *mem = arena_new();
    struct peers_answer answer = { 0 };
    struct err err = { 0 };
    json_t *body = json_read_within(buf_bytes(&f->answer), buf_size(&f->answer), 100000, mem, &err);
    bool good = f->status == 200 && body != NULL &&
                spec_read(&peers_answer_spec, body, &answer, SPEC_WHOLE, mem, &err) &&
                answer.code != NULL;

    f->sent = good && answer.sent;
    if (!good)
        flight_fail(f, ERR_NO_AVAILABLE_INSTANCE, "the node with the socket refused");
    else if (strcmp(answer.code, "ok") == 0)
        flight_end(f,
                   &(struct outcome){ .result = answer.result == NULL ? "null" : answer.result });
    else if (answer.agent_code != NULL)
        flight_refused(f, answer.agent_code,
                       answer.agent_message == NULL ? "" : answer.agent_message);
    else
        flight_fail(f, code_of(answer.code), NULL);
    arena_free(mem);
}

/* ---- what is answered ---- */

/* The node that asks may leave first: then nobody wants to know how it ended. */
struct visit {
    struct delivery delivery;
    struct request *rq; /* NULL: it has left */
    struct visit_watch *watch;
};

struct visit_watch {
    struct lane lane;
    struct visit *visit; /* NULL: it has ended */
};

static void
watch_done(struct request *rq)
{
    const struct visit_watch *watch = (const struct visit_watch *)rq->lane;

    if (watch->visit != NULL)
        watch->visit->rq = NULL;
}

static void
answer_visit(struct request *rq, const struct delivery *d)
{
    struct peers_answer *answer = ARENA_NEW(rq->mem, struct peers_answer);

    answer->sent = d->sent;
    answer->code = d->code == ERR_NONE ? "ok" : err_name(d->code);
    answer->result = arena_text(rq->mem, d->result);
    if (d->code == ERR_HANDLER_ERROR) {
        answer->agent_code = arena_text(rq->mem, d->agent_code);
        answer->agent_message = arena_text(rq->mem, d->agent_message);
    }
    rq->out = answer;
    pipeline_finish(rq);
}

static void
visit_ended(struct delivery *d)
{
    struct visit *visit = (struct visit *)((char *)d - offsetof(struct visit, delivery));

    if (visit->rq != NULL) {
        visit->watch->visit = NULL;
        answer_visit(visit->rq, d);
    }
    free(d->result);
    free(visit);
}

bool
peers_accept(struct request *rq, struct err *err)
{
    const struct peers_visit *in = rq->in;
    struct uuid id, instance;

    if (!proof_is_of_node(&service_of(rq)->core, request_header(rq, PROOF_HEADER), rq->body,
                          rq->mem))
        return err_set(err, ERR_UNAUTHORIZED, PROOF_HEADER, NULL);
    if (!ids_uuid_read(in->dispatch_id, &id) || !ids_uuid_read(in->instance, &instance))
        return err_set(err, ERR_VALIDATION_ERROR, "instance", "This is no UUID.");
    /* What proves it is good for as long as a window of the limiter: whoever saw it on its way may
     * not send it again. */
    if (limiter_take(service_of(rq)->mesh.visits, &id, sizeof id, 1, clock_ms()) != 0)
        return err_set(err, ERR_UNAUTHORIZED, PROOF_HEADER, NULL);

    struct visit *visit = must(calloc(1, sizeof *visit));
    struct delivery *d = &visit->delivery;

    visit->rq = rq;
    visit->watch = ARENA_NEW(rq->mem, struct visit_watch);
    *visit->watch = (struct visit_watch){ dispatch_lane(watch_done), visit };
    rq->lane = &visit->watch->lane;
    d->home = http_owner(rq);
    d->instance = instance;
    d->fence = in->fence;
    d->node.key = id;
    d->due_ms = clock_ms() + in->timeout_ms;
    d->back = visit_ended;
    d->frame_size = strlen(in->frame);
    d->frame = must(strdup(in->frame));
    rq->parked = true;
    sockets_deliver(service_of(rq), d);
    return true;
}
