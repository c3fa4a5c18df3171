/* The sample agent: what its connections and its requests share. */
#ifndef APP_ECHO_PRIV_H
#define APP_ECHO_PRIV_H

#include "base/arena.h"
#include "base/buf.h"

enum { ECHO_BODY_MAX = 65536, ECHO_HEAD_MAX = 32768, ECHO_INPUT_MAX = 3 * ECHO_BODY_MAX };

struct echo_request {
    struct arena *mem;
    const char *method, *target;
    const char *head;   /* the header lines                      */
    const char *length; /* Content-Length, or NULL               */
    bool chunked;
    size_t size; /* of the head with its empty line       */
};

enum echo_step {
    ECHO_MORE,   /* the request is not whole yet        */
    ECHO_DONE,   /* answered; the next may follow       */
    ECHO_LAST,   /* answered; close when it is sent     */
    ECHO_BROKEN, /* refused; close when that is sent    */
};

/* Takes one request from in and appends its answer to out. *continued: 100 was sent for the
 * request that is being read. */
enum echo_step echo_http(struct buf *in, struct buf *out, bool *continued);

#endif
