/* A loop for the tests of calls, and a record of what a call was told. */
#ifndef HARNESS_CALLS_H
#define HARNESS_CALLS_H

#include "base/buf.h"
#include "out/call.h"
#include "upstream.h"

struct bench {
    struct poll *poll;
    struct timers *timers;
    struct guard guard;
    struct out_limits limits;
    struct trust *trust;
    struct out *out;
    char authority[64], host[64];
    struct out_url url;
};

struct seen {
    struct call *call; /* NULL once it ended */
    int heads, bodies, rooms, readies, ends, fails;
    int status;
    int64_t body_size;
    bool no_body;
    char type[64];
    char names[512]; /* of the headers, each with a blank behind */
    struct buf body;
    size_t received;
    enum err_code code;
    char note[128];
    void (*on_head)(struct seen *seen);
    void (*on_body)(struct seen *seen);
    void (*on_room)(struct seen *seen);
    void (*on_end)(struct seen *seen);
    void *arg;
};

/* Limits of some seconds, loopback allowed; change bench->limits before the first call. */
void bench_open(struct bench *bench, const char *ca_file);
void bench_close(struct bench *bench);

/* The url of an upstream. */
const struct out_url *bench_url(struct bench *bench, int port, bool https, const char *host);

/* Begins a call without a body; with one of body_size. target NULL: "/". */
void bench_get(struct bench *bench, struct seen *seen, const struct out_url *url,
               const char *method);
void bench_begin(struct bench *bench, struct seen *seen, const struct call_request *request);

/* Turns the loop for ms, or until the call ended: false when it did not. */
void bench_turn(struct bench *bench, int ms);
bool bench_wait(struct bench *bench, struct seen *seen);

/* Turns the loop until the count is what it should be, or no connection is left; false when that
 * does not happen. */
bool bench_until(struct bench *bench, const int *count, int want);
bool bench_is_empty(struct bench *bench);
void seen_done(struct seen *seen);

#endif
