/* The round of a loop: events, mail, timers, then libmicrohttpd (docs/decisions/0001, rule 1). */
#include "work/loop.h"

#include "base/clock.h"
#include "base/mailbox.h"
#include "base/metrics.h"
#include "work/pipeline.h"
#include "work/dispatch.h"
#include "work/sockets.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { ROUND_MAX_MS = 500, HURRY_MS = 3000 };

enum wish {
    WISH_QUIESCE = 1 << 0,
    WISH_HURRY = 1 << 1,
    WISH_END = 1 << 2,
};

struct loop {
    struct service *service;
    struct poll *poll;
    struct timers *timers;
    struct http *http;
    struct out *out;
    struct out *hosted, *peers;
    struct sockets *sockets;
    struct mailbox *mail;  /* requests that come back */
    struct mailbox *posts; /* struct loop_mail        */
    struct watch bell, posts_bell;
    struct pulse *pulse;
    pthread_t thread;
    atomic_uint wishes;
    unsigned granted;
    atomic_size_t count;
    struct out_stats last; /* what was added to the gauges */
    size_t last_connections, last_requests;
};

static void
read_mail(struct watch *watch, uint32_t events)
{
    struct loop *loop = (struct loop *)((char *)watch - offsetof(struct loop, bell));
    uint64_t rung;

    (void)events;
    if (read(watch->fd, &rung, sizeof rung) < 0)
        return;
    struct letter *letter = mailbox_take_all(loop->mail, 0);
    while (letter != NULL) {
        struct request *rq = (struct request *)((char *)letter - offsetof(struct request, letter));

        /* then() may post it again: the chain is read first. */
        letter = letter->next;
        http_release(rq);
        rq->then(rq);
    }
}

static void
read_posts(struct watch *watch, uint32_t events)
{
    struct loop *loop = (struct loop *)((char *)watch - offsetof(struct loop, posts_bell));
    uint64_t rung;

    (void)events;
    if (read(watch->fd, &rung, sizeof rung) < 0)
        return;
    struct letter *letter = mailbox_take_all(loop->posts, 0);
    while (letter != NULL) {
        struct loop_mail *mail =
            (struct loop_mail *)((char *)letter - offsetof(struct loop_mail, letter));

        letter = letter->next;
        mail->read(mail);
    }
}

static void
grant_wishes(struct loop *loop)
{
    unsigned wishes = atomic_load(&loop->wishes), fresh = wishes & ~loop->granted;

    loop->granted = wishes;
    if (fresh & WISH_QUIESCE) {
        http_quiesce(loop->http);
        sockets_drain(loop->sockets);
    }
    if (fresh & WISH_HURRY) {
        http_hurry(loop->http, clock_ms() + HURRY_MS);
        http_each(loop->http, pipeline_hurry);
        sockets_hurry(loop->sockets);
        dispatch_hurry(loop);
    }
}

/* The gauges are sums over the loops: each adds what has changed. */
static void
count(struct loop *loop)
{
    struct out_stats now = out_stats(loop->out);
    size_t connections = http_connections(loop->http), requests = http_count(loop->http);

    atomic_store_explicit(&loop->count, requests + sockets_count(loop->sockets),
                          memory_order_relaxed);
    metrics_add(METRIC_CONNECTIONS, (long long)connections - (long long)loop->last_connections);
    metrics_add(METRIC_REQUESTS, (long long)requests - (long long)loop->last_requests);
    metrics_add(METRIC_UPSTREAM_CONNECTIONS,
                (long long)now.connections - (long long)loop->last.connections);
    metrics_add(METRIC_UPSTREAM_CALLS, (long long)now.calls - (long long)loop->last.calls);
    loop->last = now;
    loop->last_connections = connections;
    loop->last_requests = requests;
}

static void *
run(void *arg)
{
    struct loop *loop = arg;

    while ((loop->granted & WISH_END) == 0) {
        int wait = timers_wait(loop->timers, clock_ms(), ROUND_MAX_MS);

        poll_run(loop->poll, http_wait(loop->http, wait));
        timers_run(loop->timers, clock_ms());
        grant_wishes(loop);
        http_run(loop->http);
        count(loop);
        service_beat(loop->pulse);
    }
    return NULL;
}

