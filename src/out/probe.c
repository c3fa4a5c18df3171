/* Probes: HEAD, or GET where HEAD is not known, through libcurl; fair among the hosts. */
#include "out/probe.h"

#include "base/clock.h"
#include "out/conn_priv.h"
#include "out/multi_priv.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { BUCKETS = 1024, BODY_MAX = 16384, DNS_SECONDS = 60 };

static const char system_authorities[] = "/etc/ssl/certs/ca-certificates.crt";
static const char agent[] = "rosterd/" ROSTERD_VERSION;

/* Probes of one host and port: a few under way, the others wait. */
struct host {
    struct host *next;
    struct ring waiting, ready;
    int active;
    char name[];
};

struct probe {
    struct prober *prober;
    struct arena *mem;
    struct host *host;
    const char *url;
    probe_done_fn *done;
    void *arg;
    struct ring part; /* of its host's waiting, then of all active */
    CURL *easy;
    const char *refusal; /* the URL may not be asked */
    bool started, by_get, prohibited;
    size_t received;
    int64_t begun;
};

struct prober {
    const struct guard *guard;
    const char *ca_file;
    int most, per_host, timeout_ms;
    struct poll *poll;
    struct timers *timers;
    struct multi multi;
    struct watch bell;
    bool woken;
    size_t count; /* queued or active */
    int running;
    struct ring ready; /* hosts with a probe that may begin, latest first */
    struct ring active;
    struct host *hosts[BUCKETS];
};

static void
on_bell(struct watch *watch, uint32_t events)
{
    uint64_t count;

    (void)events;
    if (read(watch->fd, &count, sizeof count) == sizeof count)
        RING_OF(struct prober, bell, watch)->woken = true;
}

void
prober_wake(struct prober *prober)
{
    eventfd_write(prober->bell.fd, 1);
}

static struct host **
place_of(struct prober *prober, const char *name)
{
    uint64_t hash = 0xcbf29ce484222325u;
    struct host **at;

    for (const char *c = name; *c != '\0'; c++)
        hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
    at = &prober->hosts[(hash ^ hash >> 32) % BUCKETS];
    while (*at != NULL && strcmp((*at)->name, name) != 0)
        at = &(*at)->next;
    return at;
}

static struct host *
host_of(struct prober *prober, const char *name)
{
    struct host **at = place_of(prober, name);
    size_t size = strlen(name) + 1;

    if (*at == NULL) {
        *at = must(calloc(1, sizeof **at + size));
        memcpy((*at)->name, name, size);
        ring_init(&(*at)->waiting);
        ring_init(&(*at)->ready);
    }
    return *at;
}

/* Has its turn when it may begin a probe; goes when it has none. */
static void
settle_host(struct prober *prober, struct host *host)
{
    bool waits = !ring_is_alone(&host->waiting);

    if (waits && host->active < prober->per_host) {
        if (ring_is_alone(&host->ready))
            ring_put(&prober->ready, &host->ready);
    } else if (!waits && host->active == 0) {
        struct host **at = place_of(prober, host->name);

        *at = host->next;
        ring_take(&host->ready);
        free(host);
    }
}

static void
probe_free(struct probe *probe)
{
    struct prober *prober = probe->prober;

    if (probe->easy != NULL) {
        curl_multi_remove_handle(prober->multi.curl, probe->easy);
        curl_easy_cleanup(probe->easy);
    }
    if (probe->started) {
        probe->host->active--;
        prober->running--;
    }
    ring_take(&probe->part);
    prober->count--;
    settle_host(prober, probe->host);
    arena_free(probe->mem);
}

static void
tell(struct probe *probe, int status, const char *error)
{
    struct probe_answer answer = { .alive = error == NULL,
                                   .http_status = status,
                                   .latency_ms = (int)(clock_ms() - probe->begun),
                                   .error = error };

    probe->done(probe->arg, &answer);
    probe_free(probe);
}

static curl_socket_t
open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct probe *probe = arg;
    int fd = -1;

    (void)purpose;
    probe->prohibited |= !guard_allows(probe->prober->guard, &address->addr);
    if (guard_allows(probe->prober->guard, &address->addr))
        fd = socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                    address->protocol);
    return fd < 0 ? CURL_SOCKET_BAD : fd;
}

