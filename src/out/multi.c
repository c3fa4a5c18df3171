/* A curl multi driven by a loop's poll and timers. */
#include "out/multi_priv.h"

#include "base/clock.h"
#include "base/must.h"

#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>

struct multi_watch {
    struct watch watch; /* first: what the poll gives back is this */
    struct multi *multi;
};

static void
act(struct multi *multi, curl_socket_t fd, int events)
{
    int running, left;
    CURLMsg *message;

    curl_multi_socket_action(multi->curl, fd, events, &running);
    while ((message = curl_multi_info_read(multi->curl, &left)) != NULL)
        multi->done(message->easy_handle, message->data.result);
}

static void
on_ready(struct watch *watch, uint32_t events)
{
    struct multi *multi = ((struct multi_watch *)(void *)watch)->multi;
    int bits = 0;

    if (events & (EPOLLIN | EPOLLHUP))
        bits |= CURL_CSELECT_IN;
    if (events & EPOLLOUT)
        bits |= CURL_CSELECT_OUT;
    if (events & EPOLLERR)
        bits |= CURL_CSELECT_ERR;
    act(multi, watch->fd, bits);
}

static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    struct multi *multi = arg;
    struct multi_watch *watched = socket_arg;
    uint32_t events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (watched != NULL)
            poll_remove(&watched->watch);
        free(watched);
        curl_multi_assign(multi->curl, fd, NULL);
    } else if (watched != NULL) {
        poll_change(&watched->watch, events);
    } else {
        watched = must(calloc(1, sizeof *watched));
        watched->multi = multi;
        if (poll_add(multi->poll, &watched->watch, fd, events, on_ready))
            curl_multi_assign(multi->curl, fd, watched);
        else /* libcurl would give up all of them on an error; so this one runs into its timeout */
            free(watched);
    }
    return 0;
}

static int
on_timer(CURLM *curl, long wait_ms, void *arg)
{
    struct multi *multi = arg;

    (void)curl;
    if (wait_ms < 0)
        timers_stop(multi->timers, &multi->timer);
    else
        timers_set(multi->timers, &multi->timer, clock_ms() + wait_ms);
    return 0;
}

static void
on_time(struct timer *timer)
{
    void *multi = (char *)timer - offsetof(struct multi, timer);

    act(multi, CURL_SOCKET_TIMEOUT, 0);
}

static void
set_up_libcurl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

bool
multi_init(struct multi *multi, struct poll *poll, struct timers *timers,
           void (*done)(CURL *easy, CURLcode result))
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, set_up_libcurl);
    *multi = (struct multi){ curl_multi_init(), poll, timers, { .fire = on_time }, done };
    return multi->curl != NULL &&
           curl_multi_setopt(multi->curl, CURLMOPT_SOCKETFUNCTION, on_socket) == CURLM_OK &&
           curl_multi_setopt(multi->curl, CURLMOPT_SOCKETDATA, multi) == CURLM_OK &&
           curl_multi_setopt(multi->curl, CURLMOPT_TIMERFUNCTION, on_timer) == CURLM_OK &&
           curl_multi_setopt(multi->curl, CURLMOPT_TIMERDATA, multi) == CURLM_OK;
}

void
multi_done(struct multi *multi)
{
    curl_multi_cleanup(multi->curl);
    timers_stop(multi->timers, &multi->timer);
}
