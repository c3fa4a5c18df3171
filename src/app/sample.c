/* The sample agent "echo": registered through the daemon's own interface, as any agent is. */
#include "app/sample.h"

#include "app/cli.h"
#include "app/echo.h"
#include "app/files.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/must.h"
#include "json/spec.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { BEAT_MS = 60000 };

struct registered {
    const char *id, *permanent_id, *token;
};

static const struct field registered_fields[] = {
    { "id", TEXT_AT(struct registered, id), F_NULLABLE, .doc = "Its UUID." },
    { "permanent_id", TEXT_AT(struct registered, permanent_id), F_NULLABLE, .doc = "agt-…" },
    { "token", TEXT_AT(struct registered, token), F_NULLABLE, .doc = "Shown once." },
    FIELD_LAST,
};

static const struct spec registered_spec = { "Registered", sizeof(struct registered),
                                             registered_fields, .open = true };

struct sample {
    struct arena *mem;
    struct loopback to;
    const char *api_key;
    const char *id_file, *token_file, *attempt_file;
    struct registered agent;
    struct echo *echo;
    int stop; /* eventfd */
    pthread_t thread;
};

/* A call with the API key; id, permanent id and token of the answer, where it has them. */
static int
ask(struct sample *s, struct loopback_call call, struct registered *answer)
{
    struct err err = { 0 };
    const char *body;

    call.bearer = s->api_key;
    int status = loopback_call(&s->to, &call, s->mem, &body);
    json_t *value = status / 100 == 2 ? json_read(body, strlen(body), s->mem, &err) : NULL;
    if (value != NULL && !spec_read(&registered_spec, value, answer, SPEC_WHOLE, s->mem, &err))
        status = 0;
    return status;
}

/* Points the agent at this run's port; the status of the answer. */
static int
point_here(struct sample *s)
{
    const char *token = s->agent.token;
    int status = ask(s,
                     (struct loopback_call){
                         .method = "PATCH",
                         .target = arena_printf(s->mem, "/api/agents/%s", s->agent.id),
                         .body = arena_printf(s->mem, "{\"endpoint_url\":\"http://127.0.0.1:%d/\"}",
                                              echo_port(s->echo)) },
                     &s->agent);

    s->agent.token = token;
    return status;
}

/* The agent of an earlier run. *gone: there is none, or none any more. */
static bool
take_up(struct sample *s, bool *gone)
{
    s->agent.id = files_take(s->id_file, s->mem);
    s->agent.token = files_take(s->token_file, s->mem);
    *gone = s->agent.id == NULL || s->agent.token == NULL;
    if (*gone)
        return false;
    int status = point_here(s);
    *gone = status == 404;
    return status == 200;
}

/* The key of the attempt is on the disk before it is made: after a crash the same one is tried
 * again, and cannot make a second agent. */
static bool
make_new(struct sample *s)
{
    const char *attempt = files_take(s->attempt_file, s->mem);

    if (attempt == NULL) {
        attempt = ids_uuid(s->mem);
        if (!files_put(s->attempt_file, attempt))
            return false;
    }
    s->agent = (struct registered){ 0 };
    int status = ask(s,
                     (struct loopback_call){ .method = "POST",
                                             .target = "/api/agents",
                                             .idempotency_key = attempt,
                                             .body = "{\"name\":\"echo\"}" },
                     &s->agent);
    if (status / 100 != 2 || s->agent.id == NULL) {
        unlink(s->attempt_file);
        return false;
    }
    /* A late replay keeps the token to itself. */
    if (s->agent.token == NULL &&
        ask(s,
            (struct loopback_call){
                .method = "POST",
                .target = arena_printf(s->mem, "/api/agents/%s/rotate-token", s->agent.id) },
            &s->agent) /
                100 !=
            2)
        return false;
    if (s->agent.token == NULL || !files_put(s->token_file, s->agent.token) ||
        !files_put(s->id_file, s->agent.id))
        return false;
    unlink(s->attempt_file);
    return point_here(s) == 200;
}

static int
beat(struct sample *s, struct arena *mem)
{
    const char *body;

    return loopback_call(&s->to,
                         &(struct loopback_call){
                             .method = "POST",
                             .target = arena_printf(mem, "/api/agents/%s/heartbeat", s->agent.id),
                             .bearer = s->agent.token,
                             .body = "{\"status\":\"online\"}" },
                         mem, &body);
}

static void *
run(void *arg)
{
    struct sample *s = arg;
    struct pollfd p = { .fd = s->stop, .events = POLLIN };

    while (poll(&p, 1, BEAT_MS) == 0) {
        struct arena *mem = arena_new();
        int status = beat(s, mem);

        if (status != 200)
            log_event(LOG_WARN, "sample_heartbeat", LOG_N("status", status));
        arena_free(mem);
    }
    return NULL;
}

static struct sample *
give_up(struct sample *s, const char *why)
{
    cli_say("The sample agent is left out: %s.", why);
    echo_close(s->echo);
    if (s->stop >= 0)
        close(s->stop);
    arena_free(s->mem);
    free(s);
    return NULL;
}

struct sample *
sample_open(const struct loopback *to, const char *api_key, const char *dir)
{
    struct sample *s = must(calloc(1, sizeof *s));
    struct err err = { 0 };
    bool gone = false;

    s->mem = arena_new();
    s->to = (struct loopback){ arena_text(s->mem, to->host), to->port };
    s->api_key = arena_text(s->mem, api_key);
    s->id_file = arena_printf(s->mem, "%s/echo.id", dir);
    s->token_file = arena_printf(s->mem, "%s/echo.token", dir);
    s->attempt_file = arena_printf(s->mem, "%s/echo.attempt", dir);
    s->stop = eventfd(0, EFD_CLOEXEC);
    s->echo = echo_open(&err);
    if (s->echo == NULL || s->stop < 0)
        return give_up(s, "it cannot listen");
    if (!take_up(s, &gone) && !(gone && make_new(s)))
        return give_up(s, "it could not be registered");
    if (beat(s, s->mem) != 200)
        return give_up(s, "its heartbeat was refused");
    if (pthread_create(&s->thread, NULL, run, s) != 0)
        return give_up(s, "no thread could be made");
    return s;
}

const char *
sample_id(const struct sample *sample)
{
    return sample->agent.permanent_id == NULL ? sample->agent.id : sample->agent.permanent_id;
}

void
sample_close(struct sample *s)
{
    if (s == NULL)
        return;
    eventfd_write(s->stop, 1);
    pthread_join(s->thread, NULL);
    echo_close(s->echo);
    close(s->stop);
    arena_free(s->mem);
    free(s);
}
