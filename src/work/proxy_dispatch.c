/* A proxied call to an agent of the mesh: it goes to one of its instances as a dispatch, and what
 * the agent says comes back as the answer. */
#include "base/clock.h"
#include "json/spec.h"
#include "work/proxy_priv.h"

#include <string.h>

enum { UPLOAD_MAX = 1024 * 1024, SKILL_MAX = 256 };

/* What a body that names no skill is sent as. */
#define SKILL_HEADER  "X-Roster-Skill"
#define SKILL_DEFAULT "call"
#define SKILL_CHARS   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:-"

void
proxy_dispatch_begin(struct proxied *p)
{
    p->dispatching = true;
    buf_init(&p->upload, UPLOAD_MAX);
    http_accept(p->rq);
}

void
proxy_dispatch_upload(struct proxied *p, const char *bytes, size_t n)
{
    p->sent += (int64_t)n;
    if (!p->answering && !buf_put(&p->upload, bytes, n))
        proxy_refuse(p, ERR_PAYLOAD_TOO_LARGE, NULL);
}

/* What went wrong in the words of calls (RFC 9209), where they have one for it. */
static enum err_code
word_of(enum err_code code)
{
    switch ((int)code) {
    case ERR_NO_AVAILABLE_INSTANCE:
    case ERR_AGENT_NOT_FOUND:
        return ERR_TARGET_OFFLINE;
    case ERR_AGENT_BUSY:
        return ERR_CONNECTION_LIMIT;
    case ERR_AGENT_DISCONNECTED:
        return ERR_CONNECTION_TERMINATED;
    case ERR_DISPATCH_TIMEOUT:
        return ERR_RESPONSE_TIMEOUT;
    default:
        return code;
    }
}

static void
ended(struct request *rq)
{
    struct proxied *p = (struct proxied *)rq->lane;
    const struct dispatch_done *done = rq->task;
    struct err why = rq->err;

    p->in_dispatch = false;
    p->head_us = clock_us();
    if (why.code != ERR_NONE) {
        rq->err = (struct err){ 0 };
        err_set(&rq->err, word_of(why.code), NULL, NULL);
        memcpy(rq->err.note, why.note, sizeof why.note);
        if (why.code == ERR_HANDLER_ERROR) {
            err_fact_text(&rq->err, "agent_code", done->agent_code);
            err_fact_text(&rq->err, "agent_message", done->agent_message);
        }
        proxy_refuse(p, rq->err.code, NULL);
        return;
    }
    p->status = rq->reply.status = 200;
    p->outcome = "ok";
    p->answering = true;
    rq->reply.type = "application/json";
    rq->reply.bytes = done->result;
    rq->reply.size = strlen(done->result);
    p->received = (int64_t)rq->reply.size;
    if (p->answers != p->target)
        reply_header(rq, "x-tragentics-fallback", p->answers->id_text);
    reply_header(rq, "Proxy-Status", "rosterd; received-status=200");
    http_answer(rq);
}

/* {"skill_id": …, "args": {…}} says it all; anything else is the argument of the skill that the
 * header names. */
static bool
read_want(struct proxied *p, json_t *body, struct err *err)
{
    struct arena *mem = p->rq->mem;
    json_t *skill = json_object_get(body, "skill_id"), *args = json_object_get(body, "args");
    bool is_path = p->rq->rest != NULL && p->rq->rest[0] != '\0';
    const char *named = is_path ? p->rq->rest : request_header(p->rq, SKILL_HEADER);

    /* Neither is known to be UTF-8. */
    if (named != NULL && strspn(named, SKILL_CHARS) != strlen(named))
        return err_set(err, ERR_INVALID_DISPATCH, is_path ? "path" : SKILL_HEADER,
                       "The name of a skill must be of letters, digits and ._:- alone.");

    p->want.agent = &p->answers->id;
    if (skill != NULL && !is_path) {
        p->want.skill_id = arena_text(mem, json_string_value(skill));
        if (args != NULL && !json_is_object(args))
            return err_set(err, ERR_INVALID_DISPATCH, "args", "args: must be an object.");
        p->want.args = args == NULL ? NULL : json_text(args, 0, mem);
    } else {
        p->want.skill_id = named == NULL ? SKILL_DEFAULT : arena_text(mem, named);
        if (json_is_object(body))
            p->want.args = json_text(body, 0, mem);
        else if (body != NULL)
            p->want.args = arena_printf(mem, "{\"body\":%s}", json_text(body, 0, mem));
    }
    if (p->want.skill_id == NULL || p->want.skill_id[0] == '\0' ||
        strlen(p->want.skill_id) > SKILL_MAX)
        return err_set(err, ERR_INVALID_DISPATCH, "skill_id",
                       "skill_id: must be a text of 1 to 256 bytes.");
    return true;
}

void
proxy_dispatch_uploaded(struct proxied *p)
{
    struct request *rq = p->rq;
    json_t *body = NULL;

    if (p->answering)
        return;
    if (buf_size(&p->upload) > 0)
        body = json_read(buf_bytes(&p->upload), buf_size(&p->upload), rq->mem, &rq->err);
    if (rq->err.code != ERR_NONE || !read_want(p, body, &rq->err)) {
        proxy_refuse(p, rq->err.code, NULL);
        return;
    }
    p->in_dispatch = true;
    dispatch_begin(rq, &p->want, ended);
}
