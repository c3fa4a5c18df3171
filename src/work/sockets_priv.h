/* What the files of the sockets share. */
#ifndef WORK_SOCKETS_PRIV_H
#define WORK_SOCKETS_PRIV_H

#include "work/hub.h"
#include "work/sockets.h"
#include "work/writer.h"

/* Close codes of the protocol, beside those of RFC 6455. */
enum {
    CLOSE_PROTOCOL_ERROR = 4400,
    CLOSE_UNAUTHORIZED = 4401,
    CLOSE_DEREGISTERED = 4404,
    CLOSE_TIMEOUT = 4408,
    CLOSE_SUPERSEDED = 4409,
};

enum socket_state {
    SOCKET_NEW,        /* waits for hello                                       */
    SOCKET_CONNECTING, /* hello came; it is being written that the socket is here */
    SOCKET_READY,
    SOCKET_CLOSING,
};

struct agent_socket {
    struct hub_entry entry; /* in the hub from SOCKET_READY until it is closed      */
    struct sockets *all;
    struct agent_socket *next, *prev;
    struct ws *ws; /* NULL: closed, and only waits for its sign             */
    struct uuid org;
    struct table_node by_caller;          /* its key: whose rights it has */
    const char *instance_id, *agent_type; /* behind the struct                     */
    enum socket_state state;
    bool in_hub;
    struct timer timer;  /* for hello; later for leaving                          */
    int leaving;         /* close code, as soon as no dispatch is under way; 0    */
    const char *goodbye; /* and its reason                                        */
    bool quiet;          /* its end tells nothing about the agent                 */
    struct sign sign;
    bool sign_out;    /* it is with the writer                                 */
    bool asked_again; /* what is known of it must be read again                */
    struct err sign_err;
    struct loop_mail mail; /* brings the sign back                                  */
    char *hello_id;        /* malloc'd, until the welcome                           */
    struct arena *hello;   /* what it said of itself, until that is written         */
    struct table open;     /* deliveries under way                                  */
};

struct sockets {
    struct loop *loop;
    struct agent_socket *first;
    struct table by_caller;
    struct flight *flights; /* dispatches that began here, whatever way they went */
    size_t count;           /* those that only wait for their sign, too */
    bool draining;
};

/* --- sockets.c --- */

/* Ends a socket with a close frame; its deliveries end when it is closed. */
void socket_close(struct agent_socket *s, int code, const char *reason);

/* Ends it so as soon as no delivery is under way on it, at the latest after so many ms (0: never).
 */
void socket_leave(struct agent_socket *s, int code, const char *reason, int within_ms);

/* Asks the writer whether a ready socket has still its place, and the rights that it came with. */
void socket_look_again(struct agent_socket *s);

/* For http_answer_upgrade; arg: a socket that is not in any list yet. */
void socket_take(void *arg, int fd, const char *extra, size_t n);

/* --- deliveries.c --- */

/* An answer of the agent; false when it answers nothing that is open. */
bool delivery_result(struct agent_socket *s, const char *in_reply_to, const char *result);
bool delivery_error(struct agent_socket *s, const char *in_reply_to, const char *code,
                    const char *message);

/* Ends all that are under way on a socket. */
void delivery_end_all(struct agent_socket *s, enum err_code code);

#endif
