/* A curl multi driven by a loop's poll and timers: for dials, and for probes. */
#ifndef OUT_MULTI_PRIV_H
#define OUT_MULTI_PRIV_H

#include "base/poll.h"
#include "base/timers.h"

#include <curl/curl.h>
#include <stdbool.h>

struct multi {
    CURLM *curl;
    struct poll *poll;
    struct timers *timers;
    struct timer timer;
    /* A transfer is over; it may be removed, and others added. */
    void (*done)(CURL *easy, CURLcode result);
};

/* False when libcurl has no memory. poll and timers are borrowed. */
bool multi_init(struct multi *multi, struct poll *poll, struct timers *timers,
                void (*done)(CURL *easy, CURLcode result));

/* All transfers have been removed before. */
void multi_done(struct multi *multi);

#endif
