/* Turns of the health check: an interval has 60, each endpoint belongs to one of them, and those of
 * a turn are spread over it. */
#include "work/checks_priv.h"

#include "base/clock.h"
#include "base/metrics.h"
#include "domain/presence.h"
#include "out/probe.h"
#include "work/writer.h"

#include <stdlib.h>
#include <string.h>

enum {
    SLOTS = 60,    /* turns of an interval, as agents.probe_slot                           */
    PIECES = 20,   /* of a turn                                                            */
    PACE_MS = 200, /* answers wait for each other that long: one commit for many           */
    BUCKETS = 16384,
};

/* A check that is queued or under way; then its answer. */
struct check {
    struct check *next; /* in its bucket; then of the answers */
    struct checks *checks;
    struct beat_row row;
    char *error; /* that of the row, owned */
};

struct checks {
    struct service *service;
    struct prober *prober;
    int64_t slot;      /* the last turn begun, counted since the clock was at 0 */
    struct arena *mem; /* of the targets                                        */
    struct list turn;  /* struct probe_target                                   */
    size_t asked;      /* of these                                              */
    struct check *open[BUCKETS];
    struct check *answers;
    int64_t write_at; /* clock_ms: when the answers go to the writer            */
};

struct checks *
checks_new(struct service *service)
{
    struct checks *checks = must(calloc(1, sizeof *checks));
    const struct background *b = &service->background;

    checks->service = service;
    checks->mem = arena_new();
    checks->prober = prober_new(&service->guard, service->trust, (int)b->health_concurrency,
                                (int)b->health_per_host, (int)b->health_timeout);
    return checks;
}

static void
check_free(struct check *check)
{
    free(check->error);
    free(check);
}

/* What probes found goes the way of every other sign of life. */
static void
write_answers(struct checks *checks)
{
    while (checks->answers != NULL) {
        struct check *check = checks->answers;

        checks->answers = check->next;
        writer_sign(checks->service->writer, &check->row);
        check_free(check);
    }
}

void
checks_free(struct checks *checks)
{
    prober_free(checks->prober);
    write_answers(checks);
    arena_free(checks->mem);
    free(checks);
}

static struct check **
place_of(struct checks *checks, const struct uuid *agent)
{
    uint64_t key;

    memcpy(&key, agent->b + 8, sizeof key); /* ids are random */
    struct check **at = &checks->open[key % BUCKETS];
    while (*at != NULL && memcmp(&(*at)->row.agent, agent, sizeof *agent) != 0)
        at = &(*at)->next;
    return at;
}

static void
on_done(void *arg, const struct probe_answer *answer)
{
    struct check *check = arg, **at = place_of(check->checks, &check->row.agent);
    struct checks *checks = check->checks;

    *at = check->next;
    if (answer == NULL) {
        check_free(check);
        return;
    }
    metrics_add(METRIC_PROBES, 1);
    if (!answer->alive)
        metrics_add(METRIC_PROBES_FAILED, 1);
    check->row.kind = answer->alive ? BEAT_PROBE_GOOD : BEAT_PROBE_BAD;
    check->row.http_status = answer->http_status;
    check->row.latency_ms = answer->latency_ms;
    check->row.error = check->error = answer->alive ? NULL : must(strdup(answer->error));
    if (checks->answers == NULL)
        checks->write_at = clock_ms() + PACE_MS;
    check->next = checks->answers;
    checks->answers = check;
}

/* Those of the turn up to number n. */
static void
ask(struct checks *checks, size_t n)
{
    for (; checks->asked < n; checks->asked++) {
        const struct probe_target *target = checks->turn.v[checks->asked];
        struct check **at = place_of(checks, &target->agent);

        if (*at != NULL) {
            metrics_add(METRIC_PROBES_LEFT_OUT, 1);
            continue;
        }
        *at = must(calloc(1, sizeof **at));
        (*at)->checks = checks;
        (*at)->row.agent = target->agent;
        prober_add(checks->prober, target->url, on_done, *at);
    }
}

static void
forget_turn(struct checks *checks)
{
    arena_free(checks->mem);
    checks->mem = arena_new();
    checks->turn = (struct list){ 0 };
    checks->asked = 0;
}

static bool
begin_turn(struct checks *checks, const struct unit *u, struct err *err)
{
    ask(checks, checks->turn.n);
    forget_turn(checks);

    struct unit unit = *u; /* the targets outlive this round */
    unit.mem = checks->mem;
    if (!presence_due(&unit, (int)((checks->slot + 1) % SLOTS), &checks->turn, err)) {
        checks->turn.n = 0;
        return false;
    }
    checks->slot++;
    return true;
}

static int64_t
width_of(const struct checks *checks)
{
    int64_t width = checks->service->background.interval / SLOTS;

    return width > 0 ? width : 1;
}

bool
checks_due(struct checks *checks, const struct unit *u, struct err *err)
{
    int64_t width = width_of(checks), clock = clock_ms(), now = clock / width;

    if (checks->slot == 0 || now - checks->slot > SLOTS) {
        forget_turn(checks);
        checks->slot = now - 1;
    }
    while (checks->slot < now)
        if (!begin_turn(checks, u, err))
            return false;

    int64_t piece = clock % width * PIECES / width + 1;
    ask(checks, checks->turn.n * (size_t)piece / PIECES);
    return true;
}

void
checks_run(struct checks *checks, int wait_ms)
{
    bool busy = checks->asked < checks->turn.n || checks->answers != NULL;
    int64_t width = width_of(checks), most = (busy ? width / PIECES : width) + 1;

    prober_run(checks->prober, most < wait_ms ? (int)most : wait_ms);
    if (checks->answers != NULL && clock_ms() >= checks->write_at)
        write_answers(checks);
}

void
checks_wake(struct checks *checks)
{
    prober_wake(checks->prober);
}
