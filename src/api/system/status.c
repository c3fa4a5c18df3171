/* /health says at once what this node knows; /health/detailed asks the database. Where something is
 * wrong, the answer is an error, so that a status code is enough to notice it. */
#include "api/system/status.h"

#include "base/clock.h"
#include "domain/schema.h"
#include "work/service.h"

enum { SLOW_MS = 1000 };

/* What every answer begins with. */
struct about {
    const char *status, *version;
    int64_t uptime; /* seconds */
};

struct connected {
    const char *database;
};

struct health {
    struct about about;
    struct connected services;
};

struct measured {
    const char *status;
    int64_t latency_ms;
};

struct dependencies {
    struct measured database;
};

struct detailed {
    struct about about;
    struct dependencies services;
};

static const char *const status_words[] = { "ok", "degraded", NULL };
static const char *const connected_words[] = { "connected", NULL };
static const char *const measured_words[] = { "healthy", "degraded", NULL };

/* clang-format off */
#define ABOUT_FIELDS(type)                                                                         \
    { "status", TEXT_AT(type, about.status), 0, .names = status_words,                             \
      .doc = "degraded: slow; otherwise it is an error." },                                        \
    { "version", TEXT_AT(type, about.version), 0, .doc = "Of this program." },                     \
    { "uptime", INT_AT(type, about.uptime), 0, .doc = "Seconds since it started." }
/* clang-format on */

static const struct field connected_fields[] = {
    { "database", TEXT_AT(struct connected, database), 0, .names = connected_words,
      .doc = "PostgreSQL, as of the last second." },
    FIELD_LAST,
};

static const struct spec connected_spec = { "HealthServices", sizeof(struct connected),
                                            connected_fields };

static const struct field health_fields[] = {
    ABOUT_FIELDS(struct health),
    { "services", OBJECT_AT(struct health, services, struct connected), 0, .spec = &connected_spec,
      .doc = "What it depends on." },
    FIELD_LAST,
};

static const struct spec health_spec = { "Health", sizeof(struct health), health_fields };

static const struct field measured_fields[] = {
    { "status", TEXT_AT(struct measured, status), 0, .names = measured_words,
      .doc = "degraded: it took more than a second." },
    { "latencyMs", INT_AT(struct measured, latency_ms), 0, .doc = "How long it took." },
    FIELD_LAST,
};

static const struct spec measured_spec = { "Dependency", sizeof(struct measured), measured_fields };

static const struct field dependency_fields[] = {
    { "database", OBJECT_AT(struct dependencies, database, struct measured), 0,
      .spec = &measured_spec, .doc = "PostgreSQL." },
    FIELD_LAST,
};

static const struct spec dependencies_spec = { "Dependencies", sizeof(struct dependencies),
                                               dependency_fields };

static const struct field detailed_fields[] = {
    ABOUT_FIELDS(struct detailed),
    { "services", OBJECT_AT(struct detailed, services, struct dependencies), 0,
      .spec = &dependencies_spec, .doc = "What it depends on." },
    FIELD_LAST,
};

static const struct spec detailed_spec = { "DetailedHealth", sizeof(struct detailed),
                                           detailed_fields };

static struct about
about(const struct request *rq, const char *status)
{
    return (struct about){ status, ROSTERD_VERSION,
                           (clock_ms() - service_of(rq)->started_ms) / 1000 };
}

/* The words that the answer would have had. */
static bool
degraded(struct err *err, const char *database)
{
    err_fact_text(err, "status", "degraded");
    err_fact_text(err, "database", database);
    return false;
}

static bool
say_health(struct request *rq, struct err *err)
{
    struct health *health = ARENA_NEW(rq->mem, struct health);

    if (!atomic_load(&service_of(rq)->db_up)) {
        err_set(err, ERR_DATABASE_UNAVAILABLE, NULL, NULL);
        return degraded(err, "disconnected");
    }
    *health = (struct health){ about(rq, "ok"), { "connected" } };
    reply_header(rq, "Cache-Control", "no-store");
    rq->out = health;
    return true;
}

static bool
measure_health(struct request *rq, struct err *err)
{
    struct detailed *health = ARENA_NEW(rq->mem, struct detailed);
    int64_t begun = clock_ms();

    if (!schema_ping(rq->unit, err))
        return degraded(err, "unreachable");
    int64_t took = clock_ms() - begun;
    bool slow = took > SLOW_MS;
    *health = (struct detailed){ about(rq, slow ? "degraded" : "ok"),
                                 { { slow ? "degraded" : "healthy", took } } };
    reply_header(rq, "Cache-Control", "no-store");
    rq->out = health;
    return true;
}

const struct route system_status_routes[] = {
    { "GET", "/health", say_health, "healthStatus", "Whether this node is well",
      .flags = ROUTE_LOOP | ROUTE_QUIET, .out = &health_spec, .ok = 200,
      .fails = { ERR_DATABASE_UNAVAILABLE },
      .doc = "Asks nothing of the database; the error has the members status and database." },
    { "GET", "/health/detailed", measure_health, "healthDetails",
      "How long what it depends on takes to answer", .who = WHO_ANYONE, .limit = LIMIT_PUBLIC,
      .out = &detailed_spec, .ok = 200,
      .doc = "Reads a row of the database; the error has the members status and database." },
    ROUTE_LAST,
};
