/* The agents that have dialled in: one socket for each connected instance, on the loop that took
 * its handshake (subprotocol svantic.v1). */
#ifndef WORK_SOCKETS_H
#define WORK_SOCKETS_H

#include "base/table.h"
#include "domain/cache.h"
#include "work/loop.h"

struct sockets;

/* Of one loop. */
struct sockets *sockets_new(struct loop *loop);

/* Drops what is left, without a word. */
void sockets_free(struct sockets *sockets);

/* How many there are, those that are closing too. */
size_t sockets_count(const struct sockets *sockets);

/* Draining, on the thread of the loop. begin: each is closed (1012) as soon as no dispatch is under
 * way on it, and takes no new one. hurry: now, its dispatches end with DRAINING. */
void sockets_drain(struct sockets *sockets);
void sockets_hurry(struct sockets *sockets);

/* The parameters of the row. */
struct sockets_query {
    const char *instance_id;
};

/* Handler of the row: parks; ends in a socket, or fails with the codes of the row, in the order of
 * their checks. */
bool sockets_connect(struct request *rq, struct err *err) MUST_CHECK;

/* For cache_listen (arg: the service): an instance is gone, or has its socket elsewhere; a
 * credential or an organization may have lost its rights. */
void sockets_hear(void *arg, enum hint_kind kind, const struct uuid *id);

/* --- a dispatch on its way to a socket and back --- */

enum { DISPATCH_ERROR_TEXT = 512 };

struct delivery {
    struct loop_mail mail;
    struct table_node node; /* its key: id of the dispatch, by which the agent answers  */
    struct timer timer;
    struct loop *home;  /* where back runs                                              */
    struct loop *there; /* that of the socket                                           */
    struct uuid instance;
    int64_t fence;  /* of the socket that was chosen; 0: any                            */
    int64_t due_ms; /* clock_ms: ends with DISPATCH_TIMEOUT                              */
    char *frame;    /* malloc'd; freed when it was sent                                  */
    size_t frame_size;
    struct agent_socket *on;
    /* On the loop home, once. */
    void (*back)(struct delivery *delivery);
    /* How it ended: result (malloc'd JSON text) or code. AGENT_DISCONNECTED with sent false: it
     * never left. */
    bool sent;
    enum err_code code;
    char *result;
    char agent_code[64], agent_message[DISPATCH_ERROR_TEXT];
};

/* Sends a delivery, from the thread of home; NO_AVAILABLE_INSTANCE, AGENT_BUSY, AGENT_DISCONNECTED,
 * HANDLER_ERROR, DISPATCH_TIMEOUT, DRAINING. */
void sockets_deliver(struct service *service, struct delivery *delivery);

#endif
