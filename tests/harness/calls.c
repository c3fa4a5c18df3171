/* A loop for the tests of calls, and a record of what a call was told. */
#include "calls.h"

#include "base/clock.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { WAIT_MS = 15000 };

void
bench_open(struct bench *bench, const char *ca_file)
{
    struct err err = { 0 };
    bool read = guard_read(&bench->guard, "127.0.0.0/8, ::1", true, &err);

    assert(read);
    signal(SIGPIPE, SIG_IGN);
    bench->poll = poll_new();
    bench->timers = timers_new();
    bench->limits = (struct out_limits){ 5000, 5000, 5000, 0, 5000, 100, 100, 16384 };
    bench->trust = trust_read(ca_file);
    bench->out = out_new(bench->poll, bench->timers, &bench->guard, &bench->limits, bench->trust);
}

void
bench_close(struct bench *bench)
{
    out_free(bench->out);
    trust_free(bench->trust);
    timers_free(bench->timers);
    poll_free(bench->poll);
}

const struct out_url *
bench_url(struct bench *bench, int port, bool https, const char *host)
{
    snprintf(bench->host, sizeof bench->host, "%s", host);
    snprintf(bench->authority, sizeof bench->authority, "%s:%d", host, port);
    bench->url = (struct out_url){ "", https, bench->host, port, bench->authority, "/", "/" };
    return &bench->url;
}

void
bench_turn(struct bench *bench, int ms)
{
    int64_t now = clock_ms(), until = now + ms;

    do {
        poll_run(bench->poll, timers_wait(bench->timers, now, (int)(until - now)));
        now = clock_ms();
        timers_run(bench->timers, now);
    } while (now < until);
}

bool
bench_wait(struct bench *bench, struct seen *seen)
{
    int64_t now = clock_ms(), until = now + WAIT_MS;

    while (seen->call != NULL && now < until) {
        poll_run(bench->poll, timers_wait(bench->timers, now, 100));
        now = clock_ms();
        timers_run(bench->timers, now);
    }
    return seen->call == NULL;
}

bool
bench_until(struct bench *bench, const int *count, int want)
{
    for (int i = 0; i < WAIT_MS / 5 && *count != want; i++)
        bench_turn(bench, 5);
    return *count == want;
}

bool
bench_is_empty(struct bench *bench)
{
    for (int i = 0; i < WAIT_MS / 5 && out_stats(bench->out).connections > 0; i++)
        bench_turn(bench, 5);
    return out_stats(bench->out).connections == 0;
}

static void
on_head(void *arg, const struct call_head *head)
{
    struct seen *seen = arg;

    seen->heads++;
    seen->status = head->status;
    seen->body_size = head->body_size;
    seen->no_body = head->no_body;
    for (size_t i = 0; i < head->headers->n; i++) {
        const struct param *h = &head->headers->v[i];
        size_t used = strlen(seen->names);

        snprintf(seen->names + used, sizeof seen->names - used, "%s ", h->name);
        if (strcmp(h->name, "content-type") == 0)
            snprintf(seen->type, sizeof seen->type, "%s", h->value);
    }
    if (seen->on_head != NULL)
        seen->on_head(seen);
}

static void
on_body(void *arg, const char *bytes, size_t n)
{
    struct seen *seen = arg;

    seen->bodies++;
    seen->received += n;
    if (seen->received <= 65536)
        buf_put(&seen->body, bytes, n);
    if (seen->on_body != NULL)
        seen->on_body(seen);
}

static void
on_end(void *arg)
{
    struct seen *seen = arg;

    seen->ends++;
    if (seen->on_end != NULL)
        seen->on_end(seen);
    seen->call = NULL;
}

static void
on_fail(void *arg, enum err_code code, const char *note)
{
    struct seen *seen = arg;

    seen->fails++;
    seen->code = code;
    snprintf(seen->note, sizeof seen->note, "%s", note);
    if (seen->on_end != NULL)
        seen->on_end(seen);
    seen->call = NULL;
}

static void
on_room(void *arg)
{
    struct seen *seen = arg;

    seen->rooms++;
    if (seen->on_room != NULL)
        seen->on_room(seen);
}

static void
on_ready(void *arg)
{
    struct seen *seen = arg;

    seen->readies++;
}

void
bench_begin(struct bench *bench, struct seen *seen, const struct call_request *request)
{
    static const struct call_events events = {
        on_head, on_body, on_end, on_fail, on_room, on_ready
    };

    seen->call = call_begin(bench->out, request, &events, seen);
    assert(seen->heads + seen->bodies + seen->rooms + seen->ends + seen->fails == 0);
}

void
bench_get(struct bench *bench, struct seen *seen, const struct out_url *url, const char *method)
{
    static const struct params none;
    struct call_request request = { .url = url, .method = method, .headers = &none };

    bench_begin(bench, seen, &request);
}

void
seen_done(struct seen *seen)
{
    buf_done(&seen->body);
}