/* A connection that is used again has not passed open_socket for this probe. */
static int
before_request(void *arg, char *address, char *local, int port, int local_port)
{
    struct probe *probe = arg;
    struct sockaddr_in in = { .sin_family = AF_INET };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
    const struct sockaddr *to = NULL;

    (void)local, (void)port, (void)local_port;
    if (inet_pton(AF_INET, address, &in.sin_addr) == 1)
        to = (const struct sockaddr *)&in;
    else if (inet_pton(AF_INET6, address, &in6.sin6_addr) == 1)
        to = (const struct sockaddr *)&in6;
    if (to != NULL && guard_allows(probe->prober->guard, to))
        return CURL_PREREQFUNC_OK;
    probe->prohibited = true;
    return CURL_PREREQFUNC_ABORT;
}

static size_t
on_body(char *bytes, size_t size, size_t n, void *arg)
{
    struct probe *probe = arg;

    (void)bytes;
    probe->received += size * n;
    return probe->received > BODY_MAX ? 0 : size * n;
}

#define SET(option, value) (curl_easy_setopt(easy, (option), (value)) == CURLE_OK)

static bool
set_what(struct probe *probe)
{
    CURL *easy = probe->easy;
    const char *ca_file = probe->prober->ca_file;

    return SET(CURLOPT_URL, probe->url) && SET(CURLOPT_PROTOCOLS_STR, "http,https") &&
           SET(CURLOPT_NOBODY, 1L) && SET(CURLOPT_FOLLOWLOCATION, 0L) &&
           SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) &&
           SET(CURLOPT_SSL_ENABLE_ALPN, 0L) &&
           SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
           /* A folder of authorities would be read again for every connection. */
           SET(CURLOPT_CAPATH, NULL) &&
           SET(CURLOPT_CAINFO, ca_file != NULL ? ca_file : system_authorities) &&
           SET(CURLOPT_USERAGENT, agent) && SET(CURLOPT_WRITEFUNCTION, on_body) &&
           SET(CURLOPT_WRITEDATA, probe) && SET(CURLOPT_PRIVATE, probe);
}

static bool
set_how(struct probe *probe)
{
    CURL *easy = probe->easy;

    return SET(CURLOPT_PROXY, "") && SET(CURLOPT_NOPROXY, "*") && SET(CURLOPT_NOSIGNAL, 1L) &&
           SET(CURLOPT_QUICK_EXIT, 1L) && SET(CURLOPT_OPENSOCKETFUNCTION, open_socket) &&
           SET(CURLOPT_OPENSOCKETDATA, probe) && SET(CURLOPT_PREREQFUNCTION, before_request) &&
           SET(CURLOPT_PREREQDATA, probe) && SET(CURLOPT_DNS_CACHE_TIMEOUT, (long)DNS_SECONDS) &&
           SET(CURLOPT_BUFFERSIZE, (long)BODY_MAX) &&
           SET(CURLOPT_TIMEOUT_MS, (long)probe->prober->timeout_ms);
}

static void
start(struct probe *probe)
{
    struct prober *prober = probe->prober;

    probe->begun = clock_ms();
    probe->started = true;
    prober->running++;
    ring_put(&prober->active, &probe->part);
    if (probe->refusal != NULL) {
        tell(probe, 0, probe->refusal);
        return;
    }
    probe->easy = must(curl_easy_init());
    if (!set_what(probe) || !set_how(probe) ||
        curl_multi_add_handle(prober->multi.curl, probe->easy) != CURLM_OK)
        tell(probe, 0, err_text(ERR_INTERNAL_ERROR));
}

/* Begins what may begin, one probe of a host after one of another. */
static void
start_some(struct prober *prober)
{
    while (prober->running < prober->most && !ring_is_alone(&prober->ready)) {
        struct host *host = RING_OF(struct host, ready, prober->ready.prev);
        struct probe *probe = RING_OF(struct probe, part, host->waiting.prev);

        ring_take(&host->ready);
        ring_take(&probe->part);
        host->active++;
        settle_host(prober, host);
        start(probe);
    }
}

static const char *
reason_of(const struct probe *probe, CURLcode result)
{
    curl_off_t named = 0;

    if (probe->prohibited)
        return err_text(ERR_IP_PROHIBITED);
    if (result == CURLE_COULDNT_RESOLVE_HOST)
        return err_text(ERR_DNS_ERROR);
    if (result == CURLE_COULDNT_CONNECT)
        return err_text(ERR_CONNECTION_REFUSED);
    if (result == CURLE_PEER_FAILED_VERIFICATION)
        return err_text(ERR_TLS_CERTIFICATE_ERROR);
    if (result == CURLE_SSL_CONNECT_ERROR)
        return err_text(ERR_TLS_PROTOCOL_ERROR);
    if (result == CURLE_GOT_NOTHING || result == CURLE_RECV_ERROR || result == CURLE_SEND_ERROR)
        return err_text(ERR_CONNECTION_TERMINATED);
    if (result != CURLE_OPERATION_TIMEDOUT)
        return err_text(ERR_HTTP_PROTOCOL_ERROR);
    curl_easy_getinfo(probe->easy, CURLINFO_NAMELOOKUP_TIME_T, &named);
    return err_text(named == 0 ? ERR_DNS_TIMEOUT : ERR_RESPONSE_TIMEOUT);
}

