/* The running service: makes every long-lived thing in order and ends them in reverse. */
#ifndef APP_APP_H
#define APP_APP_H

#include "app/config.h"

struct app;

/* Starts all threads and begins to serve; dev: started by "rosterd dev". NULL with err: the reason
 * is a sentence for the operator (port taken, database unreachable within its timeout is NOT a
 * failure: it serves 503 until the database comes; wrong master key, schema too new or not
 * migrated are). config must outlive it. */
struct app *app_open(struct config *config, struct err *err) MUST_CHECK;

/* The port it listens on (the one chosen by the kernel for port 0). */
int app_port(const struct app *app);

/* The public base URL: core->issuer. */
const char *app_issuer(const struct app *app);

/* Whether it can serve: database, schema, key, not draining. */
bool app_is_ready(struct app *app);

/* A number that grows while every thread makes progress: for the watchdog. It stops growing when
 * any loop, worker, writer or timer has not come round for 10 s (waiting for the database is
 * progress). */
unsigned long long app_progress(struct app *app);

/* Puts reloadable settings in force. */
void app_reload(struct app *app);

/* Drains in the documented order and frees; returns when all threads are joined. hurry (may be set
 * meanwhile by a second signal) cuts the waiting short. */
void app_close(struct app *app, const _Atomic int *hurry);

#endif
