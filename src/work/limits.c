/* Which keys a row's limit counts, and against which setting. */
#include "work/limits.h"

#include "base/clock.h"
#include "base/metrics.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct org_counts {
    pthread_mutex_t lock;
    struct org_agents *rows; /* sorted */
    size_t n;
};

/* What a bucket counts: a limit, and up to two parts of a subject. */
struct limit_key {
    char what;
    struct uuid subject;
    char address[46];
};

static bool
take(struct service *service, const struct limit_key *key, long long most, struct err *err)
{
    unsigned wait = limiter_take(service->limiter, key, sizeof *key, most, clock_ms());

    if (wait == 0)
        return true;
    metrics_add(METRIC_RATE_LIMITED, 1);
    err_setf(err, ERR_RATE_LIMITED, NULL,
             "Too many requests: at most %lld a minute; try again in %u s.", most, wait);
    err->retry_after = wait;
    err_fact_number(err, "limit", most);
    return false;
}

static struct limit_key
key_of(char what, const struct uuid *subject, const char *address)
{
    struct limit_key key;

    memset(&key, 0, sizeof key); /* padding is hashed too */
    key.what = what;
    if (subject != NULL)
        key.subject = *subject;
    if (address != NULL)
        memcpy(key.address, address, strlen(address));
    return key;
}

static bool
take_runtime(struct service *service, const struct request *rq, struct err *err)
{
    const struct rate_limits *limits = &service->limits;
    struct limit_key agent = key_of('r', &rq->caller.id, rq->client_ip);
    struct limit_key org = key_of('o', &rq->caller.org, NULL);
    long long least = limits->account_least;
    long long by_agents =
        limits->account_per_agent * org_counts_get(service->orgs, &rq->caller.org);

    return take(service, &agent, limits->runtime, err) &&
           take(service, &org, by_agents > least ? by_agents : least, err);
}

static bool
take_heartbeat(struct service *service, const struct request *rq, struct err *err)
{
    struct limit_key agent = key_of('h', &rq->caller.id, rq->client_ip);

    return take(service, &agent, service->limits.heartbeat, err);
}

/* As take, and notes where the key stands. */
static bool
take_noted(struct service *service, struct request *rq, const struct limit_key *key, long long most,
           struct err *err)
{
    bool good = take(service, key, most, err);
    int64_t now = clock_ms();
    struct limit_state state = limiter_look(service->limiter, key, sizeof *key, most, now);

    rq->rate = (struct rate_state){ most, state.remaining,
                                    (clock_wall_ms() + state.ends_ms - now + 999) / 1000 };
    return good;
}

/* Whoever calls itself by a client's id is counted by that and its address: the client itself is
 * not out of breath because of a stranger elsewhere. Anything else counts by its address. */
static bool
take_client(struct service *service, struct request *rq, struct err *err)
{
    struct uuid id;
    bool known = rq->client.id != NULL && ids_uuid_read(rq->client.id, &id);
    struct limit_key key = key_of('c', known ? &id : NULL, rq->client_ip);

    return take_noted(service, rq, &key, service->limits.client, err);
}

bool
limits_take_proved(struct service *service, struct request *rq, struct err *err)
{
    struct uuid id;
    struct rate_state before = rq->rate;

    if (!service->limits.enabled || rq->client.id == NULL || !ids_uuid_read(rq->client.id, &id))
        return true;
    struct limit_key key = key_of('C', &id, NULL);
    bool good = take_noted(service, rq, &key, service->limits.client, err);
    if (before.limit > 0 && before.remaining < rq->rate.remaining)
        rq->rate = before;
    return good;
}

bool
limits_take(struct service *service, struct request *rq, struct err *err)
{
    struct limit_key self = key_of('s', &rq->caller.id, NULL);
    struct limit_key owner = key_of('k', &rq->caller.id, NULL);
    struct limit_key verify = key_of('v', &rq->caller.id, NULL);
    struct limit_key public = key_of('p', NULL, rq->client_ip);

    if (!service->limits.enabled)
        return true;
    switch (rq->route->limit) {
    case LIMIT_NONE:
        return true;
    case LIMIT_RUNTIME:
        return take_runtime(service, rq, err);
    case LIMIT_HEARTBEAT:
        return take_heartbeat(service, rq, err);
    case LIMIT_SELF:
        return take(service, &self, service->limits.self, err);
    case LIMIT_OWNER:
        return take_noted(service, rq, &owner, service->limits.owner, err);
    case LIMIT_CLIENT:
        return take_client(service, rq, err);
    case LIMIT_VERIFY:
        return take(service, &verify, service->limits.verify, err);
    case LIMIT_PUBLIC:
        return take_noted(service, rq, &public, service->limits.public, err);
    }
    return true;
}

bool
limits_take_refusal(struct service *service, const struct request *rq, struct err *err)
{
    struct limit_key key = key_of('b', NULL, rq->client_ip);
    struct err limited = { 0 };

    if (!service->limits.enabled || err_status(err->code) != 401 ||
        take(service, &key, service->limits.bad_token, &limited))
        return true;
    *err = limited;
    return false;
}

struct org_counts *
org_counts_new(void)
{
    struct org_counts *counts = must(calloc(1, sizeof *counts));

    pthread_mutex_init(&counts->lock, NULL);
    return counts;
}

void
org_counts_free(struct org_counts *counts)
{
    if (counts == NULL)
        return;
    pthread_mutex_destroy(&counts->lock);
    free(counts->rows);
    free(counts);
}

static int
by_org(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct uuid)); /* the row begins with its organization */
}

void
org_counts_set(struct org_counts *counts, const struct list *orgs)
{
    struct org_agents *fresh = must(malloc(orgs->n * sizeof *fresh + 1));

    for (size_t i = 0; i < orgs->n; i++)
        fresh[i] = *(const struct org_agents *)orgs->v[i];
    pthread_mutex_lock(&counts->lock);
    free(counts->rows);
    counts->rows = fresh;
    counts->n = orgs->n;
    pthread_mutex_unlock(&counts->lock);
}

int64_t
org_counts_get(struct org_counts *counts, const struct uuid *org)
{
    int64_t agents = 0;

    pthread_mutex_lock(&counts->lock);
    const struct org_agents *found =
        counts->n == 0 ? NULL : bsearch(org, counts->rows, counts->n, sizeof *counts->rows, by_org);
    if (found != NULL)
        agents = found->agents;
    pthread_mutex_unlock(&counts->lock);
    return agents;
}
