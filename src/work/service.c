/* Small things that every thread of the service uses. */
#include "work/service.h"

#include "base/clock.h"
#include "work/loop.h"

#include <assert.h>

struct pulse *
service_pulse(struct service *service)
{
    int n = atomic_fetch_add(&service->npulses, 1);

    assert(n < PULSES_MAX);
    service_beat(&service->pulses[n]);
    return &service->pulses[n];
}

void
service_beat(struct pulse *pulse)
{
    atomic_store_explicit(&pulse->at, clock_ms(), memory_order_relaxed);
}

struct service *
service_of(const struct request *rq)
{
    return loop_service(http_owner(rq));
}

const char *
service_unready(struct service *service)
{
    if (atomic_load(&service->draining))
        return "draining";
    if (!atomic_load(&service->db_up))
        return "database";
    if (!atomic_load(&service->gate))
        return "schema or master key";
    return NULL;
}