/* Asks again with GET, in what is left of its time. */
static bool
ask_by_get(struct probe *probe)
{
    CURL *easy = probe->easy;
    int64_t left = probe->begun + probe->prober->timeout_ms - clock_ms();

    if (probe->by_get || left <= 0)
        return false;
    probe->by_get = true;
    curl_multi_remove_handle(probe->prober->multi.curl, easy);
    return SET(CURLOPT_HTTPGET, 1L) && SET(CURLOPT_TIMEOUT_MS, (long)left) &&
           curl_multi_add_handle(probe->prober->multi.curl, easy) == CURLM_OK;
}

static void
on_done(CURL *easy, CURLcode result)
{
    char *private = NULL;
    char error[64];
    long status = 0;

    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &private);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    struct probe *probe = (struct probe *)(void *)private;
    struct prober *prober = probe->prober;
    bool answered = status >= 200 && !probe->prohibited;

    if (answered && (status == 405 || status == 501) && ask_by_get(probe))
        return;
    if (!answered) {
        tell(probe, 0, reason_of(probe, result));
    } else if (status >= 500) {
        snprintf(error, sizeof error, "The endpoint answered with status %ld.", status);
        tell(probe, (int)status, error);
    } else {
        tell(probe, (int)status, NULL);
    }
    start_some(prober);
}

struct prober *
prober_new(const struct guard *guard, const char *ca_file, int most, int per_host, int timeout_ms)
{
    struct prober *prober = must(calloc(1, sizeof *prober));

    prober->guard = guard;
    prober->ca_file = ca_file;
    prober->most = most;
    prober->per_host = per_host;
    prober->timeout_ms = timeout_ms;
    prober->poll = poll_new();
    prober->timers = timers_new();
    ring_init(&prober->ready);
    ring_init(&prober->active);
    must(multi_init(&prober->multi, prober->poll, prober->timers, on_done) ? prober : NULL);
    curl_multi_setopt(prober->multi.curl, CURLMOPT_MAXCONNECTS, (long)most);
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return must(poll_add(prober->poll, &prober->bell, fd, EPOLLIN, on_bell) ? prober : NULL);
}

static void
drop(struct probe *probe)
{
    probe->done(probe->arg, NULL);
    probe_free(probe);
}

static void
drop_waiting(struct prober *prober)
{
    while (!ring_is_alone(&prober->ready)) {
        struct host *host = RING_OF(struct host, ready, prober->ready.prev);

        drop(RING_OF(struct probe, part, host->waiting.prev));
    }
}

void
prober_free(struct prober *prober)
{
    if (prober == NULL)
        return;
    while (!ring_is_alone(&prober->active))
        drop(RING_OF(struct probe, part, prober->active.prev));
    drop_waiting(prober);
    multi_done(&prober->multi);
    poll_remove(&prober->bell);
    close(prober->bell.fd);
    timers_free(prober->timers);
    poll_free(prober->poll);
    free(prober);
}

void
prober_add(struct prober *prober, const char *url, probe_done_fn *done, void *arg)
{
    struct arena *mem = arena_new();
    struct probe *probe = ARENA_NEW(mem, struct probe);
    struct err err = { 0 };
    const struct out_url *read = out_url_read(prober->guard, url, "url", mem, &err);

    /* One that may not be asked still gets its answer in its turn. */
    *probe = (struct probe){ .prober = prober, .mem = mem, .done = done, .arg = arg };
    probe->refusal = read == NULL ? arena_text(mem, err.reason) : NULL;
    probe->url = arena_text(mem, url);
    probe->host = host_of(prober, read == NULL ? "" : read->authority);
    ring_put(&probe->host->waiting, &probe->part);
    prober->count++;
    settle_host(prober, probe->host);
}

size_t
prober_run(struct prober *prober, int wait_ms)
{
    int64_t now = clock_ms(), until = now + wait_ms;
    bool busy = prober->count > 0;

    start_some(prober);
    do {
        poll_run(prober->poll, timers_wait(prober->timers, now, (int)(until - now)));
        now = clock_ms();
        timers_run(prober->timers, now);
    } while (now < until && !prober->woken && !(busy && prober->count == 0));
    prober->woken = false;
    return prober->count;
}
