/* The sample agent's server: answers every request with what it was, on a free port of 127.0.0.1.
 * It says whether an Authorization header came, never what it held. */
#ifndef APP_ECHO_H
#define APP_ECHO_H

#include "base/err.h"
#include "base/must.h"

struct echo;

/* Starts its thread. NULL: INTERNAL_ERROR. */
struct echo *echo_open(struct err *err) MUST_CHECK;
int echo_port(const struct echo *echo);

/* Ends and joins it; NULL is fine. */
void echo_close(struct echo *echo);

#endif
