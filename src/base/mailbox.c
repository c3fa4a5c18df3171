/* A mutex, a condition and a chain of letters. */
#include "base/mailbox.h"

#include "base/clock.h"
#include "base/must.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

struct mailbox {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    struct letter *first, *last;
    size_t count, limit;
    bool closed;
    int bell; /* -1: none */
};

struct mailbox *
mailbox_new(size_t limit)
{
    struct mailbox *box = must(calloc(1, sizeof *box));
    pthread_condattr_t attr;

    box->limit = limit;
    box->bell = -1;
    pthread_mutex_init(&box->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&box->filled, &attr);
    pthread_condattr_destroy(&attr);
    return box;
}

void
mailbox_free(struct mailbox *box)
{
    if (box == NULL)
        return;
    if (box->bell >= 0)
        close(box->bell);
    pthread_cond_destroy(&box->filled);
    pthread_mutex_destroy(&box->lock);
    free(box);
}

int
mailbox_bell(struct mailbox *box)
{
    if (box->bell < 0)
        box->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return box->bell;
}

bool
mailbox_put(struct mailbox *box, struct letter *letter)
{
    letter->next = NULL;
    pthread_mutex_lock(&box->lock);
    bool taken = !box->closed && (box->limit == 0 || box->count < box->limit);
    bool was_empty = box->first == NULL;
    if (taken) {
        if (was_empty)
            box->first = letter;
        else
            box->last->next = letter;
        box->last = letter;
        box->count++;
        pthread_cond_signal(&box->filled);
    }
    pthread_mutex_unlock(&box->lock);
    /* Only the first letter rings: whoever hears the bell takes all. */
    if (taken && was_empty && box->bell >= 0)
        eventfd_write(box->bell, 1);
    return taken;
}

static void
wait_filled(struct mailbox *box, int64_t until_ms)
{
    struct timespec until = { .tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000 };

    while (box->first == NULL && !box->closed && clock_ms() < until_ms)
        pthread_cond_timedwait(&box->filled, &box->lock, &until);
}

struct letter *
mailbox_take(struct mailbox *box, int64_t until_ms)
{
    pthread_mutex_lock(&box->lock);
    wait_filled(box, until_ms);
    struct letter *letter = box->first;
    if (letter != NULL) {
        box->first = letter->next;
        letter->next = NULL;
        box->count--;
    }
    pthread_mutex_unlock(&box->lock);
    return letter;
}

struct letter *
mailbox_take_all(struct mailbox *box, int64_t until_ms)
{
    pthread_mutex_lock(&box->lock);
    wait_filled(box, until_ms);
    struct letter *all = box->first;
    box->first = box->last = NULL;
    box->count = 0;
    pthread_mutex_unlock(&box->lock);
    return all;
}

void
mailbox_close(struct mailbox *box)
{
    pthread_mutex_lock(&box->lock);
    box->closed = true;
    pthread_cond_broadcast(&box->filled);
    pthread_mutex_unlock(&box->lock);
    if (box->bell >= 0)
        eventfd_write(box->bell, 1);
}

bool
mailbox_is_closed(struct mailbox *box)
{
    pthread_mutex_lock(&box->lock);
    bool closed = box->closed;
    pthread_mutex_unlock(&box->lock);
    return closed;
}

size_t
mailbox_count(struct mailbox *box)
{
    pthread_mutex_lock(&box->lock);
    size_t count = box->count;
    pthread_mutex_unlock(&box->lock);
    return count;
}
