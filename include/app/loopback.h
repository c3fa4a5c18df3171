/* A small HTTP client for our own listener: one request, one connection, plain sockets. Not for
 * anybody else's server: room "out" is. */
#ifndef APP_LOOPBACK_H
#define APP_LOOPBACK_H

#include "base/arena.h"

struct loopback {
    const char *host; /* as configured; "0.0.0.0", "[::]" mean this machine */
    int port;
};

struct loopback_call {
    const char *method, *target;
    const char *bearer;          /* may be NULL                      */
    const char *idempotency_key; /* may be NULL                      */
    const char *body;            /* JSON; may be NULL                */
};

/* Sends it and returns the status; 0: no answer within 5 s. *body: the answer's, in mem. */
int loopback_call(const struct loopback *to, const struct loopback_call *call, struct arena *mem,
                  const char **body);

#endif
