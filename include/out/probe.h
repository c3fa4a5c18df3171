/* The once-a-minute question to an endpoint: are you there? Many at once, through one curl multi
 * on the thread that calls. */
#ifndef OUT_PROBE_H
#define OUT_PROBE_H

#include "out/guard.h"

struct prober;

struct probe_answer {
    bool alive;      /* some HTTP answer below 500                       */
    int http_status; /* 0: none                                          */
    int latency_ms;
    const char *error; /* a sentence why it is not alive, borrowed for the callback; or NULL */
};

/* answer NULL: it was never answered, the prober is freed; only to release what arg holds. */
typedef void probe_done_fn(void *arg, const struct probe_answer *answer);

/* most: probes under way at once; timeout_ms: for each. guard and ca_file as in out/call.h. */
struct prober *prober_new(const struct guard *guard, const char *ca_file, int most, int per_host,
                          int timeout_ms);
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
