/* The timer: one thread that runs the chores, the once-a-minute health check among them. */
#ifndef WORK_TIMER_H
#define WORK_TIMER_H

#include "work/service.h"

struct timer_thread;

struct timer_thread *timer_open(struct service *service, struct err *err) MUST_CHECK;
void timer_close(struct timer_thread *timer);

#endif
