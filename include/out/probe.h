/* The once-a-minute question to an endpoint: are you there? Many at once, on the thread that calls,
 * over connections that are kept as those of calls are. */
#ifndef OUT_PROBE_H
#define OUT_PROBE_H

#include "out/guard.h"
#include "out/trust.h"

struct prober;

struct probe_answer {
    bool alive;      /* some HTTP answer below 500                       */
    int http_status; /* 0: none                                          */
    int latency_ms;
    const char *error; /* a sentence why it is not alive, borrowed for the callback; or NULL */
};

/* answer NULL: it was never asked to the end, as the prober is freed, or as there was no descriptor
 * left for it; only to release what arg holds. */
typedef void probe_done_fn(void *arg, const struct probe_answer *answer);

/* most: probes under way at once; per_host: of these to one host and port; timeout_ms: for each.
 * Hosts that ran into it the last time have at most half of the places, so that the others never
 * wait for them. guard and trust as in out/call.h. */
struct prober *prober_new(const struct guard *guard, const struct trust *trust, int most,
                          int per_host, int timeout_ms);
/* Drops what is queued and under way: done is called with NULL for each. */
void prober_free(struct prober *prober);

/* Queues HEAD url (then GET, when HEAD answers 405 or 501); done is called from prober_run. The
 * text is copied. */
void prober_add(struct prober *prober, const char *url, probe_done_fn *done, void *arg);

/* Works for at most wait_ms, less when all is answered or it is woken; returns how many are queued
 * or under way. */
size_t prober_run(struct prober *prober, int wait_ms);

/* Ends a prober_run that is waiting, from any thread. */
void prober_wake(struct prober *prober);

#endif
