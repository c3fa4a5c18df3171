/* The sample agent "echo" of "rosterd dev": registered once, heartbeating, answering calls. */
#ifndef APP_SAMPLE_H
#define APP_SAMPLE_H

#include "app/loopback.h"

struct sample;

/* Registers it, or takes up the one of an earlier run (DIR/echo.*), through the HTTP interface with
 * the API key; starts its threads. NULL: said on stderr, and dev goes on without it. */
struct sample *sample_open(const struct loopback *to, const char *api_key, const char *dir);

/* Its permanent id. */
const char *sample_id(const struct sample *sample);

/* Ends and joins its threads; NULL is fine. */
void sample_close(struct sample *sample);

#endif