static struct loop *
loop_new(const struct loop_options *options)
{
    struct loop *loop = must(calloc(1, sizeof *loop));
    struct service *service = options->service;

    loop->service = service;
    loop->poll = poll_new();
    loop->timers = timers_new();
    loop->mail = mailbox_new(0);  /* bounded by the requests under way              */
    loop->posts = mailbox_new(0); /* by these, and by the sockets and their signs of life */
    loop->out = out_new(loop->poll, loop->timers, &service->guard, &service->out, service->trust);
    loop->hosted =
        out_new(loop->poll, loop->timers, &service->guard, &service->mesh.out, service->trust);
    loop->peers =
        out_new(loop->poll, loop->timers, &service->mesh.peers, &service->mesh.out, service->trust);
    loop->sockets = sockets_new(loop);
    loop->pulse = service_pulse(service);
    poll_add(loop->poll, &loop->bell, mailbox_bell(loop->mail), EPOLLIN, read_mail);
    poll_add(loop->poll, &loop->posts_bell, mailbox_bell(loop->posts), EPOLLIN, read_posts);
    return loop;
}

static void
loop_free(struct loop *loop)
{
    sockets_free(loop->sockets);
    out_free(loop->peers);
    out_free(loop->hosted);
    out_free(loop->out);
    poll_remove(&loop->posts_bell);
    mailbox_free(loop->posts);
    poll_remove(&loop->bell);
    mailbox_free(loop->mail);
    timers_free(loop->timers);
    poll_free(loop->poll);
    free(loop);
}

struct loop *
loop_open(const struct loop_options *options, struct err *err)
{
    struct loop *loop = loop_new(options);
    struct http_options http = {
        .poll = loop->poll,
        .timers = loop->timers,
        .router = options->service->router,
        .hooks = &pipeline_hooks,
        .owner = loop,
        .listen_fd = options->listen_fd,
        .connections = options->connections,
        .header_timeout = options->header_timeout,
        .body_timeout = options->body_timeout,
        .idle_timeout = options->idle_timeout,
        .request_timeout = options->request_timeout,
        .trusted = options->service->trusted,
    };

    loop->http = http_open(&http, err);
    if (loop->http == NULL)
        goto no_http;
    int rc = pthread_create(&loop->thread, NULL, run, loop);
    if (rc != 0) {
        err_fault(err, ERR_INTERNAL_ERROR, "pthread_create failed: %d", rc);
        goto no_thread;
    }
    return loop;

no_thread:
    http_close(loop->http);
no_http:
    loop_free(loop);
    return NULL;
}

static void
wish(struct loop *loop, enum wish what)
{
    atomic_fetch_or(&loop->wishes, (unsigned)what);
    /* The bell wakes the thread; there need be no letter. */
    uint64_t one = 1;
    if (write(loop->bell.fd, &one, sizeof one) < 0)
        return;
}

void
loop_quiesce(struct loop *loop)
{
    wish(loop, WISH_QUIESCE);
}

void
loop_hurry(struct loop *loop)
{
    wish(loop, WISH_HURRY);
}

size_t
loop_count(const struct loop *loop)
{
    return atomic_load_explicit(&loop->count, memory_order_relaxed);
}

void
loop_close(struct loop *loop)
{
    wish(loop, WISH_END);
    pthread_join(loop->thread, NULL);
    http_close(loop->http);
    loop_free(loop);
}

struct service *
loop_service(struct loop *loop)
{
    return loop->service;
}

struct out *
loop_out(struct loop *loop)
{
    return loop->out;
}

struct out *
loop_hosted(struct loop *loop)
{
    return loop->hosted;
}

struct out *
loop_peers(struct loop *loop)
{
    return loop->peers;
}

struct poll *
loop_poll(struct loop *loop)
{
    return loop->poll;
}

struct timers *
loop_timers(struct loop *loop)
{
    return loop->timers;
}

struct sockets *
loop_sockets(struct loop *loop)
{
    return loop->sockets;
}

void
loop_send(struct loop *loop, struct loop_mail *mail)
{
    mailbox_put(loop->posts, &mail->letter);
}

void
loop_post(struct request *rq)
{
    struct loop *loop = http_owner(rq);

    mailbox_put(loop->mail, &rq->letter);
}
