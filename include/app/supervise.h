/* The main thread once everything runs: signals, systemd, the watchdog, the orderly stop. */
#ifndef APP_SUPERVISE_H
#define APP_SUPERVISE_H

#include "app/app.h"

struct supervise {
    struct app *app;
    int signals;                 /* of supervise_open                                     */
    bool (*on_hup)(void *arg);   /* SIGHUP: false, nothing changed; NULL: SIGHUP stops    */
    void (*on_child)(void *arg); /* SIGCHLD, and once a second; may be NULL               */
    bool (*on_ready)(void *arg); /* once, when it can serve first; false stops; may be NULL */
    void *arg;
};

/* Removes what other programs' settings could change in ours (proxies, certificates, key logs of
 * the TLS library), and logs what was there. Before threads start. */
void supervise_environment(void);

/* Blocks the signals of supervise_run for this and all later threads, ignores SIGPIPE; the
 * signalfd that hears them. */
int supervise_open(void);

/* Unblocks everything and sets signals to their defaults: in a child, before exec. */
void supervise_child(void);

/* Waits ms; false when SIGINT, SIGTERM or SIGHUP came first. For what happens before
 * supervise_run. */
bool supervise_pause(int signals, int ms);

/* Runs until SIGINT or SIGTERM (or on_ready fails), then drains and frees the app; a second signal
 * hurries it. False when on_ready failed. */
bool supervise_run(const struct supervise *s);

#endif
