/* The handshake of an agent's socket: every check is an ordinary answer, in a fixed order, before
 * anything is kept. */
#include "domain/fleet.h"
#include "work/frames.h"
#include "work/pipeline.h"
#include "work/sockets_priv.h"

#include <stdlib.h>
#include <string.h>

static bool
check_upgrade(struct request *rq, char accept[WS_ACCEPT_SIZE], struct err *err)
{
    const char *key = request_header(rq, "Sec-WebSocket-Key");
    const char *version = request_header(rq, "Sec-WebSocket-Version");
    bool good = http_can_upgrade(rq) &&
                ws_has_token(request_header(rq, "Connection"), "upgrade", true) &&
                ws_has_token(request_header(rq, "Upgrade"), "websocket", true) && version != NULL &&
                strcmp(version, "13") == 0 && key != NULL && ws_accept(key, accept);

    if (good)
        return true;
    /* RFC 9110, section 15.5.22; RFC 6455, section 4.2.2. */
    reply_header(rq, "Upgrade", "websocket");
    reply_header(rq, "Sec-WebSocket-Version", "13");
    return err_set(err, ERR_BAD_UPGRADE, NULL, NULL);
}

static bool
check_rights(struct request *rq, struct err *err)
{
    const struct sockets_query *query = rq->params;

    if (!pipeline_check_caller(rq, err))
        return false;
    rq->task = fleet_find_seat(rq->unit, query->instance_id, err);
    return rq->task != NULL;
}

static struct agent_socket *
socket_new(struct request *rq, const struct fleet_seat *seat)
{
    struct loop *loop = http_owner(rq);
    size_t name = strlen(seat->instance_id) + 1, type = strlen(seat->agent_type) + 1;
    struct agent_socket *s = must(calloc(1, sizeof *s + name + type));

    s->instance_id = memcpy(s + 1, seat->instance_id, name);
    s->agent_type = memcpy((char *)(s + 1) + name, seat->agent_type, type);
    s->all = loop_sockets(loop);
    s->entry.node.key = seat->id;
    s->entry.loop = loop;
    s->org = seat->org;
    s->by_caller.key = rq->caller.id;
    return s;
}

static void
may_connect(struct request *rq)
{
    struct service *service = service_of(rq);
    char accept[WS_ACCEPT_SIZE];

    if (rq->err.code == ERR_NONE && check_upgrade(rq, accept, &rq->err)) {
        if (atomic_load(&service->draining))
            err_set(&rq->err, ERR_DRAINING, NULL, NULL);
        else if (atomic_fetch_add(&service->mesh.sockets, 1) >= service->mesh.sockets_most) {
            atomic_fetch_sub(&service->mesh.sockets, 1);
            err_set(&rq->err, ERR_OVERLOADED, NULL, NULL);
        }
    }
    if (rq->err.code != ERR_NONE) {
        pipeline_finish(rq);
        return;
    }
    rq->reply.status = 101;
    reply_header(rq, "Sec-WebSocket-Accept", arena_text(rq->mem, accept));
    reply_header(rq, "Sec-WebSocket-Protocol", FRAMES_PROTOCOL);
    http_answer_upgrade(rq, socket_take, socket_new(rq, rq->task));
}

bool
sockets_connect(struct request *rq, struct err *err)
{
    const struct sockets_query *query = rq->params;
    char accept[WS_ACCEPT_SIZE];

    if (!check_upgrade(rq, accept, err))
        return false;
    if (query->instance_id == NULL || query->instance_id[0] == '\0')
        return err_set(err, ERR_MISSING_INSTANCE_ID, "instance_id", NULL);
    if (!ws_has_token(request_header(rq, "Sec-WebSocket-Protocol"), FRAMES_PROTOCOL, false))
        return err_set(err, ERR_UNSUPPORTED_SUBPROTOCOL, "Sec-WebSocket-Protocol", NULL);
    rq->parked = true;
    pipeline_work(rq, check_rights, may_connect);
    return true;
}
