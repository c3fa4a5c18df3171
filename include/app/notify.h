/* Telling systemd how the service is: the text protocol of sd_notify(3). */
#ifndef APP_NOTIFY_H
#define APP_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

/* Sends lines such as "READY=1\nSTATUS=ready" to $NOTIFY_SOCKET (a path, or @name for an abstract
 * one). False when there is none, or when it did not take them: nothing depends on it. */
bool notify_send(const char *lines);

/* Sends one printf-formatted STATUS line. */
bool notify_status(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* RELOADING=1 with the moment, as systemd wants it; READY=1 ends it. */
bool notify_reloading(void);

/* Milliseconds between two signs of life that the watchdog wants (a third of WATCHDOG_USEC); 0: it
 * is off, or not meant for this process. */
int notify_watchdog_ms(void);

/* What the watchdog is told: only a number that grew since the last call is a sign of life. */
struct notify_pulse {
    unsigned long long last;
};

/* Sends WATCHDOG=1 when progress has grown; false when it has not, and nothing is sent. */
bool notify_alive(struct notify_pulse *pulse, unsigned long long progress);

#endif
